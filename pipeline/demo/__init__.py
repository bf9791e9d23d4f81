"""The demo's own footage: a talking clip of a real face, made on the spot."""
