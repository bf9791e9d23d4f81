"""Splice takes into a film: smart rendering where possible, re-encoding where not."""
