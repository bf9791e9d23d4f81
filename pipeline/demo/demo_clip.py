"""Make the demo clip: a photograph that speaks with a synthetic voice, filmed by a moving camera.

The clip is an MP4 in H.264 High 4:2:0 BT.709 and AAC mono at 48 kHz, with the index in front; the same bytes every
time.

Source  scikit-image's `data.astronaut()`: NASA's portrait of Eileen Collins, in the public domain; it is in the wheel.
"""

from __future__ import annotations

import math
import secrets
import tempfile
import wave
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import MissingExtra
from .demo_voice import SAMPLE_RATE_HZ, speak

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Samples = NDArray[np.float32]

PLATE_PX = (1440, 810)
_CORNER = (4.0, 0.0)
"""Top left corner of the plate in the photograph."""
_SCALE = PLATE_PX[0] / 444
"""The plate shows 444 of the photograph's 512 columns: head, collar and shuttle."""
_FACE = (224.0, 128.0)
"""The point of the photograph that the camera approaches."""
_FACE_BOX = (slice(96, 736), slice(424, 1000))
"""Rows and columns of the plate that the engine gets: the face with a margin, even sides."""
_FEATHER_PX = 24
_RAMP_S = 0.4
"""The engine fades an expression in and out at the ends of a clip; this much is added there, and cut off again."""
_MOUTH_SHARE = 0.7
"""Share of the work that the engine does."""
_AAC_FRAME = 1024
_AAC_BITS_PER_S = 128_000
_THREADS = 2
"""Fixed: with another number of threads x264 writes other bytes."""


def make_demo_clip(
    out: Path,
    *,
    seconds: int = 6,
    size: tuple[int, int] = (1280, 720),
    rate: int = 25,
    progress: Callable[[float], None],
) -> None:
    """Write the clip to `out`, where it appears when it is complete.

    Args:
        out: the output; an existing file is replaced.
        seconds: length.
        size: (width, height) in pixels, even.
        rate: frames per second.
        progress: gets the share done, 0 to 1.

    Raises:
        MissingExtra: the extra `demo` is not installed.
    """
    count = seconds * rate
    voice = speak(seconds)

    def camera_frames() -> Iterator[Picture]:
        pictures = speaking_pictures(plate(), voice, count, rate, lambda share: progress(_MOUTH_SHARE * share))
        for index, picture in enumerate(pictures):
            yield camera_frame(picture, index / max(1, count - 1), size)
            progress(_MOUTH_SHARE + (1 - _MOUTH_SHARE) * (index + 1) / count)

    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        write_clip(part, camera_frames(), voice, size, rate)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


def plate() -> Picture:
    """Return the part of the photograph that the camera films, enlarged, `(810, 1440, 3) uint8 RGB`.

    Raises:
        MissingExtra: scikit-image or OpenCV is not installed.
    """
    try:
        import cv2
        from skimage import data
    except ImportError as error:
        raise MissingExtra(
            f"the demo clip needs {error.name or 'scikit-image'}: pip install 'react1-nodes[demo]'"
        ) from error
    to_plate = np.array([[_SCALE, 0, -_CORNER[0] * _SCALE], [0, _SCALE, -_CORNER[1] * _SCALE]])
    large = cv2.warpAffine(
        data.astronaut(), to_plate, PLATE_PX, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
    )
    soft = cv2.GaussianBlur(large, (0, 0), 2.2)
    return np.asarray(cv2.addWeighted(large, 1.55, soft, -0.55, 0), np.uint8)


def camera(share: float, size: tuple[int, int]) -> NDArray[np.float64]:
    """Return the `(2, 3)` map from the plate to a frame at a share 0..1 of the shot: a push-in with a slight sway."""
    ease = share * share * (3 - 2 * share)
    zoom = size[0] / PLATE_PX[0] * (1.05 + 0.14 * ease)
    turn = math.radians(0.35) * math.sin(2 * math.pi * (share * 0.9 + 0.1))
    middle_x, middle_y = PLATE_PX[0] / 2, PLATE_PX[1] / 2
    face_x, face_y = ((_FACE[0] - _CORNER[0]) * _SCALE, (_FACE[1] - _CORNER[1]) * _SCALE)
    look_x = middle_x + 0.5 * ease * (face_x - middle_x) + 9 * math.sin(2 * math.pi * share * 1.3)
    look_y = middle_y + 0.5 * ease * (face_y - middle_y) + 4 * math.sin(2 * math.pi * share * 0.8 + 1)
    cos, sin = zoom * math.cos(turn), zoom * math.sin(turn)
    return np.array(
        [
            [cos, -sin, size[0] / 2 - cos * look_x + sin * look_y],
            [sin, cos, size[1] / 2 - sin * look_x - cos * look_y],
        ]
    )


