"""The local re-expression engine: landmarks, action units, warp, mouth, speech. A preview, not React-1."""
