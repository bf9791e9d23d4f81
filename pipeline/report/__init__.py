"""The report of a run: a page with pictures, and JSON."""
