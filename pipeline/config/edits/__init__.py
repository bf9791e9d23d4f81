"""Edits from lists and sidecar files, checked against each other."""
