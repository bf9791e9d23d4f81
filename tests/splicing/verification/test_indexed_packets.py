"""Films that are read by the library's index: the same packets as if each were read, and no fault is hidden."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from takes import film

from react1.pipeline.media.mp4 import sample_tables
from react1.pipeline.media.mp4.boxes import Box, read_moov
from react1.pipeline.splicing.mp4.replace_samples import find_track
from react1.pipeline.splicing.verification import stream_contents
from react1.pipeline.splicing.verification.stream_contents import read_contents
from react1.pipeline.splicing.verification.verify import compare
from react1.testing import FolderContext

ROWS = ("pts", "dts", "sizes", "offsets")
FRAMES = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return FolderContext(tmp_path_factory.mktemp("indexed"))


@pytest.fixture(scope="module")
def source(folder):
    """Reordered pictures, two sound tracks and a timecode track; the index is at the end."""
    clip = film(
        folder, ".mov", frames=FRAMES, gop=4, tracks=2, audio_codec="aac", timecode="01:00:00:00", size=(64, 64)
    )
    return folder.path(clip.file)


def changed(path, tmp_path, change):
    """Write the film again with other tables."""
    tops, moov = read_moov(path)
    at = next(top.offset for top in tops if top.kind == b"moov")
    change(moov)
    result = tmp_path / path.name
    result.write_bytes(path.read_bytes()[:at] + moov.to_bytes())
    return result


def put_edits(moov, rows):
    """Give the picture an edit list of (duration in film ticks, first media tick)."""
    body = struct.pack(">II", 0, len(rows)) + b"".join(struct.pack(">IiI", *row, 1 << 16) for row in rows)
    find_track(moov, b"vide").put(b"edts", Box(b"elst", body).to_bytes())


def both_ways(path, monkeypatch):
    """Read a film by its index, and packet by packet; also return whether the index served."""
    real, served = stream_contents.read_indexed, []

    def noted(*args):
        served.append(real(*args))
        return served[-1]

    monkeypatch.setattr(stream_contents, "read_indexed", noted)
    quick = read_contents(path, 0)
    monkeypatch.setattr(stream_contents, "read_indexed", lambda *_: None)
    slow = read_contents(path, 0)
    monkeypatch.setattr(stream_contents, "read_indexed", real)
    return quick, slow, served[0] is not None


def same_contents(first, second):
    pairs = zip(first.streams, second.streams, strict=True)
    return first.hidden == second.hidden and all(
        quick.duration_s == slow.duration_s
        and all(np.array_equal(getattr(quick.packets, row), getattr(slow.packets, row)) for row in ROWS)
        for quick, slow in pairs
        if len(quick.packets) or len(slow.packets)
    )


@pytest.mark.parametrize(
    "edits",
    [None, [(400, 1024)], [(100, -1), (400, 1024)], [(720, 1024 + 512 * 2)], [(240, 1024), (400, 1024 + 512 * 10)]],
    ids=["as written", "to the middle", "delayed", "first hidden", "two pieces"],
)
def test_an_index_says_what_each_packet_says(source, tmp_path, monkeypatch, edits):
    """Positions, times, sizes, durations and hidden pictures; a film in two pieces is read packet by packet."""
    path = changed(source, tmp_path, lambda moov: put_edits(moov, edits) if edits else None)

    quick, slow, by_index = both_ways(path, monkeypatch)

    assert same_contents(quick, slow)
    assert by_index == (len(edits or ()) < 2 or edits[0][1] == -1)


@pytest.mark.parametrize(
    ("suffix", "changes", "by_index"),
    [
        (".mp4", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}, True),
        (".mov", {"audio_codec": "pcm_s16le"}, True),
        (".mp4", {"audio_codec": "mp3"}, True),
        (".mp4", {"container_options": {"movflags": "frag_keyframe+empty_moov"}}, False),
    ],
    ids=["hevc", "pcm", "mp3", "fragments"],
)
def test_kinds_of_films(folder, monkeypatch, suffix, changes, by_index):
    """A fragmented film has no index."""
    path = folder.path(
        film(folder, suffix, **{"frames": 10, "gop": 4, "audio_codec": "aac", "size": (64, 64)} | changes).file
    )

    quick, slow, served = both_ways(path, monkeypatch)

    assert served == by_index and same_contents(quick, slow)


def verdict(source, result):
    was, came = (read_contents(path, 0) for path in (source, result))
    return compare(was, came, new_audio=False, untouched=lambda pts: pts == pts)


def test_a_picture_that_is_shown_a_tick_later_is_seen(source, tmp_path):
    """Its decode time is the old one: only the table of offsets tells."""

    def delay(moov):
        table = find_track(moov, b"vide")
        offsets = sample_tables.read_sample_table(table).composition.copy()
        offsets[9] += 1
        sample_tables.write_composition(sample_tables.stbl(table), offsets)

    matches = verdict(source, changed(source, tmp_path, delay))

    assert not matches.metrics["untouched_identical"] and not matches.metrics["timestamps_equal"] and matches.failure


@pytest.mark.parametrize("place", [4, 9])
def test_a_mark_of_a_keyframe_that_is_lost_or_too_much_is_seen(source, tmp_path, place):
    """A player would seek elsewhere; bytes and times are the old ones."""

    def turn(moov):
        table = find_track(moov, b"vide")
        marks = sample_tables.read_sample_table(table).sync.copy()
        marks[place] = not marks[place]
        sample_tables.write_sync(sample_tables.stbl(table), marks)

    assert verdict(source, source).failure == ""
    assert verdict(source, changed(source, tmp_path, turn)).failure == "the check untouched_identical failed"


def test_a_packet_of_another_size_is_seen(source, tmp_path):
    """Its last byte is cut off: the bytes that are left are the same."""

    def cut(moov):
        table = find_track(moov, b"soun")
        sizes = sample_tables.read_sample_table(table).sizes.copy()
        sizes[-1] -= 1
        sample_tables.write_sizes(sample_tables.stbl(table), sizes)

    assert verdict(source, changed(source, tmp_path, cut)).failure == "the check sound_identical failed"
