"""A fragmented film stays one: its boxes, its fragments and the indices that point to them."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import odd
import pytest
from invariants import check
from numbered_clips import make_clip
from seen import look
from takes import dialogue_line, numbered_take, segment

from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.mp4.fragments import read_fragments

FRAGMENTED = "frag_keyframe+empty_moov"
FLAGS = (
    f"{FRAGMENTED}+default_base_moof",
    FRAGMENTED,
    f"{FRAGMENTED}+delay_moov+default_base_moof",
    f"{FRAGMENTED}+separate_moof",
    "dash+global_sidx",
)


def _film(folder: Path, flags: str, *options: str, **changes) -> Path:
    """Make a fragmented film whose picture starts half a second late, with a date, a title and sound."""
    late = {"start_s": Fraction(1, 2), "frames": 24, "size": (96, 64), "gop": 6, "audio_codec": "aac"}
    path, result = make_clip(folder / "plain.mp4", **{**late, **changes}), folder / "film.mp4"
    tags = ("-metadata", "creation_time=2020-01-02T03:04:05Z", "-metadata", "title=Über")
    odd.ffmpeg("-copyts", "-i", path, "-map", 0, "-c", "copy", *tags, "-movflags", flags, *options, result)
    return result


def _splice(context, path: Path, span=(8, 10), **edit):
    file = context.add_external(path)
    media = probe(context.path(file), file)
    take = numbered_take(context, segment(media, *span, **edit))
    return media, splicing.splice(context, ffmpeg_path(), media, [take])


def _starts(path: Path) -> list[tuple[bytes, int, bytes]]:
    """Return (kind, position, bytes) of the top-level boxes."""
    data, at, starts = path.read_bytes(), 0, []
    for kind, body in odd.boxes(data):
        starts.append((kind, at, data[at : at + len(body) + 8]))
        at += len(body) + 8
    return starts


@pytest.mark.slow
@pytest.mark.parametrize("flags", FLAGS)
def test_a_fragmented_film_whose_picture_starts_late_keeps_its_boxes(context, tmp_path, flags):
    """All but the fragments of the edit, to the byte; every picture, packet and tag besides."""
    path = _film(tmp_path, flags)

    media, result = _splice(context, path)

    assert result.metrics["way"] == "exact" and result.notes == (), result.metrics["reason"]
    check(look(path, media.video.index), result, media.video.index, [(8, 10)], "exact")
    before, after = _starts(path), _starts(result.path)
    assert [kind for kind, _, _ in after] == [kind for kind, _, _ in before]
    same_data = sum(a[2] == b[2] for a, b in zip(before, after, strict=True) if a[0] == b"mdat")
    assert same_data == sum(kind == b"mdat" for kind, _, _ in before) - 1
    assert [b for k, _, b in after if k == b"ftyp"] == [b for k, _, b in before if k == b"ftyp"]
    _indices_point_to_fragments(after)


@pytest.mark.slow
@pytest.mark.parametrize("flags", FLAGS[:2])
def test_tracks_may_take_turns_within_a_fragment(context, tmp_path, flags):
    """Each of a track's runs counts its offset from the same place, not from the end of the run before it."""
    path = _film(tmp_path, flags, "-frag_interleave", "2")
    runs = [run for run in read_fragments(path).fragments[1].runs if run.track_id == 1]
    assert len(runs) > 1

    media, result = _splice(context, path)

    assert result.metrics["way"] == "exact" and result.notes == (), result.metrics["reason"]
    check(look(path, media.video.index), result, media.video.index, [(8, 10)], "exact")


def _indices_point_to_fragments(boxes: list[tuple[bytes, int, bytes]]) -> None:
    """Check a `tfra` against the fragments' positions, and a `sidx` against their sizes."""
    moofs = {position for kind, position, _ in boxes if kind == b"moof"}
    for kind, position, data in boxes:
        if kind == b"mfra":
            for inner, body in odd.boxes(data[8:]):
                if inner == b"tfra":
                    count = struct.unpack_from(">I", body, 12)[0]
                    step = (len(body) - 16) // max(count, 1)
                    code = ">QQ" if body[0] == 1 else ">II"
                    assert {struct.unpack_from(code, body, 16 + row * step)[1] for row in range(count)} <= moofs
        if kind == b"sidx":
            wide = data[8] == 1
            place = 28 if wide else 24
            first = struct.unpack_from(">Q" if wide else ">I", data, place)[0]
            place += 8 if wide else 4
            at = position + len(data) + first
            for row in range(struct.unpack_from(">H", data, place + 2)[0]):
                assert at in moofs
                at += struct.unpack_from(">I", data, place + 4 + 12 * row)[0] & 0x7FFFFFFF


@pytest.mark.slow
def test_a_new_line_in_a_fragmented_film_keeps_its_boxes(context, tmp_path):
    """Pictures and sound are written together, as in a film with an index."""
    path = _film(tmp_path, FLAGS[0], frames=30)
    line = dialogue_line(context)

    _, result = _splice(context, path, (8, 14), audio=line, prompt="happy")

    assert result.metrics["sound_way"] == "packets" and result.metrics["way"] == "exact", result.metrics
    assert [kind for kind, _, _ in _starts(result.path)] == [kind for kind, _, _ in _starts(path)]


@pytest.mark.slow
def test_a_fragmented_film_of_another_codec_stays_fragmented(context, tmp_path):
    """Where the complete picture is re-encoded, too."""
    path = _film(tmp_path, FLAGS[0], codec="mpeg4", time_base=Fraction(1, 25))

    media, result = _splice(context, path)

    assert result.metrics["way"] == "reencoded-picture" and b"moof" in {kind for kind, _, _ in _starts(result.path)}
    check(look(path, media.video.index), result, media.video.index, [(8, 10)], "reencode", same_dts=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"codec": "libx265", "options": {"x265-params": "log-level=none:open-gop=1:keyint=6:min-keyint=6"}},
        {"codec": "libsvtav1", "options": {"preset": "11", "svtav1-params": "lp=1"}},
        {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "crf": "10", "b": "0"}},
        {"codec": "mpeg4", "time_base": Fraction(1, 25)},
    ],
    ids=lambda changes: changes.get("codec", "libx264"),
)
def test_every_fragment_still_begins_with_a_keyframe(context, tmp_path, changes):
    """A player that fetches one after a seek can decode nothing else, and an index says that it can begin there."""
    path = _film(tmp_path, FLAGS[0], tracks=0, **changes)

    _, result = _splice(context, path, (4, 20))

    before, after = (_first_are_keyframes(each) for each in (path, result.path))
    assert len(before) > 3 and all(before) and all(after) and len(after) == len(before)


def _first_are_keyframes(path: Path) -> list[bool]:
    """Return of each fragment whether it begins with a keyframe, as its `trun` says."""
    film = read_fragments(path)
    return [not fragment.runs[0].flags[0] & 0x10000 for fragment in film.fragments]
