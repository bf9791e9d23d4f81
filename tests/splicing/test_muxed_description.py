"""What Matroska and transport streams say of a film stays, or the result names what changed."""

from __future__ import annotations

import zlib
from fractions import Fraction
from pathlib import Path

import av
import odd
import pytest
from numbered_clips import make_clip
from takes import spliced

from react1.pipeline.media.probe import probe
from react1.pipeline.splicing import matroska

SMALL = {"frames": 24, "rate": Fraction(30000, 1001), "size": (96, 64), "gop": 8, "audio_codec": "libmp3lame"}
STATISTICS = ("BPS", "NUMBER_OF_BYTES", "NUMBER_OF_FRAMES")


def _splice(context, path: Path):
    file = context.add_external(path)
    media = probe(context.path(file), file)
    return spliced(context, media, (10, 12))


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


@pytest.mark.slow
def test_a_matroska_film_keeps_its_durations_and_the_names_of_its_tags(context, tmp_path):
    """To the nanosecond, and the case of its letters; the muxer would write milliseconds and capitals."""
    path = _film(tmp_path)

    result = _splice(context, path)

    assert _description(result.path) == _description(path) and result.notes == ()


APP = "libebml v1.4.5 + libmatroska v1.7.1"


@pytest.mark.slow
@pytest.mark.parametrize(("app", "fits"), [(APP, True), ("mkv", True), ("m" * 75, True), ("m" * 200, False)])
def test_a_matroska_film_keeps_the_applications_that_wrote_it(context, tmp_path, app, fits):
    """Where the muxer's space is enough, else that is said; checksums and the index of elements stay true."""
    path = tmp_path / "film.mkv"
    muxed = make_clip(tmp_path / "made.mkv", **SMALL)
    path.write_bytes(_with_app(muxed, app.encode()))
    assert matroska.written_by(path)[0] == app

    result = _splice(context, path)

    written, own = matroska.written_by(result.path), matroska.written_by(path)
    assert written == (own if fits else ("Lavf", "Lavf"))
    lost = f"could not be kept: the application that wrote the file ({' for '.join(own)})"
    assert result.notes == (() if fits else (lost,))
    _check_structure(result.path)


@pytest.mark.parametrize("size", [2, 3, 128, 129, 130, 131, 132, 300])
def test_space_that_stays_empty_has_exactly_its_size(tmp_path, size):
    """Also where its size field could be shorter than the one that it gets; else bytes of what was there would show."""
    path = tmp_path / "void"
    path.write_bytes(matroska._void(size))

    with path.open("rb") as stream:
        (element,) = matroska._elements(stream, 0, path.stat().st_size)

    assert (path.stat().st_size, element.id, element.end) == (size, 0xEC, size)


def test_an_empty_duration_is_as_none(tmp_path):
    """A number of no bytes may stand there (RFC 8794, 7.3)."""
    path, copy = make_clip(tmp_path / "film.mkv", **SMALL), tmp_path / "copy.mkv"
    data = path.read_bytes()
    copy.write_bytes(data)
    at = data.index(b"\x44\x89\x88") + 2
    path.write_bytes(data[:at] + b"\x80\xec\x86" + bytes(6) + data[at + 9 :])

    matroska.keep_description(path, copy)

    assert av.open(str(copy)).duration and matroska.written_by(path) == matroska.written_by(copy)


def _with_app(path: Path, app: bytes) -> bytes:
    """Return a file whose muxing application is another one, in a segment of unknown size, without checksum."""
    with path.open("rb") as stream:
        parts = matroska._read(stream, path.stat().st_size)
        (info,) = (part for part in parts.parts if part.id == 0x1549A966)
        bodies = {item.id: matroska._body(stream, item) for item in matroska._children(stream, info)[1:]}
    data, segment = path.read_bytes(), parts.segment
    head = matroska._info(bodies | {0x4D80: app}, has_checksum=False)
    unknown = b"\x01" + b"\xff" * 7
    return data[: segment.start - 8] + unknown + data[segment.start : info.head] + head + data[info.end :]


def _check_structure(path: Path) -> None:
    """Check the checksums of all parts, and that the index of the segment names where they are."""
    with path.open("rb") as stream:
        parts = matroska._read(stream, path.stat().st_size)
        heads = {part.id: part.head - parts.segment.start for part in parts.parts}
        for part in parts.parts:
            children = matroska._children(stream, part)
            if children and children[0].id == 0xBF:
                stream.seek(children[0].end)
                checksum = zlib.crc32(stream.read(part.end - children[0].end))
                assert matroska._body(stream, children[0]) == checksum.to_bytes(4, "little"), hex(part.id)
        (index,) = (part for part in parts.parts if part.id == 0x114D9B74)
        for seek in matroska._children(stream, index)[1:]:
            number, position = (matroska._number(stream, item) for item in matroska._children(stream, seek))
            assert heads[number] == position, hex(number)


