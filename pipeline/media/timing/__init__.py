"""Clocks, frame rates, spans of edits and sync modes."""
