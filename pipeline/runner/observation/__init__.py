"""What can be seen of a run from outside: traces and metrics."""
