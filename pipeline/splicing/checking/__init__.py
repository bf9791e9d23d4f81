"""What is looked at before a film gets its name: packets, pictures, a strict decode, and the seams."""
