"""Who is re-expressed: one face for each shot, followed through it, and nothing carried over a cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .arrays import Curve, Points
from .gate import frontal, sharp
from .occlusion import Cover, cover
from .scout import Scouted, Sighting
from .shots import Shot, flashes, shots
from .smooth import smooth_track
from .speaker import Chosen, choose
from .track import Track, bridge, follow, join
from .witness import witnessed

FEWEST_FRAMES = 4
"""What is seen for less, in a shot that is longer, is a glimpse: an expression cannot come and go in it."""


@dataclass(frozen=True, eq=False)
class Part:
    """One shot of the clip and the face that is re-expressed in it."""

    shot: Shot
    chosen: Chosen | None
    """None where the shot shows no face within the span."""
    line: tuple[Points | None, ...]
    """The face in each frame of the shot, smoothed."""
    seen: tuple[int, ...]
    """Frames of the clip in which it was found."""
    cover: Cover
    """What covers it, for each frame of the shot."""
    weights: Curve
    """How well it is seen in each frame of the shot, 0 to 1."""
    flashes: frozenset[int] = frozenset()
    """Frames of the shot in which a flash hides all: they stay as they are, and nothing is ramped around them."""


def cast(scouted: Scouted, span: Shot, heard: Curve | None, fps: Fraction, detect: bool) -> list[Part]:
    """Find the face of each shot that the span [first, last) touches.

    Args:
        scouted: what the first pass found.
        span: the frames that may change.
        heard: the voice's loudness at each frame, to tell the speaker by; None without one.
        fps: frames per second.
        detect: whether the speaker is wanted rather than the largest face.
    """
    thumbnails = [sighting.small for sighting in scouted.sightings]
    known = [small for small in thumbnails if small is not None]
    found = shots(known) if len(known) == len(thumbnails) else [(0, len(thumbnails))]
    touched = [shot for shot in found if shot[0] < span[1] and span[0] < shot[1]]
    return [_part(scouted.sightings, shot, span, heard, fps, detect) for shot in touched]


def _part(
    sightings: Sequence[Sighting], shot: Shot, span: Shot, heard: Curve | None, fps: Fraction, detect: bool
) -> Part:
    first, last = shot
    tracks = [
        track
        for track in _faces(sightings, shot)
        if len(track.points) >= min(FEWEST_FRAMES, last - first)
        and any(max(first, span[0]) <= number < min(last, span[1]) for number in track.points)
    ]
    if not tracks:
        nobody = (None,) * (last - first)
        none = np.zeros(last - first)
        return Part(shot, None, nobody, (), Cover(none, none, nobody), none)
    chosen = choose(tracks, heard, shot, fps, detect)
    whole = follow(chosen.track, tracks)
    faces = [whole.points.get(number) for number in range(first, last)]
    bridged = smooth_track(bridge(faces, float(fps)), float(fps))
    small = [one.small for one in sightings[first:last] if one.small is not None]
    lit = flashes(small, [face is not None for face in faces]) if len(small) == len(faces) else frozenset()
    lit = frozenset(number for number in lit if bridged[number] is not None)
    line = [None if number in lit else points for number, points in enumerate(bridged)]
    looks = {number - first: glance for number, glance in whole.looks.items()}
    return Part(
        shot,
        chosen,
        tuple(line),
        tuple(sorted(whole.points)),
        cover([looks.get(number) for number in range(last - first)], faces, fps),
        frontal(line) * sharp(looks, last - first),
        lit,
    )


def _faces(sightings: Sequence[Sighting], shot: Shot) -> list[Track]:
    first, last = shot
    inside = sightings[first:last]
    glances = [one.glances for one in inside] if all(len(one.glances) == len(one.faces) for one in inside) else None
    tracks = join((one.faces for one in inside), glances, first)
    boxes = {number: one.boxes for number, one in enumerate(sightings) if one.boxes is not None}
    return witnessed(tracks, boxes) if boxes else tracks
