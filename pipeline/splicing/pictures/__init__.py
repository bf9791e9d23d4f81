"""Pictures at the seams: inserts, blends, morphs, planes, fields and HDR metadata."""
