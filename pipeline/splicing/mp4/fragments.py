"""The samples of a fragmented MP4, read from its fragments; `rewrite_fragments.py` writes them.

A fragment is a `moof` with a `traf` for each track, whose runs (`trun`) describe the samples in the `mdat` after it.

Source: ISO/IEC 14496-12, 8.8 (`trex`, `tfhd`, `trun`, `tfdt`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...media.mp4 import sample_tables
from ...media.mp4.boxes import Box, TopBox, parse_boxes, read_moov, read_top_boxes
from ...media.mp4.sample_tables import Ints, Samples
from ...media.not_applicable import NoSampleTable, NotApplicable

BASE_OFFSET, MOOF_IS_BASE = 0x1, 0x20000
_TFHD_DEFAULTS = ((0x2, "entry"), (0x8, "duration"), (0x10, "size"), (0x20, "flags"))
DATA_OFFSET, _FIRST_FLAGS, DURATION, SIZE, FLAGS, COMPOSITION = 0x1, 0x4, 0x100, 0x200, 0x400, 0x800
_NOT_SYNC = 0x01010000
"""Sample flags: depends on others, or is marked as no sync sample."""
_ENCRYPTION = (b"senc", b"saiz", b"saio")


@dataclass(frozen=True)
class Run:
    """One `trun`."""

    traf: int
    """The place of its `traf` among the boxes of the `moof`."""
    place: int
    """Its own place among the boxes of the `traf`."""
    track_id: int
    offset: int
    first_dts: int
    durations: Ints
    sizes: Ints
    flags: Ints
    composition: Ints


@dataclass(frozen=True)
class Fragment:
    """One `moof`, parsed."""

    top: TopBox
    box: Box
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class FragmentedFilm:
    """The index of a fragmented film."""

    top_boxes: list[TopBox]
    moov: Box
    fragments: list[Fragment]


def read_fragments(path: Path) -> FragmentedFilm:
    """Read the index of a fragmented film.

    Raises:
        NotApplicable: it is not fragmented, has samples outside its fragments, too, or a broken fragment.
    """
    with path.open("rb") as stream:
        top_boxes = read_top_boxes(stream, path.stat().st_size)

        def read(top: TopBox) -> Box:
            stream.seek(top.offset)
            return parse_boxes(stream.read(top.size_bytes))[0]

        moovs = [top for top in top_boxes if top.kind == b"moov"]
        if len(moovs) != 1 or not any(top.kind == b"moof" for top in top_boxes):
            raise NoSampleTable("the file has no single index")
        moov = read(moovs[0])
        if any(sample_tables.read_sample_table(track).count for track in moov.all(b"trak")):
            raise NoSampleTable("the file has samples in its index and in fragments")
        defaults = _track_defaults(moov)
        ends: dict[int, int] = {}
        try:
            fragments = [_parse(top, read(top), defaults, ends) for top in top_boxes if top.kind == b"moof"]
        except (struct.error, ValueError, KeyError) as error:
            raise NotApplicable("a fragment of the file is broken") from error
    return FragmentedFilm(top_boxes, moov, fragments)


def read_index(path: Path) -> tuple[Box, FragmentedFilm | None]:
    """Return the `moov` of a film, and its index if its samples are in fragments, not in tables.

    Raises:
        NotApplicable: it has neither.
    """
    try:
        return read_moov(path)[1], None
    except NoSampleTable:
        film = read_fragments(path)
        return film.moov, film


def read_samples(film: FragmentedFilm | None, track: Box) -> Samples:
    """Return the samples of a track in decoding order; `film` is None if they are in its tables.

    Raises:
        NotApplicable: it has none.
    """
    if film is None:
        return sample_tables.read_sample_table(track)
    number = sample_tables.track_id(track)
    runs = [run for fragment in film.fragments for run in fragment.runs if run.track_id == number]
    if not runs:
        raise NotApplicable("a track has no samples")
    flags = np.concatenate([run.flags for run in runs])
    return Samples(
        sizes=np.concatenate([run.sizes for run in runs]),
        offsets=np.concatenate([run.offset + sample_tables.starts_of(run.sizes) for run in runs]),
        dts=np.concatenate([run.first_dts + sample_tables.starts_of(run.durations) for run in runs]),
        composition=np.concatenate([run.composition for run in runs]),
        sync=(flags & _NOT_SYNC) == 0,
    )


def fragment_starts(film: FragmentedFilm | None, track: Box) -> list[int]:
    """Return the number of the first sample of a track in each fragment that has any."""
    number, count, starts = sample_tables.track_id(track), 0, list[int]()
    for fragment in film.fragments if film is not None else ():
        samples = sum(len(run.sizes) for run in fragment.runs if run.track_id == number)
        starts += [count] if samples else []
        count += samples
    return starts


def _track_defaults(moov: Box) -> dict[int, dict[str, int]]:
    """Map the id of each track to what its samples have where a fragment says nothing."""
    mvex = parse_boxes(moov.require(b"mvex").body)
    rows = [struct.unpack_from(">5I", box.body, 4) for box in mvex if box.kind == b"trex"]
    return {row[0]: dict(zip(("entry", "duration", "size", "flags"), row[1:], strict=True)) for row in rows}


def _parse(top: TopBox, moof: Box, defaults: dict[int, dict[str, int]], ends: dict[int, int]) -> Fragment:
    """Parse a `moof`; `ends` has the dts after the last sample of each track so far."""
    runs: list[Run] = []
    data_end = top.offset
    for traf_place, traf in enumerate(moof.children):
        if traf.kind != b"traf":
            continue
        if any(traf.find(kind) is not None for kind in _ENCRYPTION):
            raise NotApplicable("the film is encrypted")
        own, base = _read_tfhd(traf.require(b"tfhd").body, defaults, top.offset, data_end)
        data_end = base
        tfdt = traf.find(b"tfdt")
        if tfdt is not None:
            wide = tfdt.body[0] == 1
            ends[own["track"]] = int.from_bytes(tfdt.body[4:12] if wide else tfdt.body[4:8], "big")
        for place, box in enumerate(traf.children):
            if box.kind != b"trun":
                continue
            run = _read_trun(box.body, own, (traf_place, place), (base, data_end), ends.get(own["track"], 0))
            ends[own["track"]] = run.first_dts + int(run.durations.sum())
            data_end = run.offset + int(run.sizes.sum())
            runs.append(run)
    return Fragment(top, moof, tuple(runs))


def _read_tfhd(
    body: bytes, defaults: dict[int, dict[str, int]], moof: int, data_end: int
) -> tuple[dict[str, int], int]:
    """Return the defaults of a `traf` with its track's id, and where its data begins."""
    flags, track = struct.unpack_from(">II", body)
    flags &= 0xFFFFFF
    own, position = {**defaults[track], "track": track}, 8
    base = moof if flags & MOOF_IS_BASE else data_end
    if flags & BASE_OFFSET:
        (base,), position = struct.unpack_from(">Q", body, position), position + 8
    for flag, name in _TFHD_DEFAULTS:
        if flags & flag:
            (own[name],), position = struct.unpack_from(">I", body, position), position + 4
    return own, base


