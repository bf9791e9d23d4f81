"""Edits as post-production names them: lists, timelines, markers, subtitles, words; and the media they belong to."""
