"""Faces: found, confirmed, tracked through shots, and chosen."""
