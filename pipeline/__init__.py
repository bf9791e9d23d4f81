"""All that the nodes stand on; docs/architecture.md draws the floors."""
