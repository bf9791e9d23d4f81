"""A preset whose last step pays, and that splices nothing."""

PAID_PRESET = """
name: paid
inputs:
  source: {kind: media}
  edits: {kind: edits}
steps:
  - fetch: {uri: $source}
  - trim: {edits: $edits, handles: 0f}
  - transcode
  - normalize_audio
  - upload
  - react1
"""
