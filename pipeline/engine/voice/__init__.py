"""Analyze a voice: acoustic features, visemes and lip motion."""
