"""The contract of a node, the registry of nodes, and plug-ins."""
