"""Reading films and sound: probe, decode, clock, loudness, and the one place that starts tools."""
