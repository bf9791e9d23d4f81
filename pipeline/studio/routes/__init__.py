"""Endpoints of the page, what they accept, and who may call them."""
