"""The check of a span is kept, so that a coordinator reads what a worker has found."""

from __future__ import annotations

import pytest
from numbered_clips import make_clip

from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.values import Segment
from react1.pipeline.media.probe import probe
from react1.pipeline.preflight import clip_checks
from react1.pipeline.preflight.span_check import SpanCheck, SpanCheckParams, findings_of


@pytest.fixture
def segment(context):
    file = context.store(make_clip(context.temp_path("a.mov"), frames=12, size=(64, 48)))
    media = probe(context.path(file), file)
    edit = Edit.model_validate({"in": "2f", "out": "8f", "prompt": "sad"})
    span = {"start_frame": 2, "end_frame": 8, "head_frames": 2, "tail_frames": 4, "frames": tuple(range(12))}
    return Segment(source=media, name="s01", edit=edit, media=media, **span)


@pytest.fixture
def checks(monkeypatch):
    """Count the checks that decode; a face is never looked for."""
    calls = []

    def check(*arguments, **options):
        calls.append(options)
        return [*real(*arguments, **options)]

    real = clip_checks.check_span
    monkeypatch.setattr(clip_checks, "_check_face", lambda span: ())
    monkeypatch.setattr(clip_checks, "check_span", check)
    return calls


def test_findings_are_read_where_a_call_has_left_them(context, segment, checks):
    """The same as without; other limits and other spans are checked again, another prompt is not."""
    small = SpanCheckParams(max_size_px=(32, 32))
    direct = findings_of(context, segment, small)
    assert {finding.code for finding in direct} == {"too_large"}

    assert SpanCheck().run(context, small, segment) == segment.source
    checks.clear()

    assert findings_of(context, segment, small) == direct
    other_prompt = segment.model_copy(update={"edit": segment.edit.model_copy(update={"prompt": "happy"})})
    assert findings_of(context, other_prompt, small) == direct
    assert checks == []
    assert findings_of(context, segment, SpanCheckParams()) == []
    findings_of(context, segment.model_copy(update={"end_frame": 9}), small)
    findings_of(context, segment.model_copy(update={"name": "s02"}), small)
    assert len(checks) == 3


def test_what_a_library_may_change_is_not_kept(context, segment, checks, monkeypatch):
    """Without the face models the check says so; with them it is made."""
    missing = lambda span: [span.finding("face_unknown", "no models")]  # noqa: E731
    monkeypatch.setattr(clip_checks, "_check_face", missing)
    SpanCheck().run(context, SpanCheckParams(), segment)
    monkeypatch.setattr(clip_checks, "_check_face", lambda span: ())

    assert "face_unknown" not in {finding.code for finding in findings_of(context, segment, SpanCheckParams())}
    assert len(checks) == 2
