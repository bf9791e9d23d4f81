"""Test clips that carry their truth: each frame shows its number, each second has a click."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from ..pipeline.core.edits.edit import Edit
from ..pipeline.core.values import Media, Segment
from ..pipeline.media.probe import probe
from .folder_context import FolderContext

_COLUMNS, _ROWS = 6, 4
_BLACK, _GREY, _WHITE = 40, 120, 200
_CORNERS = ((0, 0, _WHITE), (0, _COLUMNS - 1, _GREY), (_ROWS - 1, _COLUMNS - 1, _BLACK), (_ROWS - 1, 0, _BLACK))
_CELLS = [
    (row, column)
    for row in range(_ROWS)
    for column in range(_COLUMNS)
    if (row, column) not in {(r, c) for r, c, _ in _CORNERS}
]
_CLICK_HZ = 3000
_SAMPLE_RATE_HZ = 48000
_REPRODUCIBLE = {"libx264": {"threads": "1", "x264-params": "mbtree=0"}}
"""Options with which the encoder gives the same bytes each time; mbtree reads memory that was never written."""


@dataclass(frozen=True)
class ClipRecipe:
    """How a test clip is made: every frame shows its own number, every second has a click."""

    frames: int = 50
    rate: Fraction = Fraction(25)
    size: tuple[int, int] = (320, 180)
    """(width, height) in pixels, both even."""
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    gop: int = 12
    """Frames from one keyframe to the next."""
    options: dict[str, str] = field(default_factory=dict)
    """Options of the video encoder."""
    first_number: int = 0
    """The number that the first frame shows."""
    sound: bool = True
    """Whether there is a track of 48 kHz PCM with a quiet tone and a click at each full second."""

    @property
    def duration_s(self) -> Fraction:
        """How long the picture is shown."""
        return self.frames / self.rate


def make_clip(path: Path, recipe: ClipRecipe | None = None, **changes: Any) -> Path:
    """Write a clip; the suffix decides the container (`.mov`, `.mkv` take PCM sound)."""
    recipe = recipe or ClipRecipe(**changes)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream(
            recipe.codec, rate=recipe.rate, options=_REPRODUCIBLE.get(recipe.codec, {}) | recipe.options
        )
        video.width, video.height = recipe.size
        video.pix_fmt = recipe.pix_fmt
        video.codec_context.gop_size = recipe.gop
        audio: Any = container.add_stream("pcm_s16le", rate=_SAMPLE_RATE_HZ, layout="mono") if recipe.sound else None
        if audio is not None:
            samples = _samples(recipe)
            for first in range(0, len(samples), 1024):
                part = np.ascontiguousarray(samples[None, first : first + 1024])
                sound = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
                sound.sample_rate, sound.pts = _SAMPLE_RATE_HZ, first
                container.mux(audio.encode(sound))
            container.mux(audio.encode(None))
        for number in range(recipe.frames):
            image = np.repeat(draw_frame(recipe.first_number + number, recipe.size)[..., None], 3, axis=2)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, 1 / recipe.rate
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def probe_clip(context: FolderContext, path: Path) -> Media:
    """Store a copy of a film and return it as a `Media` value."""
    file = context.add_external(path)
    return probe(context._stored(file), file)


def make_segment(
    context: FolderContext, recipe: ClipRecipe | None = None, *, edit: Edit | None = None, suffix: str = ".mov"
) -> Segment:
    """Make a clip and return it as a `Segment` that spans it completely, without handles."""
    recipe = recipe or ClipRecipe()
    media = probe_clip(context, make_clip(context.folder / "made" / f"clip{suffix}", recipe))
    return Segment(
        name="s01",
        source=media,
        edit=edit or Edit.model_validate({"in": "0f", "out": f"{recipe.frames}f", "prompt": "happy"}),
        start_frame=0,
        end_frame=recipe.frames,
        head_frames=0,
        tail_frames=0,
        media=media,
        frames=tuple(range(recipe.frames)),
    )


def draw_frame(number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw the luma of one frame, `(height, width) uint8`: a grid of 6 by 4 blocks that encodes `number`, 0 to 65535.

    The corners show how the picture is turned (white, grey, black, black, clockwise from the top left); 16 blocks hold
    the number and 4 a check of it.
    """
    width, height = size
    grid = np.full((_ROWS, _COLUMNS), _BLACK, np.uint8)
    for row, column, value in _CORNERS:
        grid[row, column] = value
    bits = number | (number.bit_count() % 16) << 16
    for position, (row, column) in enumerate(_CELLS):
        grid[row, column] = _WHITE if bits >> position & 1 else _BLACK
    return grid[np.arange(height)[:, None] * _ROWS // height, np.arange(width)[None] * _COLUMNS // width]


def frame_number(image: NDArray[Any]) -> int:
    """Return the number that an upright picture shows; `(height, width)` luma or `(height, width, 3)` RGB.

    Raises:
        ValueError: the picture is turned or mirrored, or its check fails.
    """
    luma = image.astype(float) if image.ndim == 2 else image @ np.array([0.299, 0.587, 0.114])
    height, width = luma.shape
    reach_y, reach_x = max(1, height // _ROWS // 4), max(1, width // _COLUMNS // 4)
    centre_y = [(2 * row + 1) * height // (2 * _ROWS) for row in range(_ROWS)]
    centre_x = [(2 * column + 1) * width // (2 * _COLUMNS) for column in range(_COLUMNS)]
    grid = np.array(
        [[luma[y - reach_y : y + reach_y, x - reach_x : x + reach_x].mean() for x in centre_x] for y in centre_y]
    )
    white, grey, dark = grid[0, 0], grid[0, -1], max(grid[-1, -1], grid[-1, 0])
    if not white > grey + 20 > grey > dark + 20:
        raise ValueError(f"the picture is turned or mirrored: {grid.round().astype(int).tolist()}")
    middle = (grid[0, 0] + grid[-1, -1]) / 2
    bits = sum(int(grid[cell] > middle) << position for position, cell in enumerate(_CELLS))
    number, check = bits & 0xFFFF, bits >> 16
    if number.bit_count() % 16 != check:
        raise ValueError(f"unreadable number: {grid.round().astype(int).tolist()}")
    return number


def frame_numbers(path: Path) -> list[int]:
    """Return the number that every frame of a film shows, in the order of presentation."""
    with av.open(str(path)) as container:
        return [frame_number(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def click_times_s(samples: NDArray[Any], rate_hz: int = _SAMPLE_RATE_HZ, *, threshold: float = 0.3) -> list[float]:
    """Return when each click begins, in seconds from the first sample; `(samples,) float` from -1 to 1."""
    loud = np.flatnonzero(np.abs(samples) > threshold)
    if not len(loud):
        return []
    starts = loud[np.concatenate([[True], np.diff(loud) > rate_hz // 10])]
    return [float(start) / rate_hz for start in starts]


def _samples(recipe: ClipRecipe) -> NDArray[np.int16]:
    clock = np.arange(round(recipe.duration_s * _SAMPLE_RATE_HZ)) / _SAMPLE_RATE_HZ
    tone = 0.02 * np.sin(2 * np.pi * 440 * clock)
    click = 0.9 * np.cos(2 * np.pi * _CLICK_HZ * (clock % 1))
    return np.round(np.where(clock % 1 < 0.004, click, tone) * 32767).astype(np.int16)
