"""A copy that is edited where it lies: the film as one rewritten, whole at every moment, no old picture in it."""

from __future__ import annotations

import shutil
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from takes import film, numbered_take, packets, segment, shown

from react1.pipeline.media.mp4 import sample_tables
from react1.pipeline.media.mp4.boxes import read_moov
from react1.pipeline.media.not_applicable import NotApplicable
from react1.pipeline.media.tools import file_copy
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.media.tools.process import run_tool
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.job import SplicedFilm
from react1.pipeline.splicing.mp4 import in_place, replace_samples
from react1.pipeline.splicing.mp4 import rewrite as surgery
from react1.pipeline.splicing.mp4.replace_samples import NewSamples, find_track
from react1.pipeline.splicing.verification.stream_contents import read_contents
from react1.pipeline.splicing.verification.verify import compare

pytestmark = pytest.mark.slow

START, END = 8, 11
FRONT = {"movflags": "faststart"}
LAYOUTS = {
    "index behind": (".mp4", {"tracks": 2}),
    "index in front": (".mp4", {"tracks": 2, "container_options": FRONT}),
    "timecode": (".mov", {"tracks": 1, "timecode": "01:00:00:00"}),
    "one chunk": (".mp4", {"tracks": 0}),
}


@dataclass(frozen=True)
class Edit:
    """A film, the new pictures for it, and what `splice` made of both."""

    source: Path
    new: list[NewSamples]
    result: SplicedFilm

    def on(self, copy: Path) -> in_place.InPlaceResult:
        """Edit another copy in the same way."""
        return in_place.edit_in_place(copy, self.new)


@pytest.fixture(params=LAYOUTS)
def edit(context, monkeypatch, request) -> Edit:
    """Three pictures of a small film, in each layout."""
    suffix, more = LAYOUTS[request.param]
    media = film(context, suffix, frames=24, gop=6, size=(160, 96), audio_codec="aac", **more)
    new: list[NewSamples] = []
    real = in_place.edit_in_place

    def noted(copy, value):
        new.extend(value)
        return real(copy, value)

    monkeypatch.setattr(surgery, "edit_in_place", noted)
    take = numbered_take(context, segment(media, START, END))
    result = splicing.splice(context, ffmpeg_path(), media, [take], in_place=True)
    assert result.metrics["way"] == "exact"
    return Edit(context.path(media.file), new, result)


def held(path: Path) -> dict[str, list]:
    """List all that a reader gives of a film's streams."""
    text = read_contents(path, 0)
    kinds = [track.kind for track in text.streams if track.kind in ("video", "audio")]
    return {f"{kind} {at}": packets(path, kind, kinds[:at].count(kind)) for at, kind in enumerate(kinds)}


def strictly(path: Path) -> str:
    """Decode all of a film; give what the decoder says of it."""
    return run_tool([ffmpeg_path(), "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-"], timeout_s=60)


def test_it_is_the_film_that_a_rewrite_would_have_given(edit, tmp_path):
    """Every packet of every stream, tags and edit lists; and the figures tell how it was done."""
    rewritten = tmp_path / edit.result.path.name
    surgery.rewrite(edit.source, rewritten, edit.new)

    assert held(edit.result.path) == held(rewritten) != held(edit.source)
    assert (
        compare(read_contents(rewritten, 0), read_contents(edit.result.path, 0), new_audio=False, untouched=None).lost
        == ()
    )
    assert strictly(edit.result.path) == ""
    assert edit.result.metrics["in_place"] is True
    assert edit.result.metrics["copied"] in ("reflink", "bytes")
    assert edit.result.metrics["index_moved"] is (read_moov(edit.source)[0][1].kind == b"moov")


def test_the_source_and_all_that_was_not_edited_keep_their_bytes(edit):
    """The source is not written to; of the copy only the old index's head and the old pictures change, and its end."""
    before, after = edit.source.read_bytes(), edit.result.path.read_bytes()
    tops, moov = read_moov(edit.source)
    index = next(top for top in tops if top.kind == b"moov")
    old = sample_tables.read_sample_table(find_track(moov, b"vide"))
    may = np.zeros(len(before), bool)
    may[index.offset : index.offset + 8] = True
    for item in edit.new:
        for at, size in zip(old.offsets[item.first : item.end], old.sizes[item.first : item.end], strict=True):
            may[at : at + size] = True

    differ = np.frombuffer(before, np.uint8) != np.frombuffer(after[: len(before)], np.uint8)

    assert differ.any() and not (differ & ~may).any()
    assert edit.source.stat().st_ino != edit.result.path.stat().st_ino
    assert edit.result.metrics["written_bytes"] == len(after) - len(before)


