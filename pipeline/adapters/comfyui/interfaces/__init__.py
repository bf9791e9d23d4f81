"""ComfyUI's two interfaces, V3 and V1, and what both do with a box."""
