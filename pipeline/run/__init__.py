"""The loop that runs a job: steps, progress, cancel, resume, and what came of it."""
