"""From an emotion to action units, and the head's frame of reference."""
