"""Subtitles, tables and transcripts."""
