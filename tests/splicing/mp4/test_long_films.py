"""An hour at 50 frames/s with three sound tracks, as an index sees it: memory stays small, and no sample is lost."""

from __future__ import annotations

import struct
import tracemalloc

import numpy as np
import pytest
from takes import film

from react1.pipeline.media.mp4 import sample_tables
from react1.pipeline.media.mp4.boxes import read_moov
from react1.pipeline.splicing.mp4 import rewrite
from react1.pipeline.splicing.mp4.replace_samples import NewSamples, find_track

COUNTS = (180_000, 168_750, 168_750, 168_750)
SAMPLE_BYTES = 16
FIRST, END = 90_000, 90_300
MOST_BYTES = 48 << 20


@pytest.fixture(scope="module")
def long_film(tmp_path_factory):
    """Every sample lies in a chunk of its own, as muxers leave them, and holds its own place in the file."""
    from react1.testing import FolderContext

    folder = tmp_path_factory.mktemp("long")
    media = film(FolderContext(folder), frames=5, size=(64, 64), tracks=3, audio_codec="aac")
    tops, moov = read_moov(FolderContext(folder).path(media.file))
    head = next(top for top in tops if top.kind == b"ftyp").size_bytes
    when = np.concatenate([np.arange(count) / count for count in COUNTS])
    place = np.empty(len(when), np.int64)
    place[np.argsort(when, kind="stable")] = np.arange(len(when))
    offsets = np.split(head + 16 + place * SAMPLE_BYTES, np.cumsum(COUNTS)[:-1])
    for track, own in zip(moov.all(b"trak"), offsets, strict=True):
        table = sample_tables.stbl(track)
        sample_tables.write_sizes(table, np.full(len(own), SAMPLE_BYTES, np.int64))
        sample_tables.write_chunks(table, sample_tables.Chunks(own, *np.ones((2, len(own)), np.int32)))
        sample_tables.write_composition(table, np.zeros(len(own), np.int64))
        sample_tables.write_sync(table, np.arange(len(own)) % 50 == 0)
        table.put(b"stts", struct.pack(">IIII", 0, 1, len(own), 512))
    path = folder / "long.mp4"
    body = np.stack([np.arange(len(when)), ~np.arange(len(when))], 1).astype(">i8").tobytes()
    with path.open("wb") as out:
        out.write(FolderContext(folder).path(media.file).read_bytes()[:head])
        out.write(struct.pack(">I4sQ", 1, b"mdat", len(body) + 16) + body + moov.to_bytes())
    return path


def track_times(path):
    """Read what every sample of every track holds: the number that stands in it."""
    data = path.read_bytes()
    matches = []
    for track in read_moov(path)[1].all(b"trak"):
        held = sample_tables.read_sample_table(track)
        rows = np.frombuffer(data, np.uint8)[held.offsets[:, None] + np.arange(8)]
        matches.append((rows.copy().view(">i8").ravel().astype(np.int64), held))
    return matches


@pytest.mark.slow
@pytest.mark.parametrize("way", ["reencode", "in place"])
def test_an_hour_is_edited_in_little_memory_and_no_sample_is_lost(long_film, tmp_path, way):
    """686 250 samples: what is worked out of them stays below 48 MB, and each is found again."""
    _, moov = read_moov(long_film)
    track = find_track(moov, b"vide")
    coded, result, old = tmp_path / "coded", tmp_path / "made.mp4", sample_tables.read_sample_table(track)
    fresh = -np.arange(1, END - FIRST + 1)
    coded.write_bytes(np.stack([fresh, fresh], 1).astype(">i8").tobytes())
    sizes = np.full(len(fresh), SAMPLE_BYTES, np.int64)
    span = slice(FIRST, END)
    entry = sample_tables.stbl(track).require(b"stsd").body
    new = NewSamples(
        FIRST, END, 0, coded, np.cumsum(sizes) - sizes, sizes, old.composition[span], old.sync[span], entry
    )
    tracemalloc.start()

    rewrite.write_film(long_film, result, [new], in_place=way == "in place")

    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < MOST_BYTES
    for number, ((was, before), (came, after)) in enumerate(
        zip(track_times(long_film), track_times(result), strict=True)
    ):
        wanted = was.copy()
        if number == 0:
            wanted[span] = fresh
        assert np.array_equal(came, wanted)
        assert np.array_equal(before.pts, after.pts) and np.array_equal(before.sync, after.sync)