def _read_trun(
    body: bytes, own: dict[str, int], place: tuple[int, int], origins: tuple[int, int], first_dts: int
) -> Run:
    """Return a run.

    Args:
        body: of its box.
        own: the defaults of its `traf`.
        place: of the `traf` and in it.
        origins: where its data begins counted from, if it has an offset, and if it has none: the end of the run before.
        first_dts: of its first sample.
    """
    flags, count = struct.unpack_from(">II", body)
    version, flags, position = flags >> 24, flags & 0xFFFFFF, 8
    base, offset = origins
    if flags & DATA_OFFSET:
        (relative,), position = struct.unpack_from(">i", body, position), position + 4
        offset = base + relative
    first_flags = None
    if flags & _FIRST_FLAGS:
        (first_flags,), position = struct.unpack_from(">I", body, position), position + 4
    present = [flag for flag in (DURATION, SIZE, FLAGS, COMPOSITION) if flags & flag]
    rows = np.frombuffer(body, ">u4", count * len(present), position).reshape(count, len(present))
    columns = dict(zip(present, rows.T, strict=True))

    def column(flag: int, default: int) -> Ints:
        return columns[flag].astype(np.int64) if flag in columns else np.full(count, default, np.int64)

    sample_flags = column(FLAGS, own["flags"])
    if first_flags is not None and count:
        sample_flags[0] = first_flags
    composition = column(COMPOSITION, 0)
    if version:
        composition = composition.astype(np.uint32).astype(np.int32).astype(np.int64)
    sizes = column(SIZE, own["size"])
    durations = column(DURATION, own["duration"])
    return Run(*place, own["track"], offset, first_dts, durations, sizes, sample_flags, composition)
