"""Probe, decode, trim and transcode; clocks, shots, spans and the one subprocess module."""
