"""The ledger: every call that costs money, written down before it is made."""
