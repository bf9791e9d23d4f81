"""A take is measured against what was sent, corrected, and laid onto the source's own frames."""
