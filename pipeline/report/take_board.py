"""The board of a segment's takes: a contact sheet, and clips that play in sync, all as `data:` URLs.

The contact sheet is cropped to the region that the takes change, so that a face in a wide shot is visible.

The sheet has the source at the head of each row, then its takes, all at one moment. The first axis that varies gives
the rows, the others the columns.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.edits.takes import Choice, Combination, Matrix, take_name, value_text
from ..core.values import Media, Segment, Take
from ..media.timing.clock import frame_time_s
from .before_after import FindPath, new_line
from .preview_clip import PreviewWriter, clip_times_s, frames_of_samples, span_audio
from .stills import Picture, Region, changed_region, data_url, preview_size, small_pictures

_PAPER, _INK, _GREY = (251, 250, 248), (28, 27, 26), (104, 100, 95)
_GAP_PX, _LABEL_PX, _SIDE_PX = 8, 22, 96


@dataclass(frozen=True)
class Grid:
    """The labels, and the takes row by row."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    takes: tuple[tuple[Combination, ...], ...]
    same: str
    """What all takes have in common, such as `model_mode face`; may be empty."""


def grid_of(matrix: Matrix) -> Grid:
    """Arrange a matrix in rows and columns; if only one axis varies, there is a single row."""
    axes = matrix.axes
    varying = [name for name, values in axes.items() if len(values) > 1]
    across = varying[1:] if len(varying) > 1 else varying
    down = varying[:1] if len(varying) > 1 else []
    order = [*down, *across]
    columns = [dict(zip(across, values, strict=True)) for values in product(*(axes[name] for name in across))]
    rows = [dict(zip(down, values, strict=True)) for values in product(*(axes[name] for name in down))]
    ranked = sorted(matrix.takes, key=lambda take: [axes[name].index(take.choices[name]) for name in order])
    width = prod(len(axes[name]) for name in across)
    return Grid(
        tuple(map(_axis_label, rows)),
        tuple(map(_axis_label, columns)),
        tuple(tuple(ranked[start : start + width]) for start in range(0, len(ranked), width)),
        ", ".join(f"{name} {value_text(values[0])}" for name, values in axes.items() if len(values) == 1),
    )


def _axis_label(choices: Mapping[str, Choice]) -> str:
    """Format the values of a row or a column as in the names of takes."""
    words = [
        take_name({name: value}) if isinstance(value, bool) else value_text(value) for name, value in choices.items()
    ]
    return " · ".join(words)


def contact_sheet(source: Picture, takes: Mapping[str, Picture], grid: Grid, title: str) -> bytes:
    """Draw the sheet as a JPEG; a take without a picture is shown as failed.

    Args:
        source: the source's picture.
        takes: pictures of the same size, by the names of the takes.
        grid: labels and positions.
        title: the heading.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = source.shape[:2]
    step_x, step_y = width + _GAP_PX, height + _LABEL_PX + _GAP_PX
    side = _SIDE_PX if any(grid.rows) else _GAP_PX
    columns, rows = len(grid.columns) + 1, len(grid.takes)
    size = (side + columns * step_x, 2 * _LABEL_PX + _GAP_PX + rows * step_y)
    page = Image.new("RGB", size, _PAPER)
    draw, font, small_font = ImageDraw.Draw(page), ImageFont.load_default(15), ImageFont.load_default(12)
    draw.text((_GAP_PX, 4), title, _INK, font)
    for column, label in enumerate(("source", *grid.columns)):
        draw.text((side + column * step_x, _LABEL_PX + 4), label, _INK, font)
    for row, row_takes in enumerate(grid.takes):
        top = 2 * _LABEL_PX + row * step_y
        _draw_label(draw, (_GAP_PX, top + height // 2 - 8), grid.rows[row], font, side)
        page.paste(Image.fromarray(source), (side, top))
        for column, take in enumerate(row_takes, 1):
            left = side + column * step_x
            picture = takes.get(take.name)
            if picture is None:
                draw.rectangle((left, top, left + width - 1, top + height - 1), outline=_GREY)
                draw.text((left + 6, top + 6), "failed", _GREY, small_font)
            else:
                page.paste(Image.fromarray(picture), (left, top))
            _draw_label(draw, (left, top + height + 3), f"{take.number}  {take.name}", small_font, width)
    content = io.BytesIO()
    page.save(content, "JPEG", quality=88, optimize=True)
    return content.getvalue()


def _draw_label(draw: Any, position: tuple[int, int], text: str, font: Any, max_width_px: int) -> None:
    """Draw a label, shortened to the available width."""
    while text and draw.textlength(text, font) > max_width_px - 4:
        text = text[:-2].rstrip("…") + "…" if len(text) > 2 else ""
    draw.text(position, text, _INK, font)


MAX_BYTES = 9_000_000
"""All clips of one page's boards; as base64 in the page they are a third larger."""
_MIN_BPS, _MAX_BPS = 60_000, 1_500_000
_CRF = 27
_PROBE_SIDE_PX = 320
"""The longer side of the pictures in which the change is searched."""
_PROBE_COUNT = 5
_CLIP_SIDE_PX = {1: 420, 6: 340, 12: 260}
"""The longer side of one clip, by the largest number of takes on the board."""
_MIN_CLIP_SIDE_PX = 200


