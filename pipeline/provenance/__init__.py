"""Signed statements about a film: what was changed in it, by whom and with which model (C2PA)."""
