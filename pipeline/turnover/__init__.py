"""The way back into an editing system: a clip for every edit, and timelines that show where they lie."""
