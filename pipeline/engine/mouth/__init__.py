"""What is seen in an open mouth: teeth, tongue, shadow."""
