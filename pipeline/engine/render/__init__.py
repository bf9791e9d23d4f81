"""The second pass: draw the poses into the frames and write the takes."""
