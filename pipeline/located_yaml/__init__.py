"""YAML whose values keep their file, line and column."""
