"""The boxes and sample tables of MP4 and MOV files."""
