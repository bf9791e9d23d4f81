"""Writing MP4 and MOV files without a muxer: samples are replaced, all else is copied."""
