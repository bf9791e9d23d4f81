"""`python -m react1` is the command `react1`."""

from .pipeline.cli import main

main()
