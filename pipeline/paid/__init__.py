"""Calls that cost money: asked for once, followed to their end, never lost."""
