"""Nodes for react1-nodes."""
