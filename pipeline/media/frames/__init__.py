"""Decoded pictures: the frame reader, conversions, colors and shots."""
