"""Landmark back ends, and the selection of one."""
