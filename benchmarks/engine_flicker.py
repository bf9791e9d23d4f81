"""Find the cause of a take's second difference in time: the engine, or any warp of a moving face.

    .venv/bin/python benchmarks/engine_flicker.py

Each take is rendered twice: normally, and with the landmarks' displacements frozen at one frame, so that they only move
with the head. A wider mouth covers more moving pixels: that part of the flicker is unavoidable.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import mock

from engine_measures import Face, flicker, luma
from engine_people import clips, landmarks, pictures

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.engine.arrays import Points
from react1.pipeline.engine.geometry.head_frame import FaceFrame
from react1.pipeline.engine.pose.pose import Pose
from react1.pipeline.engine.render import draw
from react1.pipeline.engine.render.render import render_takes
from react1.pipeline.engine.take_job import TakeJob

TAKES = (("happy", 0.5), ("happy", 1.0), ("surprised", 1.0), ("sad", 1.0))


def ratio(clip: Path, emotion: str, temperature: float, *, frozen: bool) -> float:
    """Return the second difference of the take's face relative to the source's, in the frames of full strength."""
    out, cache = clip.with_name("take.mp4"), {}

    def freeze(frame: FaceFrame, pose: Pose) -> Points:
        moves = real(frame, pose)
        return cache.setdefault("moves", moves) if pose.weight >= 1 else moves

    real = draw.landmark_moves
    with mock.patch.object(draw, "landmark_moves", freeze if frozen else real):
        render_takes(
            clip,
            [TakeJob(out, React1Choices(prompt=emotion, temperature=temperature, model_mode="face"))],
            progress=lambda _: None,
        )
    source, take = ([luma(picture) for picture in pictures(film)] for film in (clip, out))
    middle = len(source) // 2
    face, full = Face(landmarks(pictures(clip)[middle])), slice(middle - 4, middle + 5)
    return flicker(take[full], face) / flicker(source[full], face)


def main() -> None:
    """Print a line for each face and take."""
    with tempfile.TemporaryDirectory() as folder:
        for person, clip in clips(Path(folder)):
            for emotion, temperature in TAKES:
                both = [ratio(clip, emotion, temperature, frozen=frozen) for frozen in (False, True)]
                print(f"{person:15}{emotion:10}{temperature:<4} take {both[0]:.3f}, frozen {both[1]:.3f}", flush=True)


if __name__ == "__main__":
    main()
