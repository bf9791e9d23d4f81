"""The commands for editing systems: lists of edits, returned clips, and what a film says of itself."""
