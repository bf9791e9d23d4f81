"""New dialogue in an audio track: position, loudness, packets and joins."""
