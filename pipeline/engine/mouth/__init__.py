"""The inside of an open mouth."""