@pytest.mark.slow
def test_statistics_of_the_pictures_are_those_of_the_result(context, tmp_path):
    """Stale ones would name the bytes of the source."""
    result = _splice(context, _film(tmp_path))

    with av.open(str(result.path)) as container:
        tags = container.streams.video[0].metadata
        size_bytes = sum(packet.size for packet in container.demux(video=0))
    assert int(tags["NUMBER_OF_BYTES"]) == size_bytes
    assert int(tags["BPS"]) == pytest.approx(size_bytes * 8 * 30000 / 1001 / 24, rel=0.01)


@pytest.mark.slow
def test_durations_that_moved_are_named(context, tmp_path, monkeypatch):
    """Planted: the muxer's own are left."""
    monkeypatch.setattr("react1.pipeline.splicing.remux.keep_description", lambda *_: None)

    result = _splice(context, _film(tmp_path))

    assert len(result.notes) == 1
    assert result.notes[0].startswith("could not be kept: tag Mood of stream 0, tag DURATION of stream 0")


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".ts", ".m2ts"])
def test_a_service_that_a_muxer_invents_is_taken_out(context, tmp_path, suffix):
    """A transport stream may have no description of its programs; ffmpeg's muxer always writes one."""
    path = _without_service(tmp_path, suffix)

    result = _splice(context, path)

    assert result.notes == ()
    assert b"Service01" not in result.path.read_bytes()
    assert odd.programs(result.path) == odd.programs(path)


@pytest.mark.slow
def test_a_service_that_is_left_is_named(context, tmp_path, monkeypatch):
    """Planted: it is not taken out."""
    monkeypatch.setattr("react1.pipeline.splicing.remux.drop_services", lambda *_: None)

    result = _splice(context, _without_service(tmp_path, ".ts"))

    assert result.notes == (
        "could not be kept: the names of the programs (ffmpeg's muxer wrote 'Service01' of 'FFmpeg')",
    )


def _without_service(tmp_path: Path, suffix: str) -> Path:
    source_film = make_clip(tmp_path / f"made{suffix}", **{**SMALL, "audio_codec": "mp2"})
    data = source_film.read_bytes()
    size = 192 if suffix == ".m2ts" else 188
    packets = [data[at : at + size] for at in range(0, len(data), size)]
    path, stamp = tmp_path / f"film{suffix}", size - 188
    path.write_bytes(
        b"".join(packet for packet in packets if int.from_bytes(packet[stamp + 1 : stamp + 3], "big") & 0x1FFF != 17)
    )
    return path


def test_a_file_that_is_not_matroska_is_left_as_it_is(tmp_path):
    """Whatever its suffix."""
    path = tmp_path / "film.mkv"
    path.write_bytes(bytes(range(256)) * 4)

    matroska.keep_description(path, path)

    assert path.read_bytes() == bytes(range(256)) * 4


VIDEO, PIXEL_CROP_TOP = 0xE0, 0x54BB


def _cropped(folder: Path, codec: str) -> Path:
    """Make a Matroska film without an index, of which players cut off four rows, and whose pixels are 853 to 720."""
    path = folder / "cropped.mkv"
    plain = make_clip(folder / "plain.mkv", **{**SMALL, "audio_codec": "aac", "tracks": 0})
    argv = ["-i", plain, "-vf", "setsar=853/720:max=1000", "-c:v", codec, "-q:v", 2, "-g", 8, "-live", 1]
    odd.ffmpeg(*argv, "-write_crc32", 0, path)
    data = path.read_bytes()
    with path.open("rb") as stream:
        ((_, segment_),) = [(top.head, top) for top in matroska._elements(stream, 0, len(data)) if top.id == 0x18538067]
        tracks = next(part for part in matroska._children(stream, segment_) if part.id == 0x1654AE6B)
        new = _with_crop(stream, tracks)
    path.write_bytes(data[: tracks.head] + new + data[tracks.end :])
    return path


def _with_crop(stream, element) -> bytes:
    if element.id not in (0x1654AE6B, 0xAE, VIDEO):
        stream.seek(element.head)
        return stream.read(element.end - element.head)
    body = b"".join(_with_crop(stream, child) for child in matroska._children(stream, element))
    crop = matroska._element(PIXEL_CROP_TOP, bytes([4])) if element.id == VIDEO else b""
    return matroska._element(element.id, body + crop)


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_crop_and_an_unusual_pixel_shape_stay_or_are_named(context, tmp_path, codec):
    """A crop is kept with copied packets only; ffmpeg writes ratios of small numbers."""
    path = _cropped(tmp_path, codec)
    assert matroska.read_crops(path) == ((4, 0, 0, 0),)

    result = _splice(context, path)

    notes = ", ".join(result.notes)
    is_exact = result.metrics["way"] == "exact"
    assert is_exact == (codec == "libx264")
    assert (matroska.read_crops(result.path) == matroska.read_crops(path)) == is_exact == ("PixelCrop" not in notes)
    shapes = [av.open(str(film)).streams.video[0].sample_aspect_ratio for film in (path, result.path)]
    assert (shapes[0] == shapes[1]) == ("the exact shape of the pixels" not in notes)
