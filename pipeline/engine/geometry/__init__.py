"""The geometry of a face: landmark indices, the frame of the head, the mesh."""
