"""Where the second difference in time of a take comes from: the engine, or any bend of a face that moves.

    .venv/bin/python benchmarks/engine_flicker.py

Each take is made twice: as it is, and with the moves of the landmarks held as they are in one frame, so that only the
head carries them. A mouth that is wider covers more pixels that move: that much no steadiness can take away.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import mock

from engine_measures import Face, flicker, luma
from engine_people import clips, landmarks, pictures

from react1.pipeline.core.choices import React1Choices
from react1.pipeline.engine.arrays import Points
from react1.pipeline.engine.geometry.head_frame import FaceFrame
from react1.pipeline.engine.pose.pose import Pose
from react1.pipeline.engine.render import retouch
from react1.pipeline.engine.render.render import render_takes
from react1.pipeline.engine.take_job import TakeJob

ASKED = (("happy", 0.5), ("happy", 1.0), ("surprised", 1.0), ("sad", 1.0))


def ratio(clip: Path, emotion: str, temperature: float, *, held: bool) -> float:
    """Give the second difference of a take's face by that of the source's, in the frames of full strength."""
    out, kept = clip.with_name("take.mp4"), {}

    def holding(frame: FaceFrame, pose: Pose) -> Points:
        moves = real(frame, pose)
        return kept.setdefault("moves", moves) if pose.weight >= 1 else moves

    real = retouch.landmark_moves
    with mock.patch.object(retouch, "landmark_moves", holding if held else real):
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
            for emotion, temperature in ASKED:
                both = [ratio(clip, emotion, temperature, held=held) for held in (False, True)]
                print(
                    f"{person:15}{emotion:10}{temperature:<4} take {both[0]:.3f}, moves held {both[1]:.3f}", flush=True
                )


if __name__ == "__main__":
    main()
