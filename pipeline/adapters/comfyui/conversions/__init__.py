"""Convert between ComfyUI's values or widgets and the values of the package."""
