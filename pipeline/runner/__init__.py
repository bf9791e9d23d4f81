"""Run a checked job: schedule its steps, store their results, plan, resume and report."""
