"""Pictures at the seams: inserts, blending, morphing, planes and field order."""
