"""Paid jobs: the ledger, the budget, uploads, and each job from its submit to its take."""
