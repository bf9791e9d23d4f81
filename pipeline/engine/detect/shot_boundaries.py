"""Where one shot ends and the next begins, told from very small pictures of all frames.

A hard cut changes the whole picture at once, and the picture before does not come back: a flash is none. Dissolves and
fades have no such frame; a face that is carried through one is followed as any other.
Source  the score of ffmpeg's `scdet` filter: the mean change of the luma in percent, or what it is more than the change
        before, whichever is less. Inside shots of the films looked at it stayed below 5 on these small pictures; cuts
        scored from 8 on.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..arrays import Image, Plane

SMALL_PX = (64, 36)
"""Width and height of the small pictures."""
SCORE = 6.5
FLASH_FRAMES = 3
Shot = tuple[int, int]
"""Frames [first, last)."""


def thumbnail(picture: Image) -> Plane:
    """Shrink a picture, (height, width, 3) RGB, to its small one, (36, 64)."""
    import cv2

    small: Plane = cv2.cvtColor(cv2.resize(picture, SMALL_PX, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    return small


def shots(thumbnails: Sequence[Plane]) -> list[Shot]:
    """Give the shots of a clip in order, from the small picture of each frame; together they hold every frame."""
    if not thumbnails:
        return []
    small = np.stack(thumbnails).astype(np.int16)
    change = _apart(small[1:], small[:-1])
    # The first change has none before it; what moves from the first frame on goes on moving.
    before = np.concatenate([change[1:2] if len(change) > 1 else [0.0], change[:-1]])
    scores = np.minimum(change, np.abs(change - before))
    cuts = [int(frame) for frame in np.flatnonzero(scores > SCORE) + 1 if not _comes_back(small, int(frame))]
    return list(zip([0, *cuts], [*cuts, len(thumbnails)], strict=True))


def flashes(thumbnails: Sequence[Plane], seen: Sequence[bool]) -> frozenset[int]:
    """Give the frames that look like neither what was seen last before them nor what is seen next, of those not seen.

    Args:
        thumbnails: the small picture of each frame of one shot.
        seen: for each frame whether what is looked for was found in it.
    """
    found = [number for number, is_seen in enumerate(seen) if is_seen]
    small = np.stack(thumbnails).astype(np.int16) if thumbnails else np.zeros((0, 1, 1), np.int16)
    odd = set()
    for before, after in pairwise(found):
        for number in range(before + 1, after):
            if all(float(_apart(small[number], small[other])) > SCORE for other in (before, after)):
                odd.add(number)
    return frozenset(odd)


def _apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Tell how far pictures are apart, in percent of the range of luma."""
    apart: np.ndarray = np.abs(one - other).mean((-2, -1)) / 2.55
    return apart


def _comes_back(small: np.ndarray, frame: int) -> bool:
    """Tell whether any picture soon after a jump is much like one shortly before it."""
    befores = small[max(0, frame - FLASH_FRAMES - 1) : frame]
    afters = small[frame : frame + FLASH_FRAMES + 1]
    jump = float(_apart(small[frame], small[frame - 1]))
    return bool((_apart(befores[:, None], afters[None]) < jump / 2).any())
