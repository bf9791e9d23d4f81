"""The local preview engine."""
