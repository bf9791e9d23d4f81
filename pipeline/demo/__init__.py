"""The demo clip: a talking face with a synthetic voice."""
