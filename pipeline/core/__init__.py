"""The values that flow, the node contract, errors and exact times: what every other package builds on."""
