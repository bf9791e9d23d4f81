"""From frames to frames: drawing, shading, encoding."""
