"""Everything behind the nodes; docs/architecture.md describes the packages."""
