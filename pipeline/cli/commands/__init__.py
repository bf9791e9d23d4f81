"""One module per command of `react1`."""
