"""One thin file per node; the registry reads them all."""
