"""MP4 and MOV files: boxes, sample tables, and replacing samples without a muxer."""
