"""Final Cut Pro XML."""
