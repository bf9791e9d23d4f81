"""Where calls run: the seam, and the executors behind it."""
