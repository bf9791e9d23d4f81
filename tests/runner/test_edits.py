"""A new expression for the same span reuses the cut and encoded clip, under the new edit."""

from __future__ import annotations

from fractions import Fraction

import pytest

from react1.nodes.trim import TrimParams
from react1.pipeline.api import run
from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.file import File
from react1.pipeline.core.values import Media, Segment
from react1.pipeline.runner.events import StepEnded
from react1.pipeline.runner.scheduling.expression_blind import IGNORED_BY_BLIND, with_current_edits, without_fields

pytestmark = pytest.mark.slow

MEDIA = Media(
    file=File(digest="a" * 64, suffix=".mp4", size_bytes=1),
    container="mp4",
    start_s=Fraction(0),
    duration_s=Fraction(9),
)


def _edit(start=1, **fields):
    return Edit(in_=start, out=start + 1, **fields)


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


def _blind(value):
    return without_fields(value, IGNORED_BY_BLIND)


@pytest.mark.parametrize(
    "expression",
    [
        {"prompt": "sad"},
        {"temperature": 0.0},
        {"model_mode": "lips"},
        {"occlusion_detection_enabled": True},
        {"face": "left"},
        {"crop": "on"},
        {"strength": 0.5},
        {"audio_gain": 3},
    ],
)
def test_the_expression_does_not_change_the_key(expression):
    """It is removed from parameters and segments at any depth."""
    assert _blind(TrimParams(edits=[_edit(**expression)])) == _blind(TrimParams(edits=[_edit()]))
    assert _blind([_segment(_edit(**expression))]) == _blind([_segment(_edit())])


@pytest.mark.parametrize(
    "fields", [{"name": "other"}, {"audio": "line.wav"}, {"audio": "line.wav", "audio_mix": "keep"}], ids=str
)
def test_span_name_and_audio_change_the_key(fields):
    """They decide the content of the clips."""
    assert _blind(_edit(**fields)) != _blind(_edit())
    assert _blind(_edit(2)) != _blind(_edit(1))


def test_stored_segments_get_the_current_edits():
    """Each by its span, in any order; a segment without a current edit does not change."""
    stored = [_segment(_edit(1, prompt="sad"), "a"), _segment(_edit(2, prompt="sad"), "b"), _segment(_edit(7), "c")]
    params = TrimParams(edits=[_edit(2, prompt="angry", temperature=1.0), _edit(1, prompt="happy")])

    current = with_current_edits(stored, params, {}, IGNORED_BY_BLIND)
    prompts = [(segment.name, segment.edit.prompt) for segment in current]

    assert prompts == [("a", "happy"), ("b", "angry"), ("c", None)]


class Listener:
    def __init__(self):
        self.reused = {}

    def on(self, event):
        if isinstance(event, StepEnded):
            self.reused[event.step] = event.reused


def test_a_second_emotion_reuses_the_cut_segment(talking_clip, tmp_path):
    """Only the model and later steps run; the report shows the new emotion."""
    listener = Listener()
    inputs = {"source": talking_clip, "home": tmp_path / "home", "out": tmp_path / "film.mp4"}
    run("preview", edits="0.6-1.2:sad:0.4", **inputs)

    result = run("preview", edits="0.6-1.2:angry:0.9", watcher=listener, yes=True, **inputs)

    assert [step for step, reused in listener.reused.items() if reused] == [
        "fetch", "trim", "transcode", "normalize_audio", "face",
    ]  # fmt: skip
    assert "angry" in result.report.with_name("report.json").read_text()
    assert "sad" not in result.report.with_name("report.json").read_text()
