"""OpenTimelineIO timelines, read and written."""
