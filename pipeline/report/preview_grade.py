"""How large and how fine previews are: a page of many edits has smaller ones, so that it stays one file of a few MB.

Measured on films of talking people, an edit of 1 s with its handles (48 frames) takes 320 kB of the page in full, at
320x320 pixels; 100 kB as one of forty.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_UNIT_FRAMES = 50
"""A longer preview counts as several."""


@dataclass(frozen=True)
class PreviewGrade:
    """The size and the coding of a preview's clips and stills."""

    max_side_px: int
    crf: int
    keyframe_interval: int
    """In frames; a browser steps back more slowly if it is longer."""
    still_format: str
    """`jpeg` or `webp`."""
    still_quality: int
    sound_bps: int


FULL = PreviewGrade(640, 26, 10, "jpeg", 84, 128_000)
_GRADES = (
    (8, FULL),
    (20, PreviewGrade(400, 29, 16, "webp", 72, 64_000)),
    (60, PreviewGrade(288, 31, 24, "webp", 66, 40_000)),
)
_SMALLEST = PreviewGrade(224, 33, 24, "webp", 56, 32_000)


def choose_grade(frame_counts: Iterable[int]) -> PreviewGrade:
    """Choose the grade for a page with previews of so many frames each."""
    units = sum(max(1.0, count / _UNIT_FRAMES) for count in frame_counts)
    return next((grade for most, grade in _GRADES if units <= most), _SMALLEST)
