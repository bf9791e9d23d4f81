"""Compare the metadata of re-encoded pictures with the source's, in the packets of both films."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from ...media.mp4.sample_tables import Ints
from ..codecs.kept_metadata import DOLBY_VISION_CONFIGURATION, Row, metadata_rows
from ..codecs.picture_metadata import DOLBY_VISION, Message, MetadataKind
from ..container import matching_video_index
from ..job import SpliceJob

_CONFIGURATION = re.compile("DOVI configuration record: .*")


@dataclass(frozen=True)
class MetadataDiff:
    """How the metadata of new pictures differ from those of the source's."""

    has_any: bool
    """Whether the source has some that new pictures can have."""
    lost: tuple[str, ...] = ()
    """The labels of those that some new picture does not have."""
    failure: str = ""
    """Which new picture has other metadata than the source's; empty if none has."""

    @property
    def metrics(self) -> dict[str, Any]:
        """The result as a metric; empty if there are no metadata."""
        return {"metadata_equal": not self.lost and not self.failure} if self.has_any else {}


def compare_metadata(job: SpliceJob, output: Path, ranges: Sequence[range]) -> MetadataDiff:
    """Compare the metadata of the shown frames of all ranges that were encoded again, as a player reads both films."""
    source_kinds, lost = set[MetadataKind](), dict[str, None]()
    stream = matching_video_index(job.source, job.video.index, output)
    for item in ranges:
        frames = range(max(item.start, 0), item.stop)
        times = job.video.timestamps.array[frames.start : frames.stop]
        start = int(times[0]) if frames.start else None
        with (
            closing(metadata_rows(job.source, job.video.index, start)) as source_rows,
            closing(metadata_rows(output, stream, start)) as output_rows,
        ):
            for number, own, new in _pairs(source_rows, output_rows, times):
                for kind, messages in own.items():
                    source_kinds.add(kind)
                    if kind not in new:
                        lost[kind.label] = None
                    elif new[kind] != messages:
                        failure = f"frame {frames[number]} does not have the source's {kind.label}"
                        return MetadataDiff(True, failure=failure)
    if DOLBY_VISION in source_kinds and len({_dolby_vision(job, path) for path in (job.source, output)}) > 1:
        lost[DOLBY_VISION_CONFIGURATION] = None
    return MetadataDiff(bool(source_kinds), tuple(lost))


_Kinds = Mapping[MetadataKind, list[bytes]]


def _pairs(source: Iterable[Row], output: Iterable[Row], times: Ints) -> Iterator[tuple[int, _Kinds, _Kinds]]:
    """Yield the number and the metadata in both films of each picture with one of these ascending times.

    Both are read side by side, so what waits for the other film is little.
    """
    due = {pts: number for number, pts in enumerate(times.tolist())}
    waiting: tuple[dict[int, _Kinds], dict[int, _Kinds]] = {}, {}
    for rows in zip_longest(source, output):
        for row, own in zip(rows, waiting, strict=True):
            pts, messages = row or (None, ())
            if pts is not None and pts in due:
                own[pts] = _by_kind(messages)
        for pts in waiting[0].keys() & waiting[1].keys():
            yield due.pop(pts), waiting[0].pop(pts), waiting[1].pop(pts)
        if not due:
            return
    yield from ((due[pts], own, {}) for pts, own in waiting[0].items())


def _dolby_vision(job: SpliceJob, path: Path) -> str:
    """Return what a container says of Dolby Vision, as ffmpeg names it; "" if nothing."""
    options = ["-v", "info", "-i", f"file:{path}", "-map", "0:0", "-c", "copy", "-t", "0", "-f", "null", "-"]
    log = job.context.run_tool([job.ffmpeg, "-hide_banner", "-nostdin", *options])
    match = _CONFIGURATION.search(log.partition("Output #0")[0])
    return match[0] if match else ""


def _by_kind(messages: Iterable[Message]) -> _Kinds:
    kinds = defaultdict[MetadataKind, list[bytes]](list)
    for message in messages:
        if message.is_valid:
            kinds[message.kind].append(message.data)
    return dict(kinds)


def distinct_labels(labels: Iterable[str]) -> list[str]:
    """Return labels in order, without those that another one explains in more words."""
    ordered = sorted(set(labels))
    return [label for label in ordered if not any(other.startswith(f"{label} (") for other in ordered)]
