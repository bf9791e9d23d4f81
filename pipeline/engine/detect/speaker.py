"""Which of several faces speaks: the one whose mouth moves while the voice sounds, and rests while it does not.

A mouth does not open in step with loudness, but it is busy where the voice is. So it is compared by four measures: how
much the skin of the lips changes from frame to frame, quickly and over half a second, how fast the lips part and close,
and how fast they widen. On real faces their mean tells the speaker from another talking face far more often than the
opening itself does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np

from ..arrays import Curve, Ids
from ..geometry.head_frame import FaceFrame, MouthShape
from ..occlusion import texels
from ..voice.listening import HOP_S, listen
from ..voice.voice_samples import Sound
from .track import Track

LEAST, MARGIN = 0.25, 0.12
"""The score that a speaker needs, and its lead over the next face."""
QUICK_S, SLOW_S = 0.08, 0.16
"""Widths of the bells that smooth the measures."""
HEARD_S = 0.02
"""Width of the bell over which loudness is taken."""
LAG_S = 0.12
"""A voice may be so much early or late."""
RANGE_DB = 30.0
"""How far below the loud level a voice is silent."""
SHORTEST_S = 1.2
"""Less than this tells nothing."""


@dataclass(frozen=True)
class Chosen:
    """The face to re-express in a shot, and why."""

    track: Track
    why: str
    """Empty where there was no choice."""


def loudness(sound: Sound | None, frames: int, fps: Fraction) -> Curve | None:
    """Give how loud the band of speech is at each frame of a clip, 0 silent to 1; None without a sound."""
    if sound is None:
        return None
    level_db = listen(sound.mono(), sound.rate, float(frames / fps)).level_db
    loud_db = float(np.percentile(level_db, 95))
    heard = _smooth(np.clip((level_db - (loud_db - RANGE_DB)) / RANGE_DB, 0, 1), HEARD_S / HOP_S)
    moments = (np.arange(frames) + 0.5) / float(fps) / HOP_S
    level: Curve = np.interp(moments, np.arange(len(heard)) + 0.5, heard)
    return level


def choose(tracks: Sequence[Track], heard: Curve | None, shot: tuple[int, int], fps: Fraction, detect: bool) -> Chosen:
    """Choose the face to re-express among the tracks of a shot, of which there is at least one.

    Args:
        tracks: the faces of the shot.
        heard: the loudness at each frame of the clip, from `loudness`; None where there is no voice.
        shot: its frames [first, last).
        fps: frames per second.
        detect: whether the speaker is wanted; else it is the largest face.
    """
    largest = max(tracks, key=lambda track: track.size)
    rivals = [track for track in tracks if len(track.points) >= max(2, (shot[1] - shot[0]) // 5)]
    if len(rivals) < 2:
        return Chosen(largest, "")
    number = f"the largest of {len(rivals)} faces"
    if not detect:
        return Chosen(largest, f"{number} (auto_active_speaker_detection is off)")
    if heard is None:
        return Chosen(largest, f"{number}, as there is no voice to tell the speaker by")
    scores = [score(track, heard, shot, fps) for track in rivals]
    order = sorted(range(len(rivals)), key=lambda index: -scores[index])
    best, second = scores[order[0]], scores[order[1]]
    if best >= LEAST and best - second >= MARGIN:
        return Chosen(
            rivals[order[0]],
            f"the one of {len(rivals)} faces that moves with the voice ({best:.2f}, next {second:.2f})",
        )
    return Chosen(largest, f"{number}, as none moves clearly with the voice ({best:.2f}, next {second:.2f})")


def score(track: Track, heard: Curve, shot: tuple[int, int], fps: Fraction) -> float:
    """Tell how well a mouth goes with a voice through a shot, 0 to 1; real speakers give 0.3 to 0.8."""
    seen = sorted(track.points)
    frames = np.arange(max(shot[0], seen[0]), min(shot[1], seen[-1] + 1, len(heard)))
    if len(frames) < SHORTEST_S * fps:
        return 0.0
    shapes = [MouthShape.of(FaceFrame(track.points[number])) for number in seen]
    gap = np.interp(frames, seen, [shape.gap for shape in shapes])
    width = np.interp(frames, seen, [shape.width for shape in shapes])
    voice, stir, rate = heard[frames], _stir(track, frames), float(fps)
    quick, slow = QUICK_S * rate, SLOW_S * rate
    pairs = [(np.abs(np.gradient(gap)), slow), (np.abs(np.gradient(width)), quick)]
    if stir is not None:
        pairs += [(stir, quick), (stir, slow)]
    lag = max(1, round(LAG_S * rate))
    together = [_in_step(one, voice, bell, rate, lag) for one, bell in pairs]
    return float(np.mean(together))


def _stir(track: Track, frames: Ids) -> Curve | None:
    """Tell how much the texels of the lips change from frame to frame; None where no texels were taken."""
    lips = texels.on_lips()
    looks = sorted(track.looks)
    pairs = [(a, b) for a, b in pairwise(looks) if b == a + 1]
    if len(pairs) < len(frames) // 2:
        return None
    change = [
        np.abs(track.looks[b].texels[lips, :3].astype(np.int16) - track.looks[a].texels[lips, :3]).mean()
        for a, b in pairs
    ]
    stir: Curve = np.interp(frames, [b for _, b in pairs], change)
    return stir


def _in_step(mouth: Curve, voice: Curve, bell: float, rate: float, lag: int) -> float:
    """Give the best correlation of two curves within a lag, both smoothed, and their slow drift taken out."""
    drift = max(2, round((1 if bell < SLOW_S * rate else 2) * rate))
    one, other = (_undrifted(_smooth(curve, bell), drift) for curve in (mouth, voice))
    best = 0.0
    for shift in range(-lag, lag + 1):
        a, b = one[max(0, shift) : len(one) + min(0, shift)], other[max(0, -shift) : len(other) + min(0, -shift)]
        if a.std() > 1e-6 and b.std() > 1e-3:
            best = max(best, float(np.corrcoef(a, b)[0, 1]))
    return best


def _smooth(curve: Curve, width: float) -> Curve:
    reach = int(4 * width) + 1
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    smoothed: Curve = np.convolve(np.pad(curve, reach, mode="edge"), bell / bell.sum(), "valid")
    return smoothed


def _undrifted(curve: Curve, half: int) -> Curve:
    box = np.ones(2 * half + 1) / (2 * half + 1)
    undrifted: Curve = curve - np.convolve(np.pad(curve, half, mode="edge"), box, "valid")
    return undrifted
