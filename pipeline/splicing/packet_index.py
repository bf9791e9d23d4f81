"""The index of a film's picture packets: their grid, and what must be read of a few of them.

MP4 and MOV are read by their sample tables, and only keyframes are opened; every other container is read through once.
Gives   `Index`.
Raises  Unsuited where the packets cannot be told apart by their times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from ..core.values import VideoStream
from .codecs.family import Family, Resume
from .codecs.known_codecs import family_of
from .mp4.sample_tables import Samples
from .mp4.sample_times import Grid
from .not_applicable import Unsuited
from .reencode_ranges import Resumption, leading

_HEAD_BYTES = 4096


@dataclass(frozen=True)
class Index:
    """What a splice knows of the film's picture packets."""

    grid: Grid
    config: bytes
    """What the container tells a decoder beforehand."""
    head: Callable[[int], bytes]
    """Gives the first bytes of a keyframe's packet."""
    first: bytes
    """The first packet, whole."""

    @property
    def annexb(self) -> bool:
        """Whether NAL units stand behind start codes."""
        return self.config[:3] == b"\x00\x00\x01" or self.config[:4] == b"\x00\x00\x00\x01"

    def resumptions(self, family: Family) -> list[Resumption]:
        """List where decoding can resume."""
        found = []
        for sample in np.flatnonzero(self.grid.samples.sync).tolist():
            head = self.head(sample) if family.looks_into else b""
            how = family.resumes(head, annexb=self.annexb)
            lost = leading(self.grid.samples.pts, sample) if how is Resume.BROKEN_LINK else 0
            if how is not Resume.NO and lost is not None:
                found.append(Resumption(sample, lost, how is Resume.BROKEN_LINK))
        return found


def boxed_index(source: Path, video: VideoStream, grid: Grid) -> Index:
    """Index an MP4 or MOV whose grid is read."""
    offsets, sizes = grid.samples.offsets, grid.samples.sizes

    def read(sample: int, most: int) -> bytes:
        with source.open("rb") as stream:
            stream.seek(int(offsets[sample]))
            return stream.read(min(int(sizes[sample]), most))

    with av.open(f"file:{source}") as container:
        config = bytes(container.streams[video.index].codec_context.extradata or b"")
    return Index(grid, config, lambda sample: read(sample, _HEAD_BYTES), read(0, int(sizes[0])))


def streamed_index(source: Path, video: VideoStream) -> Index:
    """Index any other film by reading its packets."""
    looks_into, heads = family_of(video.codec).looks_into, dict[int, bytes]()
    rows: list[tuple[int, int | None, int, bool]] = []
    first = b""
    with av.open(f"file:{source}") as container:
        stream = container.streams[video.index]
        config = bytes(stream.codec_context.extradata or b"")
        assert isinstance(stream, av.VideoStream)
        if container.format.name == "avi" and stream.codec_context.has_b_frames:
            raise Unsuited("an AVI does not tell when pictures that are reordered are shown")
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if packet.pts is None:
                raise Unsuited("some packets of the picture have no time")
            if packet.is_keyframe and looks_into:
                heads[len(rows)] = bytes(packet)[:_HEAD_BYTES]
            if not first and packet.has_sidedata("matroska_block_additional"):
                raise Unsuited("the pictures have an alpha channel beside them, which no encoder here writes")
            first = first or bytes(packet)
            rows.append((packet.pts, packet.dts, packet.size, packet.is_keyframe))
    if not rows:
        raise Unsuited("the picture has no packets")
    pts = np.array([row[0] for row in rows], np.int64)
    shown = np.sort(pts)
    if len(shown) > 1 and int(np.diff(shown).min()) <= 0:
        raise Unsuited("two pictures share one time")
    if len(shown) != video.frame_count:
        raise Unsuited(f"{len(shown)} packets hold {video.frame_count} pictures")
    dts = _slots(pts, shown, [row[1] for row in rows])
    samples = Samples(
        sizes=np.array([row[2] for row in rows], np.int64),
        offsets=np.full(len(rows), -1, np.int64),
        dts=dts,
        composition=pts - dts,
        sync=np.array([row[3] for row in rows], bool),
    )
    return Index(Grid(samples, shown, 0, None, 0, 0, 0), config, heads.__getitem__, first)


def _slots(pts: np.ndarray, shown: np.ndarray, told: list[int | None]) -> np.ndarray:
    """Give the decode times; where a container tells none, the shown times early enough for the reordering."""
    if all(dts is not None for dts in told):
        return np.array(told, np.int64)
    delay = int(np.max(np.arange(len(pts)) - np.searchsorted(shown, pts), initial=0))
    step = int(np.median(np.diff(shown))) if len(shown) > 1 else 1
    return np.concatenate([shown[0] - step * np.arange(delay, 0, -1), shown])[: len(pts)].astype(np.int64)
