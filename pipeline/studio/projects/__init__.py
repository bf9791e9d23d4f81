"""Open films and their jobs: the job file, takes, and the files that may be opened."""