def test_nothing_of_the_old_pictures_stays_in_the_file(edit):
    """Their bytes are zeros, and none of them is found anywhere else."""
    old = sample_tables.read_sample_table(find_track(read_moov(edit.source)[1], b"vide"))
    before, after = edit.source.read_bytes(), edit.result.path.read_bytes()
    gone = [at for item in edit.new for at in range(item.first, item.end)]
    assert len(gone) >= END - START

    for at in gone:
        place, size = int(old.offsets[at]), int(old.sizes[at])
        assert not any(after[place : place + size])
        assert before[place + 5 : place + size] not in after
    assert edit.result.metrics["cleared_bytes"] == int(old.sizes[gone].sum())


class _Killed(BaseException):
    """The process ends here."""


def _killed_at(patch, step: int, share: float) -> None:
    """End the process at its n-th write, after a share of it; 8 or 16 bytes are written completely or not at all."""
    left = [step]

    def part(size_bytes: int) -> int | None:
        left[0] -= 1
        return None if left[0] else int(size_bytes * share) * (size_bytes > 16)

    write, copy, clear = replace_samples.write_all, replace_samples.copy_complete_range, file_copy.zero_range

    def write_some(out, data):
        some = part(len(data))
        write(out, data if some is None else data[:some])
        if some is not None:
            raise _Killed

    def copy_some(source, out, offset, size_bytes):
        some = part(size_bytes)
        copy(source, out, offset, size_bytes if some is None else some)
        if some is not None:
            raise _Killed

    def clear_some(out, offset, size_bytes):
        some = part(size_bytes)
        clear(out, offset, size_bytes if some is None else some)
        if some is not None:
            raise _Killed

    patch.setattr(in_place, "write_all", write_some)
    patch.setattr(replace_samples, "copy_complete_range", copy_some)
    patch.setattr(in_place, "zero_range", clear_some)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_killed_at_any_write_it_is_the_old_film_or_the_new_one(edit, tmp_path, monkeypatch, share):
    """Before each write, and in the midst of it: first the old film is there, then the new one, never neither."""
    was, now = held(edit.source), held(edit.result.path)
    copy, seen = tmp_path / edit.result.path.name, []

    for step in range(1, 100):
        shutil.copyfile(edit.source, copy)
        with monkeypatch.context() as patch:
            _killed_at(patch, step, share)
            try:
                edit.on(copy)
            except _Killed:
                pass
            else:
                break
        read_moov(copy)
        matches = held(copy)
        assert matches in (was, now), f"write {step}"
        assert strictly(copy) == ""
        seen.append(matches == now)

    assert seen == sorted(seen) and {False, True} == set(seen)
    assert held(copy) == now


def test_each_step_is_on_the_disk_before_the_next(edit, tmp_path, monkeypatch):
    """New bytes, then the index that leads to them, then the clearing: a power cut cannot turn them around."""
    steps: list[str] = []

    def noting(name, real):
        return lambda *value: steps.append(name) or real(*value)

    monkeypatch.setattr(in_place, "write_all", noting("write", replace_samples.write_all))
    monkeypatch.setattr(replace_samples, "copy_complete_range", noting("write", replace_samples.copy_complete_range))
    monkeypatch.setattr(in_place, "zero_range", noting("clear", file_copy.zero_range))
    monkeypatch.setattr(in_place.os, "fsync", noting("sync", in_place.os.fsync))
    copy = tmp_path / edit.result.path.name
    shutil.copyfile(edit.source, copy)

    edit.on(copy)

    short = [name for at, name in enumerate(steps) if not at or steps[at - 1] != name]
    assert short == ["write", "sync", "write", "sync", "clear", "sync"]
    assert steps[steps.index("sync") + 1 :][:2] == ["write", "sync"]


def test_a_film_can_be_edited_in_place_again_and_be_rewritten_after_it(edit, tmp_path):
    """The second edit of a film finds everything where the first left it."""
    again, rewritten = tmp_path / ("again" + edit.source.suffix), tmp_path / ("reencode" + edit.source.suffix)
    shutil.copyfile(edit.result.path, again)

    edit.on(again)
    surgery.rewrite(again, rewritten, edit.new)

    assert held(again) == held(edit.result.path) == held(rewritten)
    assert strictly(again) == strictly(rewritten) == ""


