"""Edit lists, timelines, subtitles and transcripts, read as edits; turnovers written."""
