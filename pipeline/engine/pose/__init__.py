"""What a face does: emotions as action units, motion of the head."""
