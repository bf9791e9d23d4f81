"""Adapters to other programs that host the nodes: ComfyUI."""