def camera_frame(picture: Picture, share: float, size: tuple[int, int]) -> Picture:
    """Return the camera's frame of a plate, `(height, width, 3) uint8 RGB`; `size` is (width, height)."""
    import cv2

    frame = cv2.warpAffine(
        picture, camera(share, size), size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(frame, np.uint8)


def speaking_pictures(
    still: Picture, voice: Samples, count: int, rate: int, progress: Callable[[float], None]
) -> Iterator[Picture]:
    """Yield `count` pictures of the plate, `(height, width, 3) uint8 RGB`, in which the face speaks a voice.

    The local engine relaxes the smile of the photograph and moves its lips.

    Args:
        still: the plate.
        voice: `(samples,)` in -1..1 at 48 kHz, from the first picture on.
        count: number of pictures.
        rate: pictures per second.
        progress: gets the share done, 0 to 1.

    Raises:
        MissingExtra: the engine's landmark library is not installed.
    """
    from ..core.edits.choices import React1Choices
    from ..engine.render.render import render
    from ..engine.take_job import TakeJob

    ramp = round(_RAMP_S * rate)
    silence = np.zeros(ramp * SAMPLE_RATE_HZ // rate, np.float32)
    face, blend = still[_FACE_BOX], _feather()
    height, width = face.shape[:2]
    with tempfile.TemporaryDirectory(prefix="react1-demo-") as folder:
        source, wav, take = (Path(folder, name) for name in ("still.mp4", "voice.wav", "take.mp4"))
        write_clip(source, (face for _ in range(count + 2 * ramp)), None, (width, height), rate, crf=12)
        _write_wav(wav, np.concatenate([silence, voice, silence]))
        relaxed = React1Choices(prompt="neutral", temperature=1.0, model_mode="lips", sync_mode="cut_off")
        render(source, TakeJob(take, relaxed, wav, own_voice=False), progress=progress)
        for speaking_face in islice(_pictures(take), ramp, ramp + count):
            picture = still.copy()
            picture[_FACE_BOX] = np.rint(face + (speaking_face.astype(np.float32) - face) * blend)
            yield picture


def _feather() -> Samples:
    """Return the weight of the engine's picture, `(rows, columns, 1)`: 1 inside, 0 at the border."""
    rows, columns = (np.arange(side.stop - side.start) for side in _FACE_BOX)
    edges = [np.clip(np.minimum(line, line[::-1]) / _FEATHER_PX, 0, 1) for line in (rows, columns)]
    return np.asarray(np.minimum(edges[0][:, None], edges[1][None, :])[:, :, None], np.float32)


def _pictures(path: Path) -> Iterator[Picture]:
    from ..media.frames.decode import decode_frames

    for frame in decode_frames(path):
        picture: Any = frame.to_ndarray(format="rgb24", src_colorspace=1, src_color_range=1, dst_color_range=2)
        yield picture


def _write_wav(path: Path, voice: Samples) -> None:
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(SAMPLE_RATE_HZ)
        stream.writeframes(np.rint(voice * 32767).astype("<i2").tobytes())


def write_clip(
    out: Path, pictures: Iterable[Picture], voice: Samples | None, size: tuple[int, int], rate: int, *, crf: int = 17
) -> None:
    """Write an MP4 with its index in front: H.264 4:2:0 in BT.709 limited range, AAC mono; the same bytes every time.

    Args:
        out: the output; an existing file is replaced.
        pictures: `(height, width, 3) uint8 RGB`.
        voice: `(samples,)` in -1..1 at 48 kHz; None for a clip without audio.
        size: (width, height) in pixels, even.
        rate: frames per second.
        crf: x264's quality, 0 (lossless) to 51.
    """
    from ..media.clip_writer import ClipWriter, VideoSettings, rgb_frame

    # With mbtree the bytes would differ from run to run.
    x264 = {"crf": str(crf), "preset": "veryfast", "profile": "high", "g": str(2 * rate), "x264-params": "mbtree=0"}
    settings = VideoSettings("libx264", size, Fraction(rate), threads=_THREADS, options=x264)
    container_options = {"movflags": "+faststart", "fflags": "+bitexact"}
    written = 0
    with ClipWriter(out, container="mp4", options=container_options) as writer:
        writer.add_video(settings)
        if voice is not None:
            writer.add_audio("aac", SAMPLE_RATE_HZ, "mono", _AAC_BITS_PER_S)
        for index, picture in enumerate(pictures):
            frame = rgb_frame(picture)
            frame.pts = index
            writer.write_frame(frame)
            if voice is not None:  # up to the time of the pictures, so that both are interleaved in the file
                until = min((index + 1) * SAMPLE_RATE_HZ // rate, len(voice))
                while written + _AAC_FRAME <= until:
                    writer.write_samples(voice[None, written : written + _AAC_FRAME], written)
                    written += _AAC_FRAME
        writer.end_video()
        if voice is not None:
            for start in range(written, len(voice), _AAC_FRAME):
                writer.write_samples(voice[None, start : start + _AAC_FRAME], start)
