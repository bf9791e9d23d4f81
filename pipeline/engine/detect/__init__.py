"""Detect faces, confirm them, track them through shots, and select one per shot."""
