"""Who is re-expressed: one face for each shot, followed through it, and nothing carried over a cut.

Frames in which a face is seen badly: turned or tilted away, or smeared by motion. There the expression fades.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ...media.shots import Shot, hidden_by_flash, split_at_cuts
from ..arrays import Curve, Points
from ..geometry.head_frame import FaceFrame
from ..occlusion.occlusion import Cover, Glance, cover
from ..ramp import smoothstep
from .confirm import witnessed
from .detect import Scouted, Sighting
from .smooth import smooth_track
from .speaker import Chosen, choose
from .track import Track, bridge, follow, join

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
    thumbnails = [sighting.thumbnail for sighting in scouted.sightings]
    known = [thumbnail for thumbnail in thumbnails if thumbnail is not None]
    found = split_at_cuts(known) if len(known) == len(thumbnails) else [(0, len(thumbnails))]
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
    small = [one.thumbnail for one in sightings[first:last] if one.thumbnail is not None]
    lit = hidden_by_flash(small, [face is not None for face in faces]) if len(small) == len(faces) else frozenset()
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


TURNED_DEG, TILTED_DEG = (38.0, 50.0), (32.0, 44.0)
"""Between these angles of yaw and of pitch the edit fades out: the far side of the face is guessed."""
SMEARED = (0.55, 0.35)
"""Between these shares of its usual sharpness a face fades: its landmarks are guessed too."""
STRONGEST = 200
"""Of so many texels, those with the strongest edges, sharpness is taken."""
SHARPNESS_FRAMES, EASE_FRAMES = 8, 3


def frontal(line: Sequence[Points | None]) -> Curve:
    """Give a weight for each frame: 1 seen from the front, 0 turned or tilted away; a frame without a face has 1."""
    weights = np.ones(len(line))
    for number, points in enumerate(line):
        if points is not None:
            axes = FaceFrame(points).axes
            for row, (full, none) in ((0, TURNED_DEG), (1, TILTED_DEG)):
                angle = abs(math.degrees(math.asin(float(np.clip(axes[row, 2], -1, 1)))))
                weights[number] *= 1 - float(smoothstep(np.array((angle - full) / (none - full))))
    return weights


def sharp(looks: Mapping[int, Glance], frames: int) -> Curve:
    """Give a weight for each frame: 1 as sharp as this face usually is in its shot, 0 smeared."""
    weights = np.ones(frames)
    if len(looks) < SHARPNESS_FRAMES:
        return weights
    numbers = sorted(looks)
    edges = [float(np.partition(looks[number].texels[:, 3], -STRONGEST)[-STRONGEST:].mean()) for number in numbers]
    share = np.array(edges) / max(1e-6, float(np.median(edges)))
    weights[numbers] = 1 - smoothstep((SMEARED[0] - share) / (SMEARED[0] - SMEARED[1]))
    return _eased(weights)


def _eased(weights: Curve) -> Curve:
    """Begin a fade some frames before it is due, and end it later, so that none pops."""
    padded = np.pad(weights, 2 * EASE_FRAMES, mode="edge")
    least = np.lib.stride_tricks.sliding_window_view(padded, 2 * EASE_FRAMES + 1).min(1)
    eased: Curve = np.lib.stride_tricks.sliding_window_view(least, 2 * EASE_FRAMES + 1).mean(1)
    return eased
