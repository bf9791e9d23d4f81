"""Which of several faces speaks: the one whose mouth moves with the voice.

Real footage correlates far less than made clips, so a face must lead by a clear margin; else the largest is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from .sound import Sound
from .speech import correlation, speech
from .track import Track

LEAST, MARGIN = 0.25, 0.10
"""The correlation that a speaker needs, and its lead over the next face."""


def choose(
    tracks: Sequence[Track], sound: Sound | None, frames: int, fps: Fraction, detect: bool, said: list[str]
) -> Track:
    """Choose the face to re-express among tracks, of which there is at least one."""
    largest = max(tracks, key=lambda track: track.size)
    rivals = [track for track in tracks if _stays(track, frames)]
    if len(rivals) < 2:
        return largest
    if not detect:
        said.append(f"{len(rivals)} faces; the largest was re-expressed (auto_active_speaker_detection is off)")
        return largest
    if sound is None:
        said.append(f"{len(rivals)} faces and no voice to tell the speaker by; the largest was re-expressed")
        return largest
    heard = speech(sound.mono(), sound.rate, frames, fps).open
    scores = sorted(
        ((correlation(track.gaps(frames), heard, fps), number) for number, track in enumerate(rivals)), reverse=True
    )
    (best, number), (second, _) = scores[:2]
    if best >= LEAST and best - second >= MARGIN:
        said.append(
            f"{len(rivals)} faces; the one that moves with the voice ({best:.2f} against {second:.2f}) was re-expressed"
        )
        return rivals[number]
    said.append(
        f"{len(rivals)} faces, and none moves clearly with the voice ({best:.2f}, {second:.2f}); "
        "the largest was re-expressed"
    )
    return largest


def _stays(track: Track, frames: int) -> bool:
    return len(track.points) >= max(2, frames // 5)
