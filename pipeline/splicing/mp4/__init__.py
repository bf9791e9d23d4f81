"""MP4 and MOV: boxes, sample tables, and new samples among the old."""
