"""Write turnovers for editing systems, check returned clips, and relink proxies to camera originals."""
