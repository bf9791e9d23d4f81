"""OpenTimelineIO."""
