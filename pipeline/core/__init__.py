"""Values, the node contract, errors and exact times, which every other package uses."""
