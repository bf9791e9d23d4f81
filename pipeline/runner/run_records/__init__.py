"""What is kept of runs: their folders, outcomes and choices, and how old ones are pruned."""
