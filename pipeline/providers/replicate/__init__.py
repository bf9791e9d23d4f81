"""React-1 at Replicate; written with the public contract of providers only."""
