"""What Matroska and transport streams say of a film stays, or the result names what changed."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import odd
import pytest
from numbered_clips import make_clip
from takes import numbered_take, segment

from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import matroska
from react1.pipeline.splicing import splice as splicing

SMALL = {"frames": 24, "rate": Fraction(30000, 1001), "size": (96, 64), "gop": 8, "audio_codec": "libmp3lame"}
STATISTICS = ("BPS", "NUMBER_OF_BYTES", "NUMBER_OF_FRAMES")


def _splice(context, path: Path):
    file = context.add_external(path)
    media = probe(context.path(file), file)
    return splicing.splice(context, ffmpeg_path(), media, [numbered_take(context, segment(media, 10, 12))])


def _film(folder: Path) -> Path:
    """Make a Matroska film with durations to the nanosecond, statistics, and a tag in small letters."""
    path = folder / "film.mkv"
    tags = [f"-metadata:s:v:0 {name}=7" for name in STATISTICS[:2]] + ["-metadata:s:v:0 mood=calm"]
    words = [word for tag in tags for word in tag.split()]
    for number in range(0, len(words), 2):  # ffmpeg keeps the last of equal options only in one place
        odd.ffmpeg(
            "-i",
            make_clip(folder / "made.mkv", **SMALL) if number == 0 else folder / f"{number - 2}.mkv",
            "-map",
            0,
            "-c",
            "copy",
            words[number],
            words[number + 1],
            folder / f"{number}.mkv",
        )
    data = (folder / f"{len(words) - 2}.mkv").read_bytes()
    assert data.count(b"MOOD") == 1 and b"00:00:00.800000000" in data
    path.write_bytes(data.replace(b"MOOD", b"Mood").replace(b"00:00:00.800000000", b"00:00:00.800799999"))
    return path


def _description(path: Path):
    with av.open(str(path)) as container:
        streams = [
            {k: v for k, v in s.metadata.items() if k not in (*STATISTICS, "ENCODER")} for s in container.streams
        ]
        return container.duration, streams


def test_a_matroska_film_keeps_its_durations_and_the_names_of_its_tags(context, tmp_path):
    """To the nanosecond, and the case of its letters; the muxer would write milliseconds and capitals."""
    path = _film(tmp_path)

    result = _splice(context, path)

    assert _description(result.path) == _description(path) and result.notes == ()


def test_statistics_of_the_pictures_are_those_of_the_result(context, tmp_path):
    """Stale ones would name the bytes of the source."""
    result = _splice(context, _film(tmp_path))

    with av.open(str(result.path)) as container:
        tags = container.streams.video[0].metadata
        size_bytes = sum(packet.size for packet in container.demux(video=0))
    assert int(tags["NUMBER_OF_BYTES"]) == size_bytes
    assert int(tags["BPS"]) == pytest.approx(size_bytes * 8 * 30000 / 1001 / 24, rel=0.01)


def test_durations_that_moved_are_named(context, tmp_path, monkeypatch):
    """Planted: the muxer's own are left."""
    monkeypatch.setattr("react1.pipeline.splicing.strategies.keep_description", lambda *_: None)

    result = _splice(context, _film(tmp_path))

    assert result.notes == ("could not be kept: tag Mood of stream 0, tag DURATION of stream 0",)


def test_a_service_that_a_muxer_invents_is_named(context, tmp_path):
    """A transport stream may have no description of its programs; ffmpeg's muxer always writes one."""
    source_film = make_clip(tmp_path / "made.ts", **{**SMALL, "audio_codec": "mp2"})
    data = source_film.read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    path = tmp_path / "film.ts"
    path.write_bytes(b"".join(packet for packet in packets if int.from_bytes(packet[1:3], "big") & 0x1FFF != 17))

    result = _splice(context, path)

    assert result.notes == (
        "could not be kept: the names of the programs (ffmpeg's muxer wrote 'Service01' of 'FFmpeg')",
    )


def test_a_file_that_is_not_matroska_is_left_as_it_is(tmp_path):
    """Whatever its suffix."""
    path = tmp_path / "film.mkv"
    path.write_bytes(bytes(range(256)) * 4)

    matroska.keep_description(path, path)

    assert path.read_bytes() == bytes(range(256)) * 4
