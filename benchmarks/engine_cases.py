"""Run the local engine on hard cases of real footage and print one line for each: options, changes, notes.

    .venv/bin/python benchmarks/engine_cases.py [--only PART-OF-A-NAME] [--keep FOLDER]

Real films are used if present (REACT1_MEDIA); the synthetic cases use the portrait of scikit-image.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.core.errors import React1Error
from react1.pipeline.engine.render.render import render
from react1.pipeline.engine.take_job import TakeJob

FOLDER = Path(os.environ.get("REACT1_MEDIA", Path(__file__).resolve().parent.parent.parent / "shared" / "media"))
FACES = FOLDER / "faces"
Rgb = NDArray[np.uint8]


@dataclass(frozen=True)
class Case:
    """A clip, how it is made, and the options for the engine."""

    name: str
    make: Callable[[Path], None]
    options: dict[str, object] = field(default_factory=dict)


def portrait(
    size: tuple[int, int], unit_px: float, middle: tuple[float, float] = (0.5, 0.5), roll_deg: float = 0.0
) -> Rgb:
    """Draw the portrait with this distance between the eyes, rotated, its middle at a share of the picture."""
    turn = cv2.getRotationMatrix2D((226.0, 112.0), roll_deg, unit_px / 42)
    turn[:, 2] += np.array(size) * middle - (226, 112)
    small = cv2.GaussianBlur(data.astronaut(), (0, 0), max(0.3, 0.5 * 42 / unit_px))
    return cv2.warpAffine(
        small, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(90,) * 3
    )


def write(
    path: Path, pictures: Iterator[Rgb], rate: Fraction = Fraction(25), codec: str = "libx264", pixels: str = "yuv420p"
) -> None:
    """Encode pictures as a film."""
    with av.open(str(path), "w") as container:
        stream = None
        for picture in pictures:
            if stream is None:
                stream = container.add_stream(codec, rate=rate, options={"crf": "16", "preset": "veryfast"})
                stream.height, stream.width, stream.pix_fmt = *picture.shape[:2], pixels
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        assert stream is not None
        container.mux(stream.encode(None))


def film(
    name: str, first: int, last: int, change: Callable[[Rgb, int], Rgb] = lambda picture, _: picture
) -> Callable[[Path], None]:
    """Return a function that writes frames [first, last) of a real film, modified."""

    def make(path: Path) -> None:
        with av.open(str(FOLDER / name)) as container:
            rate = container.streams.video[0].average_rate or Fraction(25)
            frames = islice(container.decode(video=0), first, last)
            write(path, (change(even(frame.to_ndarray(format="rgb24")), n) for n, frame in enumerate(frames)), rate)

    return make


def even(picture: Rgb) -> Rgb:
    """Crop a picture to even sides."""
    return np.ascontiguousarray(picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2])


def drawn(change: Callable[[int], Rgb], frames: int = 30, **how: str) -> Callable[[Path], None]:
    """Return a function that writes a clip of drawn frames."""
    return lambda path: write(path, (change(number) for number in range(frames)), **how)


def side_by_side(
    left: str, right: str, voice: str, first: tuple[int, int] = (0, 0), count: int = 72
) -> Callable[[Path], None]:
    """Return a function that writes two real faces side by side, both moving, with the voice of one of them."""

    def pictures(name: str, skip: int) -> Iterator[Rgb]:
        with av.open(str(FOLDER / name)) as container:
            for frame in islice(container.decode(video=0), skip, skip + count):
                yield cv2.resize(_square(frame.to_ndarray(format="rgb24")), (360, 360), interpolation=cv2.INTER_AREA)

    def make(path: Path) -> None:
        silent = path.with_suffix(".silent.mp4")
        write(
            silent, (np.hstack(pair) for pair in zip(pictures(left, first[0]), pictures(right, first[1]), strict=False))
        )
        with av.open(str(silent)) as film_in, av.open(str(FOLDER / voice)) as sound_in, av.open(str(path), "w") as out:
            picture = out.add_stream_from_template(film_in.streams.video[0])
            sound = out.add_stream("aac", rate=48_000)
            for packet in film_in.demux(video=0):
                if packet.dts is not None:
                    packet.stream = picture
                    out.mux(packet)
            for frame in sound_in.decode(audio=0):
                if frame.time is not None and frame.time < count / 25:
                    frame.pts = None
                    out.mux(sound.encode(frame))
            out.mux(sound.encode(None))

    return make


def _square(picture: Rgb) -> Rgb:
    side = min(picture.shape[:2])
    top = min((picture.shape[0] - side) // 2, picture.shape[0] // 5)
    left = (picture.shape[1] - side) // 2
    return picture[top : top + side, left : left + side]


def stick(picture: Rgb, number: int) -> Rgb:
    """Draw a stick that passes over the mouth."""
    marked, x = picture.copy(), 40 + 22 * number
    if 8 <= number < 24:
        cv2.line(marked, (x - 260, 420), (x, 250), (40, 60, 120), 18, cv2.LINE_AA)
    return marked


MAN, WOMAN = "faces/talk_h264_700x700_vfr_6s.mp4", "faces/talk_hevc_1080x1920_25p_10s_one_keyframe.mp4"
WEBCAM, CROWD = "faces/talk_mpeg1_360x288_3s.mpg", "faces/cuts_crowd_handmic_video_starts_late_10s.mp4"
SPEAKER = {"auto_active_speaker_detection": True}
COVERED = {"occlusion_detection_enabled": True}
CASES = (
    Case("hand over the face", film("faces/hand_over_face_23976_silent.mp4", 20, 110), COVERED),
    Case("hand over the face, no occlusion detection", film("faces/hand_over_face_23976_silent.mp4", 20, 110)),
    Case("cuts, crowd, hand microphone", film(CROWD, 0, 275), COVERED),
    Case("singer with a microphone", film(CROWD, 146, 211), COVERED),
    Case("webcam woman speaks beside the man", side_by_side(MAN, WEBCAM, WEBCAM), SPEAKER),
    Case("the man speaks beside the webcam woman", side_by_side(WEBCAM, MAN, MAN), SPEAKER),
    Case("the woman speaks beside the man", side_by_side(MAN, WOMAN, WOMAN, count=100), SPEAKER),
    Case("people, upside down", film("timing/rotated180_2997_people.mp4", 0, 40)),
    Case(
        "people, turned upright",
        film("timing/rotated180_2997_people.mp4", 0, 40, lambda p, _: np.ascontiguousarray(p[::-1, ::-1])),
    ),
    Case("a stick passes", drawn(lambda n: stick(portrait((640, 480), 92), n)), COVERED),
    Case("30 px between the eyes, 1080p", drawn(lambda n: portrait((1920, 1080), 30, (0.4 + n / 900, 0.5)))),
    Case("24 px between the eyes, 1080p", drawn(lambda n: portrait((1920, 1080), 24, (0.4 + n / 900, 0.5)))),
    Case("rolled by 30 degrees", drawn(lambda n: portrait((640, 480), 80, roll_deg=30))),
    Case("dark picture", drawn(lambda n: (portrait((640, 480), 80) * 0.22).astype(np.uint8))),
    Case(
        "smeared in the middle",
        drawn(lambda n: cv2.blur(portrait((640, 480), 80), (45, 45)) if 12 <= n < 20 else portrait((640, 480), 80)),
    ),
    Case("enters and leaves", drawn(lambda n: portrait((640, 480), 70, (1.25 - n / 25, 0.5)), 40)),
    Case("4K", drawn(lambda n: portrait((3840, 2160), 300), 10)),
    Case("portrait video 1080x1920", drawn(lambda n: portrait((1080, 1920), 200), 15)),
    Case("10-bit H.264", drawn(lambda n: portrait((640, 480), 80), 15, pixels="yuv420p10le")),
    Case("10-bit HEVC", drawn(lambda n: portrait((640, 480), 80), 15, codec="libx265", pixels="yuv420p10le")),
    Case("no face", drawn(lambda n: np.full((360, 640, 3), 118, np.uint8), 10)),
    Case("too far turned", film(CROWD, 26, 44)),
)


def main() -> None:
    """Run the cases and print their lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temp:
        folder = args.keep or Path(temp)
        folder.mkdir(parents=True, exist_ok=True)
        for number, case in enumerate(CASES):
            if args.only in case.name:
                print(line(case, folder / f"{number:02}.mp4"), flush=True)


def line(case: Case, clip: Path) -> str:
    """Run one case and return its line."""
    options = ", ".join(case.options) or "defaults"
    try:
        case.make(clip)
    except FileNotFoundError as error:
        return f"{case.name} | skipped: {error.filename} is missing"
    try:
        choices = React1Choices(**{"prompt": "happy", "temperature": 0.7, **case.options})  # type: ignore[arg-type]
        metrics = render(clip, TakeJob(clip.with_suffix(".take.mp4"), choices), progress=lambda _: None)
    except React1Error as error:
        return f"{case.name} | {options} | refused: {error}"
    changed = f"{metrics.frames_changed} of {metrics.frames} frames changed, {metrics.frames_with_face} with the face"
    return f"{case.name} | {options} | {changed} | {'; '.join(metrics.notes) or 'no notes'}"


if __name__ == "__main__":
    main()
