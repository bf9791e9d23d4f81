"""Turnovers to editing systems, returned clips, and proxies relinked to camera originals."""
