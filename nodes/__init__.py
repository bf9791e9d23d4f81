"""The nodes that ship, one module each; the registry loads them all."""
