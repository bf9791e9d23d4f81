"""A long MP4 or MOV is probed by its index, with the result that its packets give."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import odd
import pytest
from numbered_clips import make_clip

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media import probe as probing
from react1.pipeline.media.probe import probe_path
from react1.pipeline.media.timing import indexed_times

SMALL = {"frames": 24, "size": (96, 64), "gop": 8, "tracks": 1}
ELST = (b"trak", b"edts", b"elst")
FRAGMENTS = {"container_options": {"movflags": "frag_keyframe+empty_moov"}}


@pytest.fixture(autouse=True)
def _films_count_as_long(monkeypatch):
    monkeypatch.setattr(indexed_times, "MIN_PACKETS", 0)


def _media(path: Path, monkeypatch, *, by_index: bool):
    with monkeypatch.context() as patch:
        if not by_index:
            patch.setattr(probing, "read_indexed_times", lambda *_: None)
        media = probe_path(path)
    assert media.video is not None
    return media.model_dump_json()


@pytest.mark.parametrize(
    ("suffix", "changes"),
    [
        (".mp4", {"bframes": 3}),
        (".mov", {"bframes": 0, "time_base": Fraction(1, 30000)}),
        (".mp4", {"codec": "libx265", "options": {"x265-params": "log-level=none:open-gop=1"}}),
        (".mov", {"codec": "prores_ks", "pix_fmt": "yuv422p10le"}),
    ],
    ids=["reordered", "in order", "HEVC", "ProRes"],
)
def test_of_a_usual_film_only_both_ends_are_read(tmp_path, monkeypatch, suffix, changes):
    """The times, the duration of the last frame and all else are what the packets tell."""
    path = make_clip(tmp_path / f"film{suffix}", **{**SMALL, **changes})
    expected = _media(path, monkeypatch, by_index=False)
    monkeypatch.setattr(probing, "_packet_times", lambda *_: pytest.fail("all packets were read"))

    assert _media(path, monkeypatch, by_index=True) == expected


@pytest.mark.parametrize(
    ("changes", "edits"),
    [
        ({"bframes": 3}, [(400, 1024), (400, 1024)]),
        ({"bframes": 3}, [(600, 1024 + 3 * 512)]),
        ({"bframes": 0}, [(400, -1), (600, 0)]),
        (FRAGMENTS, []),
    ],
    ids=["two pieces", "trimmed", "late", "fragments"],
)
def test_other_films_give_what_their_packets_tell(tmp_path, monkeypatch, changes, edits):
    """An edit list that repeats or hides pictures, and films without one index."""
    path = make_clip(tmp_path / "film.mp4", **{**SMALL, "tracks": 0, **changes})
    if edits:
        odd.patched(path, ELST, odd.edits(*edits))

    assert _media(path, monkeypatch, by_index=True) == _media(path, monkeypatch, by_index=False)


@pytest.mark.parametrize("kind", [b"ctts", b"stsz", b"stts"])
def test_a_table_that_differs_from_the_packets_is_noticed(tmp_path, monkeypatch, kind):
    """One changed number in it, which the library applies as it likes."""
    path = make_clip(tmp_path / "film.mp4", **SMALL, bframes=3)
    data = bytearray(path.read_bytes())
    at = data.index(kind) + 4 + 8 + 4 * 5
    data[at + 3] ^= 1
    path.write_bytes(data)

    try:
        expected = _media(path, monkeypatch, by_index=False)
    except InputMediaError as error:
        with pytest.raises(InputMediaError, match=str(error)):
            _media(path, monkeypatch, by_index=True)
    else:
        assert _media(path, monkeypatch, by_index=True) == expected


def test_a_short_film_is_not_opened_twice(tmp_path, monkeypatch):
    """From a number of packets on the index pays."""
    path = make_clip(tmp_path / "film.mp4", **SMALL)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]

        assert indexed_times.read_indexed_times(path, stream) is not None
        monkeypatch.setattr(indexed_times, "MIN_PACKETS", 25)
        assert indexed_times.read_indexed_times(path, stream) is None


@pytest.mark.slow
def test_real_films_give_what_their_packets_tell(media_folder, monkeypatch):
    """Of phones, cameras and encoders that nobody here has."""
    paths = [path for path in sorted(media_folder.rglob("*")) if path.suffix in (".mp4", ".mov")]

    different = [
        path.name
        for path in paths
        if _media(path, monkeypatch, by_index=True) != _media(path, monkeypatch, by_index=False)
    ]

    assert paths and not different
