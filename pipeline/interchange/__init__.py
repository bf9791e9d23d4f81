"""Read edit lists, timelines, subtitles and transcripts as edits; write turnovers."""
