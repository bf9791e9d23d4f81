"""The commands for an installation: its checks, its store, schemas, the local server and new nodes."""
