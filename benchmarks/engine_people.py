"""The faces for benchmarks/engine.py: the synthetic demo clip, and real people if their films are present.

A film is cropped to some frames around one face and written in the engine's input format: constant rate, 8 bit, 4:2:0.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from react1.pipeline.demo.demo_clip import make_demo_clip
from react1.pipeline.engine.detect.faces import FaceFinder
from react1.pipeline.engine.frames.clip_frames import ClipFrames, TakeWriter, VideoFormat, planes_of
from react1.pipeline.engine.geometry.head_frame import FaceFrame

Rgb = NDArray[np.uint8]
FOLDER = Path(os.environ.get("REACT1_MEDIA", Path(__file__).resolve().parent.parent.parent / "shared" / "media"))
COUNT = 25
REACH_UNITS = 3.2
"""Half the side of the crop, in eye distances."""


@dataclass(frozen=True)
class Person:
    """A face in a film, and the first frame of its clip."""

    name: str
    film: str
    first: int


SYNTHETIC = "made clip"
PEOPLE = (
    Person("man, talking", "faces/talk_h264_700x700_vfr_6s.mp4", 40),
    Person("woman, talking", "faces/talk_hevc_1080x1920_25p_10s_one_keyframe.mp4", 100),
    Person("man, webcam", "faces/face_vp8_400x300_31s_no_audio.webm", 60),
    Person("woman, webcam", "faces/talk_mpeg1_360x288_3s.mpg", 30),
    Person("woman, smiling", "faces/hand_over_face_23976_silent.mp4", 290),
    Person("singer", "faces/cuts_crowd_handmic_video_starts_late_10s.mp4", 150),
)


def clips(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield each person's name and clip; print which real films are missing."""
    demo = folder / "made.mp4"
    make_demo_clip(demo, seconds=2, size=(640, 360), progress=lambda _: None)
    yield SYNTHETIC, _crop(demo, 5, folder / "0.mp4")
    for number, person in enumerate(PEOPLE, 1):
        film = FOLDER / person.film
        if film.is_file():
            yield person.name, _crop(film, person.first, folder / f"{number}.mp4")
        else:
            print(f"{person.name}: {person.film} is missing in {FOLDER.name}, skipped")


def pictures(clip: Path) -> list[Rgb]:
    """Decode a clip."""
    with av.open(str(clip)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def landmarks(picture: Rgb) -> NDArray[np.float64]:
    """Return the landmarks of the largest face of a picture, (478, 2) px; they only place the patches."""
    with FaceFinder() as finder:
        faces = finder.find(picture) or finder.find_small_faces(picture)
    if not faces:
        raise SystemExit("no face in a picture to measure")
    return max(faces, key=lambda points: FaceFrame(points).unit_px)[:, :2]


def _crop(film: Path, first: int, out: Path) -> Path:
    with av.open(str(film)) as container:
        frames = list(islice(container.decode(video=0), first, first + COUNT))
    points = landmarks(frames[0].to_ndarray(format="rgb24"))
    unit = float(np.linalg.norm(points[[33, 133]].mean(0) - points[[263, 362]].mean(0)))
    middle = points[[33, 263]].mean(0) + np.array([0, 0.5 * unit])
    low = np.maximum(0, (middle - REACH_UNITS * unit) // 2 * 2).astype(int)
    high = np.minimum([frames[0].width, frames[0].height], middle + REACH_UNITS * unit).astype(int) // 2 * 2
    with ClipFrames(film) as opened:
        source = opened.video_format
    video_format = VideoFormat(
        *(high - low).tolist(), source.fps, source.matrix, source.primaries, source.transfer, source.range
    )
    with TakeWriter(out, video_format, None) as writer:
        for frame in frames:
            planes = planes_of(frame)
            half = slice(low[1] // 2, high[1] // 2), slice(low[0] // 2, high[0] // 2)
            luma = planes.luma[low[1] : high[1], low[0] : high[0]]
            writer.write(type(planes)(luma, planes.blue[half], planes.red[half]))
    return out
