"""Let the photograph speak: the local engine relaxes its smile and moves its lips with the voice."""

from __future__ import annotations

import tempfile
import wave
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .demo_encoder import write_clip
from .demo_voice import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Sound = NDArray[np.float32]

_FACE_BOX = (slice(96, 736), slice(424, 1000))
"""Rows and columns of the plate that the engine gets: the face and room around it, even sides."""
_FEATHER_PX = 24
_RAMP_S = 0.4
"""The engine fades an expression in and out at the ends of a clip; this much is spoken before and after, and cut."""


def talking(seen: Picture, voice: Sound, count: int, rate: int, progress: Callable[[float], None]) -> Iterator[Picture]:
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
    from ..engine.render.render import Expression, render

    ramp = round(_RAMP_S * rate)
    around = np.zeros(ramp * SAMPLE_RATE_HZ // rate, np.float32)
    spoken = np.concatenate([around, voice, around])
    face, blend = seen[_FACE_BOX], _feather()
    height, width = face.shape[:2]
    with tempfile.TemporaryDirectory(prefix="react1-demo-") as folder:
        still, wav, spoke = (Path(folder, name) for name in ("still.mp4", "voice.wav", "spoke.mp4"))
        write_clip(still, (face for _ in range(count + 2 * ramp)), None, (width, height), rate, crf=12)
        _write_wav(wav, spoken)
        relaxed = Expression(prompt="neutral", temperature=1.0, model_mode="lips", sync_mode="cut_off")
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
    import av

    opened = cast("Any", av.open(str(path)))
    with opened as container:
        container.streams.video[0].thread_type = "AUTO"
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24", src_colorspace=1, src_color_range=1, dst_color_range=2)


def _write_wav(path: Path, voice: Sound) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE_HZ)
        out.writeframes(np.rint(voice * 32767).astype("<i2").tobytes())
