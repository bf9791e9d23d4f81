"""The takes of a segment beside each other: a contact sheet, and clips that play as one.

Takes   a record, a segment with a matrix, and its takes, conformed.
Gives   a `Board`: everything as `data:` addresses; all its clips together keep within a size.
Raises  BadInput when a frame that is shown cannot be decoded.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..core.file import File
from ..core.values import Media, Segment, Take
from .changed_region import Region, changed_region
from .contact_sheet import Grid, contact_sheet, grid_of
from .preview_clip import SAMPLE_RATE_HZ, PreviewWriter, clip_times_s, frames_of_samples, span_audio
from .report_json import frame_time_s
from .stills import Picture, data_url, preview_size, small_pictures

Find = Callable[[File], Path]

MAX_BYTES = 9_000_000
"""All clips of one page's boards; as text in the page they are a third larger."""
_LEAST_BPS, _MOST_BPS = 60_000, 1_500_000
_CRF = 27
_LOOK_PX = 320
"""The longer side of the pictures in which the change is looked for."""
_LOOKS = 5
_LARGEST_PX = {1: 420, 6: 340, 12: 260}
"""The longer side of one clip, by the most takes of a board that it is for."""
_SMALLEST_PX = 200


@dataclass(frozen=True)
class Cell:
    """One take on the board."""

    number: int
    name: str
    clip: str
    """A `data:` address; empty where the take failed."""
    notes: str
    """Why it failed."""


@dataclass(frozen=True)
class Board:
    """What the page shows of a segment of which a take is to be chosen."""

    grid: Grid
    cells: tuple[tuple[Cell, ...], ...]
    size_px: tuple[int, int]
    source_clip: str
    sheet: bytes
    sheet_address: str
    still_frame: int
    """The source frame of the contact sheet."""
    times_s: tuple[float, ...]
    first_frame: int
    cropped: bool
    has_sound: bool
    line_name: str
    """The take whose clip carries the new line of dialogue; empty where there is none."""


def board_of(segment: Segment, takes: Sequence[Take], find: Find, most_bytes: int) -> Board | None:
    """Draw a board; None where there is no picture, or no take that is on the source's grid."""
    matrix, source = segment.edit.takes, segment.source
    good = {take.name: take for take in takes if take.status == "done" and take.conformed and take.media.video}
    if matrix is None or source.video is None or not good:
        return None
    first, end = segment.first_frame, segment.last_frame
    still = (segment.start_frame + segment.end_frame - 1) // 2
    region = _region(segment, list(good.values()), find)
    seconds = [frame_time_s(source, frame) - frame_time_s(source, first) for frame in range(first, end + 1)]
    drawn = _Drawing(
        region, _largest_px(len(takes)), seconds, still - first, _rate_bps(most_bytes, len(good) + 1, seconds[-1])
    )
    own = span_audio(find(source.file), source, *(frame_time_s(source, at) + source.start_s for at in (first, end)))
    source_clip, source_still = drawn.clip(find(source.file), source, first, own)
    line = _line(segment, find)
    carrier = next(iter(good)) if line is not None else ""
    made = {
        name: drawn.clip(find(take.media.file), take.media, 0, line if name == carrier else None)
        for name, take in good.items()
    }
    grid = grid_of(matrix)
    picture = contact_sheet(
        source_still, {name: one for name, (_, one) in made.items()}, grid, f"{segment.name}, frame {still}"
    )
    said = {take.name: " ".join(take.notes[-1:]) for take in takes if take.name not in good}
    clips = {name: data_url("video/mp4", clip) for name, (clip, _) in made.items()}
    return Board(
        grid=grid,
        cells=tuple(
            tuple(Cell(one.number, one.name, clips.get(one.name, ""), said.get(one.name, "")) for one in row)
            for row in grid.takes
        ),
        size_px=(source_still.shape[1], source_still.shape[0]),
        source_clip=data_url("video/mp4", source_clip),
        sheet=picture,
        sheet_address=data_url("image/jpeg", picture),
        still_frame=still,
        times_s=tuple(clip_times_s(seconds)),
        first_frame=first,
        cropped=not region.whole,
        has_sound=own is not None,
        line_name=carrier,
    )


