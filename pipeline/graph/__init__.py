"""From a list of steps to typed wires: who feeds whom, in which order, once or per segment.

This room knows nodes by their `Ports` alone: no preset, no file, no runner.
"""
