"""Detect what covers a face, and keep it unchanged."""
