"""What an edit asks for: a span and its expression, the choice of a face, several takes."""
