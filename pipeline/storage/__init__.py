"""What comes from the web, and what goes there."""
