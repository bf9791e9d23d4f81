"""Make the demo's talking clip: a photograph, a synthesised voice, lips that follow it, a moving camera.

Gives   an MP4: H.264 High 4:2:0 BT.709, AAC mono 48 kHz, the index in front; the same bytes every time.
Raises  MissingExtra when the extra `demo` is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .demo_encoder import write_clip
from .demo_voice import speak
from .plate import plate, shoot
from .talking_mouth import talking

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
        speaking = talking(plate(), voice, count, rate, lambda share: progress(_MOUTH_SHARE * share))
        for index, seen in enumerate(speaking):
            yield shoot(seen, index / max(1, count - 1), size)
            progress(_MOUTH_SHARE + (1 - _MOUTH_SHARE) * (index + 1) / count)

    write_clip(out, filmed(), voice, size, rate)
