"""A job as a template for a render farm."""