@dataclass(frozen=True)
class Cell:
    """One take on the board."""

    number: int
    name: str
    clip: str
    """A `data:` URL; empty if the take failed."""
    error: str
    """Why it failed."""


@dataclass(frozen=True)
class Board:
    """What the page shows of a segment whose take is to be chosen."""

    grid: Grid
    cells: tuple[tuple[Cell, ...], ...]
    size_px: tuple[int, int]
    source_clip: str
    sheet: bytes
    sheet_url: str
    still_frame: int
    """The source frame of the contact sheet."""
    times_s: tuple[float, ...]
    first_frame: int
    cropped: bool
    has_sound: bool
    """Whether the source's clip has sound."""
    takes_have_sound: bool
    """Whether the takes' clips have: a new line of dialogue, or else the source's sound."""


def boards_of(segments: Mapping[str, Segment], offered: Sequence[Take], find_path: FindPath) -> dict[str, Board]:
    """Render the boards of a page, by segment; all clips together have at most MAX_BYTES."""
    names = list(dict.fromkeys(take.segment.name for take in offered))
    boards = {}
    for name in names:
        takes = [take for take in offered if take.segment.name == name]
        board = board_of(segments[name], takes, find_path, MAX_BYTES // len(names)) if name in segments else None
        if board is not None:
            boards[name] = board
    return boards


def board_of(segment: Segment, takes: Sequence[Take], find_path: FindPath, max_bytes: int) -> Board | None:
    """Render a board; return None without video, or without a conformed take.

    Raises:
        InputMediaError: a frame cannot be decoded.
    """
    matrix, source = segment.edit.takes, segment.source
    usable = {take.name: take for take in takes if take.status == "done" and take.conformed and take.media.video}
    if matrix is None or source.video is None or not usable:
        return None
    first, end = segment.first_frame, segment.last_frame
    still_frame = (segment.start_frame + segment.end_frame - 1) // 2
    region = _changed_region(segment, list(usable.values()), find_path)
    seconds = [frame_time_s(source, frame) - frame_time_s(source, first) for frame in range(first, end + 1)]
    max_bps = _max_bps(max_bytes, len(usable) + 1, seconds[-1])
    clips = _ClipRenderer(region, _clip_side_px(len(takes)), seconds, still_frame - first, max_bps)
    source_path = find_path(source.file)
    start_s, end_s = (frame_time_s(source, frame) + source.start_s for frame in (first, end))
    source_audio = span_audio(source_path, source, start_s, end_s)
    source_clip, source_still = clips.render(source_path, source, first, source_audio)
    line = new_line(segment, find_path)
    sound = source_audio if line is None else line
    rendered = {name: clips.render(find_path(take.media.file), take.media, 0, sound) for name, take in usable.items()}
    grid = grid_of(matrix)
    stills = {name: still for name, (_, still) in rendered.items()}
    sheet = contact_sheet(source_still, stills, grid, f"{segment.name}, frame {still_frame}")
    return Board(
        grid=grid,
        cells=_cells(grid, takes, {name: clip for name, (clip, _) in rendered.items()}),
        size_px=(source_still.shape[1], source_still.shape[0]),
        source_clip=data_url("video/mp4", source_clip),
        sheet=sheet,
        sheet_url=data_url("image/jpeg", sheet),
        still_frame=still_frame,
        times_s=tuple(clip_times_s(seconds)),
        first_frame=first,
        cropped=not region.is_full,
        has_sound=source_audio is not None,
        takes_have_sound=sound is not None,
    )


def _cells(grid: Grid, takes: Sequence[Take], clips: Mapping[str, bytes]) -> tuple[tuple[Cell, ...], ...]:
    errors = {take.name: " ".join(take.notes[-1:]) for take in takes if take.name not in clips}
    urls = {name: data_url("video/mp4", clip) for name, clip in clips.items()}
    return tuple(
        tuple(Cell(take.number, take.name, urls.get(take.name, ""), errors.get(take.name, "")) for take in row)
        for row in grid.takes
    )


@dataclass(frozen=True)
class _ClipRenderer:
    """Renders the clips of a board, with what they have in common."""

    region: Region
    max_side_px: int
    seconds: Sequence[Fraction]
    """When each frame is shown, from the first frame of the clips; at last the end."""
    still_index: int
    max_bps: int

    def render(self, path: Path, media: Media, first: int, sound: NDArray[np.float32] | None) -> tuple[bytes, Picture]:
        """Return the clip of a file from its frame `first` on, and the still for the contact sheet."""
        assert media.video is not None
        count = min(len(self.seconds) - 1, media.video.frame_count - first)
        pictures = _pictures(path, media, range(first, first + count), self.region, self.max_side_px)
        content = io.BytesIO()
        writer, still = None, None
        for index, picture in enumerate(pictures):
            if writer is None:
                size = (picture.shape[1], picture.shape[0])
                rate, has_sound = media.video.rate, sound is not None
                writer = PreviewWriter(content, size, rate, crf=_CRF, has_sound=has_sound, max_bps=self.max_bps)
            writer.add(picture, self.seconds[index])
            still = picture if index <= self.still_index else still
        assert writer is not None
        assert still is not None
        if sound is not None:
            writer.add_sound(frames_of_samples(sound))
        writer.finish()
        return content.getvalue(), still


def _pictures(path: Path, media: Media, frames: range, region: Region, max_side_px: int) -> Iterator[Picture]:
    """Yield the region of each frame, scaled so that its longer side has at most `max_side_px`."""
    assert media.video is not None
    shares = (region.right - region.left, region.bottom - region.top)
    size_px = media.video.shown_size_px
    region_px = max(side * share for side, share in zip(size_px, shares, strict=True))
    size = preview_size(media.video, max(2, round(max(size_px) * min(1.0, max_side_px / region_px))))
    for _, picture in small_pictures(path, media.video, frames.start, frames.stop, size):
        yield region.cut(picture)


def _changed_region(segment: Segment, takes: Sequence[Take], find_path: FindPath) -> Region:
    """Return the region that the takes change, from a few frames of the edited span."""
    length = segment.end_frame - 1 - segment.start_frame
    frames = sorted({segment.start_frame + length * n // _PROBE_COUNT for n in range(1, _PROBE_COUNT + 1)})

    def pictures(media: Media, first: int) -> list[Picture]:
        path = find_path(media.file)
        return [
            picture
            for frame in frames
            for picture in _pictures(path, media, range(frame - first, frame - first + 1), Region(), _PROBE_SIDE_PX)
        ]

    return changed_region(pictures(segment.source, 0), (pictures(take.media, segment.first_frame) for take in takes))


def _clip_side_px(takes: int) -> int:
    return next((side_px for limit, side_px in _CLIP_SIDE_PX.items() if takes <= limit), _MIN_CLIP_SIDE_PX)


def _max_bps(max_bytes: int, clips: int, duration_s: Fraction) -> int:
    return max(_MIN_BPS, min(_MAX_BPS, int(8 * max_bytes / (clips * max(duration_s, Fraction(1, 10))))))
