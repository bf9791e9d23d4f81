"""One module per command of `react1`, grouped by what the user does."""
