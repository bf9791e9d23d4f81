"""Choose the face of a segment that is changed, and crop what is sent around it."""
