"""Timelines of editing systems as entries."""
