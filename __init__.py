"""react1: video-pipeline nodes around React-1."""
