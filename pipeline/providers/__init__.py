"""Hosts of React-1 behind one small contract."""
