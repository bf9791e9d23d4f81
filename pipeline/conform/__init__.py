"""Measure a take against its plate, correct it and composite it onto the exact frames of the source."""
