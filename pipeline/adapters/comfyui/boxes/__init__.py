"""The boxes themselves: whole jobs, films, edits, takes and the single steps."""
