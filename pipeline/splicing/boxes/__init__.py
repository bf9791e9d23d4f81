"""MP4 and MOV as they are stored: the tree of boxes, the sample tables, and new samples put among the old ones."""
