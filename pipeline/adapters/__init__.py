"""Doors for other programs, made from the same node classes."""
