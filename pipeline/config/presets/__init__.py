"""Presets as written, as Python and as JSON Schema, and those that have a name."""
