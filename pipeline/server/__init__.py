"""The hosted API contract over HTTP, in front of the local engine."""
