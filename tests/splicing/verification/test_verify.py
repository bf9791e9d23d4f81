"""The checks before a film may have its name: each fault is found."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from takes import film, numbered_take, packets, segment

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.not_applicable import NotApplicable
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing import strategies
from react1.pipeline.splicing.verification import verify
from react1.pipeline.splicing.verification.packet_comparison import Column, Packets
from react1.pipeline.splicing.verification.picture_diff import PictureDiff
from react1.pipeline.splicing.verification.stream_contents import FilmContents, StreamContents
from react1.pipeline.splicing.verification.verify import compare


def stream(kind, codec, tags, marks):
    """A stream of one packet per mark, shown at 0, 1, 2, …; the mark stands for the bytes."""
    digests = np.array([[mark] * 16 for mark in marks], np.uint8).reshape(-1, 16)
    times = np.arange(len(marks), dtype=np.int64)
    return StreamContents(
        kind,
        codec,
        tags,
        Fraction(1, 25),
        Packets(Path(), Column.of(times), Column.of(times), Column.of(times * 0), None, digests),
    )


def contents(pictures=5, sounds=((1, 2, 3),), tags=None, chapters=()):
    video = stream("video", "h264", {}, range(pictures))
    audio = [stream("audio", "aac", {"language": "eng"}, item) for item in sounds]
    return FilmContents([video, *audio], tags or {}, list(chapters), 0)


def verdict(output, new_audio=False, untouched=None, source=None):
    return compare(source or contents(), output, new_audio=new_audio, untouched=untouched)


def test_the_same_film_passes():
    """Nothing is lost and nothing is wrong."""
    matches = verdict(contents(), untouched=lambda pts: True)

    assert matches.failure == "" and matches.lost == () and matches.metrics["untouched_identical"]


@pytest.mark.parametrize(
    ("output", "defect"),
    [
        (contents(pictures=4), "frames_equal"),
        (contents(sounds=((1, 2, 4),)), "sound_identical"),
        (contents(sounds=()), "sound_identical"),
    ],
)
def test_a_lost_frame_and_changed_sound_are_errors(output, defect):
    """A frame less, one other sound packet, a missing track."""
    assert defect in verdict(output).failure


def test_a_shifted_frame_is_an_error():
    """One time that differs by one tick."""
    output = contents()
    shown = Column.of(np.array([0, 1, 2, 30, 4]))
    track = replace(output.streams[0], packets=replace(output.streams[0].packets, pts_column=shown))
    output = replace(output, streams=[track, *output.streams[1:]])

    assert "timestamps_equal" in verdict(output).failure


def test_a_changed_packet_outside_the_edit_is_an_error():
    """The same change inside the edit is none."""
    output = contents()
    output.streams[0].packets.digests[3] = 99

    assert "untouched_identical" in verdict(output, untouched=lambda pts: True).failure
    assert verdict(output, untouched=lambda pts: pts != 3).failure == ""


def test_a_new_line_may_change_the_first_sound_track_only():
    """The second track must stay."""
    source = contents(sounds=((1, 2), (3, 4)))

    assert verdict(contents(sounds=((9, 9), (3, 4))), new_audio=True, source=source).failure == ""
    assert verdict(contents(sounds=((1, 2), (9, 9))), new_audio=True, source=source).failure


def test_lost_tags_and_chapters_are_named():
    """They are no fault, but they are said."""
    source = contents(tags={"title": "A"}, chapters=[(0, 1, "one")])

    assert verdict(contents(), source=source).lost == ("tag title", "chapters")


@pytest.mark.slow
def test_a_film_that_fails_its_check_is_replaced_by_the_next_strategy(context, monkeypatch):
    """The exact way's result is dropped when its seams decode to other pictures, and the reason is said."""
    media = film(context, frames=20, gop=4, tracks=0)
    take = numbered_take(context, segment(media, 5, 7))
    monkeypatch.setattr(
        strategies,
        "compare_around",
        lambda *_, **__: PictureDiff(20.0, "the untouched frame 9 decodes to another picture"),
    )

    output = splicing.splice(context, ffmpeg_path(), media, [take])

    assert output.metrics["way"] == "reencoded-picture"
    assert "another picture" in output.notes[0]
    assert len(packets(output.path)) == 20


def test_no_film_is_kept_when_every_strategy_fails(context, monkeypatch):
    """The reasons of all ways stand in the error."""
    media = film(context, frames=10, tracks=0)
    take = numbered_take(context, segment(media, 5, 7))

    def refuse(job):
        raise NotApplicable("because")

    for way in ("smart_render", "reencode_in_mp4", "reencode_and_remux"):
        monkeypatch.setattr(splicing, way, refuse)

    with pytest.raises(InputMediaError, match=r"cannot be spliced: because$"):
        splicing.splice(context, ffmpeg_path(), media, [take])


@pytest.mark.slow
def test_a_decoder_s_complaint_is_an_error(context, monkeypatch):
    """What the strict decoder says of the source already is no fault of the splice."""
    media = film(context, frames=10, gop=4, tracks=0)
    take = numbered_take(context, segment(media, 5, 7))
    text = {"n": 0}

    def complain(call, ffmpeg, path, stream, span):
        text["n"] += 1
        return ["[h264 @] error"] if path != context.path(media.file) else []

    monkeypatch.setattr(verify, "strict_errors", complain)
    with pytest.raises(InputMediaError, match="strict decode reports"):
        splicing.splice(context, ffmpeg_path(), media, [take])

    monkeypatch.setattr(verify, "strict_errors", lambda *_: ["[h264 @] error"])
    assert splicing.splice(context, ffmpeg_path(), media, [take]).metrics["way"] == "exact"
