"""Child processes, the ffmpeg that runs, and copies of files."""
