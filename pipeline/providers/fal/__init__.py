"""React-1 at fal; written with the public contract of providers only."""
