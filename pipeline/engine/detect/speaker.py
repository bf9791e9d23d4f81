"""Find the speaker among several faces: the one whose mouth moves while the voice sounds, and rests while it does not.

The mouth opening does not follow loudness, but the mouth moves where the voice is. Four measures are correlated with
loudness: the change of the lips' texels within a 25th of a second, at two time scales, the speed at which the lips open
and close, and the speed at which they widen. On real faces their mean separates the speaker from another talking face
far more often than the opening itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..arrays import Curve, Ids, frames_at
from ..geometry.head_frame import FaceFrame, MouthShape
from ..occlusion import texels
from ..voice.voice_features import HOP_S, VoiceAudio, analyze_voice
from .track import Track

MIN_SCORE, MIN_LEAD = 0.25, 0.12
"""The least score of a speaker, and its least lead over the next face."""
QUICK_S, SLOW_S = 0.08, 0.16
"""Standard deviations of the Gaussians that smooth the measures."""
LOUDNESS_S = 0.02
"""Standard deviation of the Gaussian that smooths loudness."""
MAX_LAG_S = 0.12
"""The voice may be this much early or late."""
RANGE_DB = 30.0
"""A voice is silent this far below its loud level."""
MIN_S = 1.2
"""Shorter tracks score 0."""


@dataclass(frozen=True)
class ChosenFace:
    """The face to re-express in a shot, and the reason for the choice."""

    track: Track
    reason: str
    """Empty if there was no choice."""
    is_aimed: bool = False
    """Whether the caller chose it, and so says itself which face it is."""


def loudness_per_frame(sound: VoiceAudio | None, frames: int, fps: Fraction) -> Curve | None:
    """Return the loudness of the speech band at each frame of a clip, 0 silent to 1; None without sound."""
    if sound is None:
        return None
    level_db = analyze_voice(sound.mono(), sound.rate, float(frames / fps)).level_db
    loud_db = float(np.percentile(level_db, 95))
    smoothed = _smooth(np.clip((level_db - (loud_db - RANGE_DB)) / RANGE_DB, 0, 1), LOUDNESS_S / HOP_S)
    moments = (np.arange(frames) + 0.5) / float(fps) / HOP_S
    level: Curve = np.interp(moments, np.arange(len(smoothed)) + 0.5, smoothed)
    return level


def choose_face(
    people: Sequence[Track], loudness: Curve | None, shot: tuple[int, int], fps: Fraction, detect_speaker: bool
) -> ChosenFace:
    """Choose the face to re-express among the people of a shot; there must be at least one.

    Args:
        people: the faces of the shot, of whom each is one person.
        loudness: the loudness at each frame of the clip, from `loudness_per_frame`; None without a voice.
        shot: the frames [first, last) of the shot.
        fps: frames per second.
        detect_speaker: whether to choose the speaker; else the largest face is chosen.
    """
    largest = max(people, key=lambda track: track.size)
    candidates = [track for track in people if len(track.points) >= max(2, (shot[1] - shot[0]) // 5)]
    count = faces_at_once(people)
    if len(candidates) < 2:
        return ChosenFace(largest, f"the largest of {count} faces" if count > 1 else "")
    faces = f"{count} faces" if count > 1 else f"{len(candidates)} faces that are never seen together"
    largest_label = f"the largest of {faces}"
    if not detect_speaker:
        return ChosenFace(largest, f"{largest_label} (auto_active_speaker_detection is off)")
    if loudness is None:
        return ChosenFace(largest, f"{largest_label}, because there is no voice to find the speaker by")
    scores = [speech_score(track, loudness, shot, fps) for track in candidates]
    order = sorted(range(len(candidates)), key=lambda index: -scores[index])
    best, second = scores[order[0]], scores[order[1]]
    if best >= MIN_SCORE and best - second >= MIN_LEAD:
        return ChosenFace(
            candidates[order[0]],
            f"the one of {faces} that moves with the voice ({best:.2f}, next {second:.2f})",
        )
    return ChosenFace(
        largest, f"{largest_label}, because none clearly moves with the voice ({best:.2f}, next {second:.2f})"
    )


def faces_at_once(tracks: Sequence[Track]) -> int:
    """Return the most faces that are seen in one frame: a face that is lost and found again is one."""
    seen = Counter(frame for track in tracks for frame in track.points)
    return max(seen.values(), default=0)


def speech_score(track: Track, loudness: Curve, shot: tuple[int, int], fps: Fraction) -> float:
    """Return how well a mouth matches a voice in a shot, 0 to 1; real speakers score 0.3 to 0.8."""
    detected = sorted(track.points)
    frames = np.arange(max(shot[0], detected[0]), min(shot[1], detected[-1] + 1, len(loudness)))
    if len(frames) < max(2, MIN_S * fps):
        return 0.0
    shapes = [MouthShape.of(FaceFrame(track.points[frame])) for frame in detected]
    gap = np.interp(frames, detected, [shape.gap for shape in shapes])
    mouth_width = np.interp(frames, detected, [shape.width for shape in shapes])
    voice, lip_change, rate = loudness[frames], _lip_change(track, frames, float(fps)), float(fps)
    quick, slow = QUICK_S * rate, SLOW_S * rate
    pairs = [(np.abs(np.gradient(gap)), slow), (np.abs(np.gradient(mouth_width)), quick)]
    if lip_change is not None:
        pairs += [(lip_change, quick), (lip_change, slow)]
    lag = max(1, round(MAX_LAG_S * rate))
    correlations = [_best_correlation(curve, voice, width, rate, lag) for curve, width in pairs]
    return float(np.mean(correlations))


def _lip_change(track: Track, frames: Ids, fps: float) -> Curve | None:
    """Return the change of the lips' texels within a 25th of a second; None if too few texels were sampled.

    From frame to frame of a faster film lips change by less than its grain.
    """
    lips = texels.lip_texels()
    step = frames_at(1, fps)
    pairs = [(frame - step, frame) for frame in sorted(track.texels) if frame - step in track.texels]
    if len(pairs) < len(frames) // 2:
        return None
    change = [
        np.abs(track.texels[b].values[lips, :3].astype(np.int16) - track.texels[a].values[lips, :3]).mean()
        for a, b in pairs
    ]
    per_frame: Curve = np.interp(frames, [b for _, b in pairs], change)
    return per_frame


def _best_correlation(mouth: Curve, voice: Curve, width: float, rate: float, lag: int) -> float:
    """Return the best correlation of two curves within a lag, both smoothed and without slow drift."""
    drift = max(2, round((1 if width < SLOW_S * rate else 2) * rate))
    first, second = (_without_drift(_smooth(curve, width), drift) for curve in (mouth, voice))
    best = 0.0
    for shift in range(-lag, lag + 1):
        a, b = first[max(0, shift) : len(first) + min(0, shift)], second[max(0, -shift) : len(second) + min(0, -shift)]
        if a.std() > 1e-6 and b.std() > 1e-3:
            best = max(best, float(np.corrcoef(a, b)[0, 1]))
    return best


def _smooth(curve: Curve, width: float) -> Curve:
    reach = int(4 * width) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    smoothed: Curve = np.convolve(np.pad(curve, reach, mode="edge"), kernel / kernel.sum(), "valid")
    return smoothed


def _without_drift(curve: Curve, half: int) -> Curve:
    box = np.ones(2 * half + 1) / (2 * half + 1)
    detrended: Curve = curve - np.convolve(np.pad(curve, half, mode="edge"), box, "valid")
    return detrended
