"""Make the demo's talking clip: a photograph, a synthesised voice, lips that follow it, a moving camera.

Gives   an MP4: H.264 High 4:2:0 BT.709, AAC mono 48 kHz, the index in front; the same bytes every time.
Raises  MissingExtra when the extra `demo` is not installed.

The photograph that the demo films, and how the camera moves over it.

Source  scikit-image's `data.astronaut()`: NASA's portrait of Eileen Collins, in the public domain; it is in the wheel.

Let the photograph speak: the local engine relaxes its smile and moves its lips with the voice.
"""

from __future__ import annotations

import math
import tempfile
import wave
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.errors import MissingExtra
from .demo_encoder import write_clip
from .demo_voice import SAMPLE_RATE_HZ, speak

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

_MOUTH_SHARE = 0.7


def make_demo_clip(
    out: Path,
    *,
    seconds: int = 6,
    size: tuple[int, int] = (1280, 720),
    rate: int = 25,
    progress: Callable[[float], None],
) -> None:
    """Write the clip to `out`.

    Args:
        out: where the clip goes; an existing file is replaced.
        seconds: how long it is.
        size: (width, height) in pixels, even.
        rate: frames per second.
        progress: told the share done, 0 to 1.
    """
    count = seconds * rate
    voice = speak(seconds)

    def filmed() -> Iterator[Picture]:
        speaking = speaking_pictures(plate(), voice, count, rate, lambda share: progress(_MOUTH_SHARE * share))
        for index, seen in enumerate(speaking):
            yield camera_frame(seen, index / max(1, count - 1), size)
            progress(_MOUTH_SHARE + (1 - _MOUTH_SHARE) * (index + 1) / count)

    write_clip(out, filmed(), voice, size, rate)


if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

PLATE_PX = (1440, 810)
_CORNER = (4.0, 0.0)
"""Top left corner of the plate in the photograph."""
_SCALE = PLATE_PX[0] / 444
"""The plate shows 444 of the photograph's 512 columns: head, collar and shuttle."""
_FACE = (224.0, 128.0)
"""Where the camera ends up looking, in the photograph."""


def plate() -> Picture:
    """Give the part of the photograph that the camera sees, enlarged, `(810, 1440, 3) uint8 RGB`.

    Raises:
        MissingExtra: the photograph's package or the picture library is not installed.
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
    """Give the `(2, 3)` map from the plate to a frame at a share 0..1 of the shot: a push-in with a slight sway."""
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


def camera_frame(seen: Picture, share: float, size: tuple[int, int]) -> Picture:
    """Give the camera's frame of a plate, `(height, width, 3) uint8 RGB`; `size` is (width, height)."""
    import cv2

    frame = cv2.warpAffine(seen, camera(share, size), size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(frame, np.uint8)


if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Sound = NDArray[np.float32]

_FACE_BOX = (slice(96, 736), slice(424, 1000))
"""Rows and columns of the plate that the engine gets: the face and room around it, even sides."""
_FEATHER_PX = 24
_RAMP_S = 0.4
"""The engine fades an expression in and out at the ends of a clip; this much is spoken before and after, and cut."""


def speaking_pictures(
    seen: Picture, voice: Sound, count: int, rate: int, progress: Callable[[float], None]
) -> Iterator[Picture]:
    """Give `count` pictures of the plate's still face, `(height, width, 3) uint8 RGB`, that speak a voice.

    Args:
        seen: the plate.
        voice: `(samples,)` in -1..1 at 48 kHz, from the first picture on.
        count: how many pictures are wanted.
        rate: pictures per second.
        progress: told the share done, 0 to 1.

    Raises:
        MissingExtra: the engine's landmark library is not installed.
    """
    from ..core.choices import React1Choices
    from ..engine.render.render import render

    ramp = round(_RAMP_S * rate)
    around = np.zeros(ramp * SAMPLE_RATE_HZ // rate, np.float32)
    spoken = np.concatenate([around, voice, around])
    face, blend = seen[_FACE_BOX], _feather()
    height, width = face.shape[:2]
    with tempfile.TemporaryDirectory(prefix="react1-demo-") as folder:
        still, wav, spoke = (Path(folder, name) for name in ("still.mp4", "voice.wav", "spoke.mp4"))
        write_clip(still, (face for _ in range(count + 2 * ramp)), None, (width, height), rate, crf=12)
        _write_wav(wav, spoken)
        relaxed = React1Choices(prompt="neutral", temperature=1.0, model_mode="lips", sync_mode="cut_off")
        render(still, wav, spoke, relaxed, own_voice=False, progress=progress)
        for spoken_face in islice(_pictures(spoke), ramp, ramp + count):
            whole = seen.copy()
            whole[_FACE_BOX] = np.rint(face + (spoken_face.astype(np.float32) - face) * blend)
            yield whole


def _feather() -> NDArray[np.float32]:
    """Give the share of the engine's picture, `(rows, columns, 1)`: 1 inside, 0 at the border."""
    rows, columns = (np.arange(side.stop - side.start) for side in _FACE_BOX)
    edges = [np.clip(np.minimum(line, line[::-1]) / _FEATHER_PX, 0, 1) for line in (rows, columns)]
    return np.asarray(np.minimum(edges[0][:, None], edges[1][None, :])[:, :, None], np.float32)


def _pictures(path: Path) -> Iterator[Picture]:
    from ..media.decode import decode_frames

    for frame in decode_frames(path):
        picture: Any = frame.to_ndarray(format="rgb24", src_colorspace=1, src_color_range=1, dst_color_range=2)
        yield picture


def _write_wav(path: Path, voice: Sound) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE_HZ)
        out.writeframes(np.rint(voice * 32767).astype("<i2").tobytes())
