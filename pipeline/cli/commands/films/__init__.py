"""The commands that make films: run, batch, plan, resume, pick, and the two ways in, demo and studio."""
