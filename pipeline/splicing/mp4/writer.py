"""Write an exactly spliced MP4 or MOV: the new packets go into the tables of the source's own boxes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..codecs.family import Coder
from ..not_applicable import Unsuited
from ..packet_index import Index
from ..reencode import ENTRY_HEAD_BYTES, single_entry
from ..smart_render import Piece
from . import sample_tables
from .boxes import Box, parse
from .replace_samples import NewSamples
from .sample_times import Grid, composition_on_slots


def new_samples(source: Path, index: Index, coder: Coder, pieces: Sequence[Piece]) -> list[NewSamples]:
    """Fit the pieces onto the source's sample slots; a packet that is stored otherwise joins its window's file."""
    entry = _entry(index, coder)
    return [_placed(source, index.grid, coder, piece, entry) for piece in pieces]


def _placed(source: Path, grid: Grid, coder: Coder, piece: Piece, entry: bytes) -> NewSamples:
    window = piece.window
    sizes, composition, sync = piece.sizes, piece.composition, piece.sync
    if window.patched is not None:
        rank = int(grid.rank[window.patched])
        data = coder.resume(_read(source, grid, window.patched))
        with piece.file.open("ab") as out:
            out.write(data)
        sizes = np.append(sizes, len(data))
        composition = np.append(composition, composition_on_slots(grid, window.end, np.array([rank])))
        sync = np.append(sync, True)
    return NewSamples(
        first=window.first,
        end=window.stored_end,
        place=grid.place,
        file=piece.file,
        offsets=sample_tables.starts_of(sizes),
        sizes=sizes,
        composition=composition,
        sync=sync,
        entry=entry,
    )


def _read(source: Path, grid: Grid, sample: int) -> bytes:
    with source.open("rb") as stream:
        stream.seek(int(grid.samples.offsets[sample]))
        return stream.read(int(grid.samples.sizes[sample]))


def _entry(index: Index, coder: Coder) -> bytes:
    """Give the body of `stsd`: the source's own, but for a configuration that the coder changed."""
    assert index.grid.track is not None
    stsd = sample_tables.stbl(index.grid.track).at(b"stsd").body
    was = single_entry(stsd)
    if coder.config == index.config:
        return stsd
    boxes, changed = parse(was[ENTRY_HEAD_BYTES:]), 0
    for box in boxes:
        if box.body == index.config:
            box.body, changed = coder.config, changed + 1
    if changed != 1:
        raise Unsuited("the picture's configuration does not stand in its sample entry")
    body = was[8:ENTRY_HEAD_BYTES] + b"".join(box.write() for box in boxes)
    return stsd[:8] + Box(was[4:8], body).write()
