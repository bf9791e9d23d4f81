"""The local server: React-1's hosted contract in front of the local engine."""