def test_boxes_behind_the_index_come_along(edit, tmp_path):
    """What somebody put at the end of the file is at its end again; free space is not carried."""
    copy = tmp_path / edit.source.name
    note = struct.pack(">I4s", 32, b"uuid") + bytes(range(24))
    copy.write_bytes(edit.source.read_bytes() + note + struct.pack(">I4s", 12, b"free") + b"1234")

    edit.on(copy)

    kinds = [top.kind for top in read_moov(copy)[0]]
    assert kinds[-2:] == [b"moov", b"uuid"] and kinds.count(b"uuid") == 1
    assert copy.read_bytes().endswith(note)
    assert held(copy) == held(edit.result.path)


@pytest.mark.parametrize("front", [False, True])
def test_a_film_beyond_four_gibibytes_gets_wide_offsets(context, monkeypatch, front):
    """The new pictures lie beyond 32 bits; a film with its index in front needs 16 bytes to leave it."""
    media = film(context, frames=24, gop=6, size=(160, 96), audio_codec="aac", container_options=FRONT if front else {})
    source = context.path(media.file)
    big = context.temp_path("big.mp4")
    shutil.copyfile(source, big)
    with big.open("r+b") as out:
        out.seek(0, 2)
        out.write(struct.pack(">I4sQ", 1, b"free", 5 << 30))
        out.truncate(source.stat().st_size + (5 << 30))
    old = sample_tables.read_sample_table(find_track(read_moov(source)[1], b"vide"))
    entry = sample_tables.stbl(find_track(read_moov(source)[1], b"vide")).require(b"stsd").body
    span = slice(6, 12)
    new = NewSamples(6, 12, 0, source, old.offsets[span], old.sizes[span], old.composition[span], old.sync[span], entry)

    in_place.edit_in_place(big, [new])

    track = find_track(read_moov(big)[1], b"vide")
    assert (
        int(sample_tables.read_sample_table(track).offsets[6]) > 5 << 30
        and sample_tables.stbl(track).find(b"co64") is not None
    )
    assert held(big) == held(source)
    assert len(shown(big)) == 24


@pytest.mark.parametrize("edit", ["index behind"], indirect=True)
def test_an_index_without_a_size_of_its_own_is_refused_before_anything_is_written(edit, tmp_path):
    """What is appended would become a part of it."""
    copy = tmp_path / edit.source.name
    data = bytearray(edit.source.read_bytes())
    top = next(top for top in read_moov(edit.source)[0] if top.kind == b"moov")
    data[top.offset : top.offset + 4] = bytes(4)
    copy.write_bytes(data)

    with pytest.raises(NotApplicable, match="index box has no size"):
        edit.on(copy)
    assert copy.read_bytes() == bytes(data)

    figures = surgery.write_film(copy, tmp_path / "made.mp4", edit.new, in_place=True)
    assert figures == {"in_place": False, "in_place_reason": "the film's index box has no size"}
    assert held(tmp_path / "made.mp4") == held(edit.result.path)


def test_bytes_that_a_kept_sample_shares_are_not_cleared():
    """Two samples may lie on the same bytes: what one of them still needs stays."""

    def spans(old, needed):
        columns = [np.array(column, np.int64) for column in zip(*old, strict=True)]
        stored = [tuple(np.array(column, np.int64) for column in zip(*needed, strict=True))]
        return in_place._unshared_ranges(columns[0], columns[1], stored)

    assert spans([(10, 5), (15, 5), (40, 2)], [(0, 10), (20, 20)]) == [(10, 10), (40, 2)]
    assert spans([(10, 10)], [(12, 3)]) == [(10, 2), (15, 5)]
    assert spans([(10, 10)], [(5, 8), (18, 9)]) == [(13, 5)]
    assert spans([(10, 10)], [(12, 6), (13, 2)]) == [(10, 2), (18, 2)]
    assert spans([(10, 10)], [(0, 100)]) == []


def test_the_new_index_is_made_of_the_boxes_of_the_old_one(edit):
    """Tracks that were not edited keep every byte of theirs, and so do the edit list and the tags."""
    was, now = (read_moov(path)[1] for path in (edit.source, edit.result.path))
    for item, other in zip(was.children, now.children, strict=True):
        if item.kind == b"trak" and sample_tables.handler(item) == b"vide":
            assert (item.find(b"edts") is None) == (other.find(b"edts") is None)
            item.drop(b"mdia")
            other.drop(b"mdia")
        assert item.to_bytes() == other.to_bytes()
