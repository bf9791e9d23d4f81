"""The page and the record of a run."""
