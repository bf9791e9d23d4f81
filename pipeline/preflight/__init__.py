"""Checks on a clip before it is uploaded or paid for; they only read."""
