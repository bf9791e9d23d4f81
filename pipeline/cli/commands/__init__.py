"""The commands of `react1`, one in a module or a few that belong together, grouped by what the user does."""
