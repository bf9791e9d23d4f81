"""The commands that show what there is: runs, spending, jobs, faces, presets and nodes."""
