"""A talking face without the engine: the demo's photograph, filmed by its moving camera, whose jaw follows a voice.

`make_demo_clip` renders its lips with the engine, which takes ten times as long; tests/demo holds that clip.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from react1.pipeline.demo.demo_clip import camera_frame, plate, write_clip
from react1.pipeline.demo.demo_voice import SAMPLE_RATE_HZ, speak

RATE = 25
STEPS = 8
"""How many openings of the mouth are drawn."""
OPEN_PX = 22.0
"""How far the lower lip moves down at most, in pixels of the plate."""
JAW = (slice(440, 660), slice(590, 840))
"""Rows and columns of the plate that move: the mouth and what is below it."""
LIP_LINE = 0.36
"""The line between the lips, as a share of the jaw's rows."""


def make_talking_clip(path: Path, seconds: float, size: tuple[int, int]) -> None:
    """Write an MP4 of 25 frames/s with a voice; `size` is (width, height) in pixels, even."""
    voice, count = speak(seconds), round(seconds * RATE)
    write_clip(path, _frames(voice, count, size), voice, size, RATE)


def _frames(voice: np.ndarray, count: int, size: tuple[int, int]) -> Iterator[np.ndarray]:
    still = plate()
    opened = [_open(still, step / (STEPS - 1)) for step in range(STEPS)]
    loud = np.sqrt((voice[: count * (SAMPLE_RATE_HZ // RATE)].reshape(count, -1).astype(float) ** 2).mean(axis=1))
    steps = np.rint(loud / max(1e-9, float(loud.max())) * (STEPS - 1)).astype(int)
    for index, step in enumerate(steps):
        yield camera_frame(opened[step], index / max(1, count - 1), size)


def _open(still: np.ndarray, share: float) -> np.ndarray:
    """Move what is below the lip line down, less and less towards the border of the jaw."""
    import cv2

    jaw = still[JAW]
    rows, columns = np.mgrid[: jaw.shape[0], : jaw.shape[1]].astype(np.float32)
    down, across = rows / jaw.shape[0], columns / jaw.shape[1]
    below = np.clip((down - LIP_LINE) / 0.06, 0, 1) * np.clip((1 - down) / (1 - LIP_LINE - 0.06), 0, 1)
    moved = rows - OPEN_PX * share * below * np.sin(np.pi * across) ** 2
    picture = still.copy()
    picture[JAW] = cv2.remap(jaw, columns, moved.astype(np.float32), cv2.INTER_LINEAR)
    return picture
