"""Adapters for other programs that run the nodes: ComfyUI."""
