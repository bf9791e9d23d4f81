"""Frames of a clip: decode, convert, measure, blend, encode."""
