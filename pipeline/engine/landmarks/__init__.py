"""Back ends that find landmarks, and the choice among them."""
