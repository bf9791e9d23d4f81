"""Timeline layouts for tests of the EDL, FCPXML and OTIO writers."""

from __future__ import annotations

from fractions import Fraction

from react1.pipeline.interchange.turnover.layout import PlacedFile, TimelineLayout

ABOUT = {"prompt": "sad", "temperature": 0.6, "model_mode": "face", "provider": "segmind", "request_id": "r-1"}
SPANS = ((100, 80), (300, 40))
"""(place, length) of the clips, in frames of the film."""
FILM = 1800


def sample_layout(rate: Fraction, start: int, *, drop: bool = False) -> TimelineLayout:
    """Build a layout of two clips with handles of 8 frames over a film; the second replaces the sound."""
    film = PlacedFile(
        "a film.mov", "../a film.mov", "A001C002_210101", start, FILM, 0, FILM, 0, audible=False, about={}
    )
    clips = [
        PlacedFile(f"l{n}_react1_v001.mov", f"l{n}_react1_v001.mov", film.reel, start + place - 8, used + 16, 8, used,
                   place, audible=n == 1, about=ABOUT)
        for n, (place, used) in enumerate(SPANS)
    ]  # fmt: skip
    return TimelineLayout("cut", rate, drop, (1920, 1080), "bt709 bt709 bt709", 48_000, 2, film, tuple(clips))
