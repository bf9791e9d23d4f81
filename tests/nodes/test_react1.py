"""The model's node: choices, the local host, and the handles that stay."""

from __future__ import annotations

import numpy as np
import pytest
from seen import gray_pictures

from react1.nodes.react1 import React1, React1Params
from react1.nodes.trim import Trim, TrimParams
from react1.nodes.upload import UploadParams, UploadSegment
from react1.pipeline.core.edits.choices import resolve_choices
from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.probe import probe
from react1.pipeline.providers.contract import React1Request
from react1.pipeline.providers.local import edited_frames

pytestmark = pytest.mark.slow


def test_an_edit_counts_before_the_step_and_the_step_before_the_api():
    """What nobody says falls back to the documented default."""
    edit = Edit(in_=1, out=2, prompt="sad", temperature=0.0)

    choices = resolve_choices(edit, React1Params(prompt="angry", temperature=0.9, model_mode="lips"))

    assert (choices.prompt, choices.temperature, choices.model_mode) == ("sad", 0.0, "lips")
    assert (choices.sync_mode, choices.auto_active_speaker_detection) == ("bounce", False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 1.01),
        ("temperature", -0.1),
        ("prompt", "joyful"),
        ("model_mode", "body"),
        ("sync_mode", "cut"),
        ("video_url", ""),
        ("seed", 1),
    ],
)
def test_what_the_api_does_not_document_is_refused(name, value):
    """The eight parameters are validated as they stand in the documentation."""
    with pytest.raises(ValueError, match=name):
        React1Request.model_validate({"video_url": "v", "audio_url": "a", name: value})


@pytest.fixture
def upload(context, talking_clip):
    """Frames 10 to 30 of the talking clip, with handles of 5."""
    file = context.add_external(talking_clip)
    edits = [Edit(in_="10f", out="30f", prompt="surprised", temperature=1.0)]
    (segment,) = Trim().run(context, TrimParams(edits=edits, handles="5f"), probe(context.path(file), file))
    return UploadSegment().run(context, UploadParams(), segment)


def _gray(context, media):
    return gray_pictures(context.path(media.file)).astype(int)


def test_the_local_host_changes_the_span_and_not_its_handles(context, upload):
    """The take has as many frames as were sent; the handles differ by coding only."""
    take = React1().run(context, React1Params(provider="local"), upload)

    sent, arguments = _gray(context, upload.segment.media), _gray(context, take.media)
    difference = np.abs(sent - arguments).max(axis=(1, 2))
    assert len(arguments) == 30
    assert difference[:5].max() < 25
    assert difference[25:].max() < 25
    assert difference[12:20].min() > 40
    assert (take.provider, take.cost_usd, take.status) == ("local", 0.0, "done")
    assert take.request["prompt"] == "surprised"
    assert any("not React-1" in line for line in take.notes)


def test_a_part_of_an_edit_does_not_fade_where_the_next_part_begins(context, upload):
    """The edit goes on after frame 25: the handle changes as much as the middle; the first frame still fades in."""
    of_edit = {"edit_start_frame": upload.segment.start_frame, "edit_end_frame": upload.segment.end_frame + 20}
    part = upload.model_copy(update={"segment": upload.segment.model_copy(update=of_edit)})

    take = React1().run(context, React1Params(provider="local"), part)

    sent, taken = _gray(context, upload.segment.media), _gray(context, take.media)
    mean = np.abs(sent - taken).mean(axis=(1, 2))
    assert mean[24:].min() > 0.8 * mean[15] > 2 * mean[5]


@pytest.mark.parametrize(
    ("of_edit", "of_step", "expected"), [(None, False, False), (None, True, True), (False, True, False)]
)
def test_resync_is_the_edits_else_the_steps(context, talking_clip, monkeypatch, of_edit, of_step, expected):
    """The engine gets it with the clip's own sound."""
    jobs = []

    def render(_video, job, **_named):
        jobs.append(job)
        raise InputMediaError("enough")

    monkeypatch.setattr("react1.pipeline.engine.render.render.render", render)
    monkeypatch.setattr("react1.pipeline.providers.local.detect_faces_cached", lambda *_: None)
    file = context.add_external(talking_clip)
    edits = [Edit(in_="10f", out="14f", resync=of_edit)]
    (segment,) = Trim().run(context, TrimParams(edits=edits, handles="0f"), probe(context.path(file), file))

    with pytest.raises(InputMediaError):
        React1().run(
            context,
            React1Params(provider="local", resync=of_step),
            UploadSegment().run(context, UploadParams(), segment),
        )

    assert [(job.own_voice, job.resync) for job in jobs] == [(True, expected)]


def test_the_edited_frames_of_a_resampled_clip_are_those_that_show_the_span(upload):
    """At half the rate, every second source frame is sent."""
    segment = upload.segment.model_copy(update={"frames": tuple(range(5, 35, 2))})

    assert edited_frames(segment) == (3, 13)
