"""YAML in which every value knows its file, line and column."""
