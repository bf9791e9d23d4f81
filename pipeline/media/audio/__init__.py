"""Audio: samples by the film clock, loudness, pauses, the voice track."""
