"""Another expression for the same span: nothing is cut or coded again, and the new edit is the one that counts."""

from __future__ import annotations

from fractions import Fraction

import pytest

from react1.nodes.trim import TrimParams
from react1.pipeline.api import run
from react1.pipeline.core.edit import Edit
from react1.pipeline.core.file import File
from react1.pipeline.core.values import Media, Segment
from react1.pipeline.runner.events import StepEnded
from react1.pipeline.runner.expression_blind import with_current_edits, without_expression

MEDIA = Media(
    file=File(digest="a" * 64, suffix=".mp4", size_bytes=1),
    container="mp4",
    start_s=Fraction(0),
    duration_s=Fraction(9),
)


def _edit(place=1, **asked):
    return Edit(in_=place, out=place + 1, **asked)


def _segment(edit, name="s01"):
    return Segment(
        name=name,
        source=MEDIA,
        edit=edit,
        start_frame=0,
        end_frame=1,
        head_frames=0,
        tail_frames=0,
        media=MEDIA,
        frames=(0,),
    )


@pytest.mark.parametrize(
    "asked", [{"prompt": "sad"}, {"temperature": 0.0}, {"model_mode": "lips"}, {"occlusion_detection_enabled": True}]
)
def test_what_expression_is_asked_for_does_not_count(asked):
    """In parameters and in segments, however deep."""
    assert without_expression(TrimParams(edits=[_edit(**asked)])) == without_expression(TrimParams(edits=[_edit()]))
    assert without_expression([_segment(_edit(**asked))]) == without_expression([_segment(_edit())])


@pytest.mark.parametrize(
    "asked", [{"name": "other"}, {"audio": "line.wav"}, {"audio": "line.wav", "audio_mix": "keep"}], ids=str
)
def test_what_is_cut_and_heard_does(asked):
    """Place, name and sound decide what the clips are."""
    assert without_expression(_edit(**asked)) != without_expression(_edit())
    assert without_expression(_edit(2)) != without_expression(_edit(1))


def test_stored_segments_come_back_under_the_edits_of_now():
    """Each by its place, in whatever order they are asked for; one that nobody asks for stays as it was."""
    stored = [_segment(_edit(1, prompt="sad"), "a"), _segment(_edit(2, prompt="sad"), "b"), _segment(_edit(7), "c")]
    now = TrimParams(edits=[_edit(2, prompt="angry", temperature=1.0), _edit(1, prompt="happy")])

    told = [(segment.name, segment.edit.prompt) for segment in with_current_edits(stored, now, {})]

    assert told == [("a", "happy"), ("b", "angry"), ("c", None)]


class Listener:
    def __init__(self):
        self.reused = {}

    def on(self, event):
        if isinstance(event, StepEnded):
            self.reused[event.step] = event.reused


def test_a_second_emotion_of_a_segment_is_not_cut_again(talking_clip, tmp_path):
    """Only the model and what comes after it run; the report tells of the new emotion."""
    listener = Listener()
    asked = {"source": talking_clip, "home": tmp_path / "home", "out": tmp_path / "film.mp4"}
    run("preview", edits="0.6-1.2:sad:0.4", **asked)

    result = run("preview", edits="0.6-1.2:angry:0.9", watcher=listener, yes=True, **asked)

    assert [step for step, reused in listener.reused.items() if reused] == [
        "fetch", "trim", "transcode", "normalize_audio",
    ]  # fmt: skip
    assert "angry" in result.report.with_name("report.json").read_text()
    assert "sad" not in result.report.with_name("report.json").read_text()
