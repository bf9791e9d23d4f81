"""Providers of React-1 and the local engine, behind one contract."""
