"""Paid calls: the ledger, the budget, uploads, and each call from its submit to its take."""