@dataclass(frozen=True)
class _Drawing:
    """What all clips of a board have in common."""

    region: Region
    largest_px: int
    seconds: Sequence[Fraction]
    """When each frame is shown, from the first one shown; and the end."""
    still: int
    most_bps: int

    def clip(self, path: Path, media: Media, first: int, sound: Any) -> tuple[bytes, Picture]:
        """Give the clip of a file from its frame `first` on, and the still of the sheet."""
        assert media.video is not None
        count = min(len(self.seconds) - 1, media.video.frame_count - first)
        pictures = _pictures(path, media, range(first, first + count), self.region, self.largest_px)
        made = io.BytesIO()
        writer, still = None, None
        for place, picture in enumerate(pictures):
            if writer is None:
                size = (picture.shape[1], picture.shape[0])
                rate, heard = media.video.rate, sound is not None
                writer = PreviewWriter(made, size, rate, crf=_CRF, has_sound=heard, most_bps=self.most_bps)
            writer.add(picture, self.seconds[place])
            still = picture if place <= self.still else still
        assert writer is not None
        assert still is not None
        if sound is not None:
            writer.add_sound(frames_of_samples(sound))
        writer.finish()
        return made.getvalue(), still


def _pictures(path: Path, media: Media, frames: range, region: Region, largest_px: int) -> Iterator[Picture]:
    """Give the part of each frame, scaled so that its longer side has `largest_px` at most."""
    assert media.video is not None
    shares = (region.right - region.left, region.bottom - region.top)
    shown = media.video.shown_size_px
    part_px = max(side * share for side, share in zip(shown, shares, strict=True))
    size = preview_size(media.video, max(2, round(max(shown) * min(1.0, largest_px / part_px))))
    for _, picture in small_pictures(path, media.video, frames.start, frames.stop, size):
        yield region.cut(picture)


def _region(segment: Segment, takes: Sequence[Take], find: Find) -> Region:
    """Find what the takes change, at a few moments of the edited span."""
    last = segment.end_frame - 1
    spread = sorted({segment.start_frame + (last - segment.start_frame) * n // _LOOKS for n in range(1, _LOOKS + 1)})

    def looks(media: Media, first: int) -> list[Picture]:
        path = find(media.file)
        return [
            picture
            for frame in spread
            for picture in _pictures(path, media, range(frame - first, frame - first + 1), Region(), _LOOK_PX)
        ]

    return changed_region(looks(segment.source, 0), (looks(take.media, segment.first_frame) for take in takes))


def _line(segment: Segment, find: Find) -> Any:
    """Give the new line of dialogue, `(2, samples)` at 48 kHz, as long as the clip; None where there is none."""
    if not segment.edit.changes_sound or segment.voice is None:
        return None
    from ..media.audio.samples import read_all

    return read_all(find(segment.voice), SAMPLE_RATE_HZ, 2)


def _largest_px(count: int) -> int:
    return next((px for most, px in _LARGEST_PX.items() if count <= most), _SMALLEST_PX)


def _rate_bps(most_bytes: int, clips: int, lasts_s: Fraction) -> int:
    return max(_LEAST_BPS, min(_MOST_BPS, int(8 * most_bytes / (clips * max(lasts_s, Fraction(1, 10))))))


def boards_of(segments: Mapping[str, Segment], offered: Sequence[Take], find: Find) -> dict[str, Board]:
    """Draw the boards of a page, by segment; together they keep within MOST_BYTES."""
    names = list(dict.fromkeys(take.segment.name for take in offered))
    made = {}
    for name in names:
        takes = [take for take in offered if take.segment.name == name]
        board = board_of(segments[name], takes, find, MAX_BYTES // len(names)) if name in segments else None
        if board is not None:
            made[name] = board
    return made
