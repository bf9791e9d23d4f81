"""Small courtesies of presets, edits and their messages."""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from react1 import Edit
from react1.pipeline.config.inputs import parse_edit
from react1.pipeline.config.load import load_job
from react1.pipeline.core.errors import PresetError, did_you_mean
from react1.pipeline.core.nodes.registry import load_registry

EMOTIONS = ("happy", "sad", "angry", "disgusted", "surprised", "neutral")


@pytest.mark.parametrize(("start", "end"), [("5", "3"), ("5", "5"), ("30f", "20f"), ("00:00:02:00", "00:00:01:24")])
def test_an_edit_that_ends_before_it_begins_is_refused_in_python(start, end):
    """As in YAML, when it is written and not when it runs."""
    with pytest.raises(ValidationError, match=r"is not after .*, the in point"):
        Edit(in_=start, out=end)


def test_an_edit_in_two_units_is_compared_when_the_rate_is_known():
    """So nothing can be said of it here."""
    assert Edit(in_="30f", out="0.5").place == "30f–00:00:00.500"


@pytest.mark.parametrize(
    ("word", "emotion"),
    [("melancholic", "sad"), ("Furious", "angry"), ("joyful", "happy"), ("shocked", "surprised"), ("calm", "neutral")],
)
def test_a_synonym_suggests_the_emotion(word, emotion):
    """Words that look nothing like it."""
    assert did_you_mean(word, EMOTIONS) == f"; did you mean {emotion!r}?"


def test_a_synonym_suggests_nothing_where_no_emotion_is_asked_for():
    """Among other words it means nothing."""
    assert did_you_mean("calm", ("auto", "face", "frame")) == ""


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("1-2:sad", {"prompt": "sad"}),
        ("1-2:sad:0.6", {"prompt": "sad", "temperature": "0.6"}),
        ("1-2:sad:audio=adr/line 3.wav", {"prompt": "sad", "audio": "adr/line 3.wav"}),
        ("1-2:sad:0.6:audio=C:\\adr\\l.wav", {"prompt": "sad", "temperature": "0.6", "audio": "C:\\adr\\l.wav"}),
        ("1-2:sad:audio=https://h/a.wav?k=1:audio_mix=mix", {"audio": "https://h/a.wav?k=1", "audio_mix": "mix"}),
        ("1-2:sad:model_mode=lips:name=s9", {"model_mode": "lips", "name": "s9"}),
    ],
)
def test_an_edit_on_the_command_line_takes_every_key(text, fields):
    """After the temperature, as KEY=VALUE; a colon inside a value stays."""
    parsed = parse_edit(text)

    assert parsed is not None
    assert (parsed["in"], parsed["out"], parsed["prompt"]) == ("1", "2", "sad")
    assert parsed.items() >= fields.items()


@pytest.mark.parametrize("again", ["prompt=happy", "in=4", "temperature=0.2", "audio=a.wav:audio=b.wav"])
def test_an_edit_on_the_command_line_sets_no_key_twice(tmp_path, again):
    """The second value would replace the first without a word."""
    with pytest.raises(PresetError) as caught:
        load(tmp_path, "emotion-edit", [f"1-2:sad:0.6:{again}"])

    (problem,) = caught.value.problems
    assert problem.message.endswith("no key may be set twice")


def load(tmp_path, what, edits):
    (tmp_path / "film.mp4").write_bytes(b"x")
    (tmp_path / "line.wav").write_bytes(b"x")
    return load_job(
        what, registry=load_registry(), sets={"source": "film.mp4"}, edits=edits, edits_file=None, provider=None,
        out=None, online=None, base=tmp_path,
    )  # fmt: skip


def test_a_new_line_is_required_where_the_preset_is_for_one(tmp_path):
    """The edit that lacks it is named."""
    with pytest.raises(PresetError) as caught:
        load(tmp_path, "adr-replace", ["1-2:sad:audio=line.wav", "3-4:sad"])

    (problem,) = caught.value.problems
    assert problem.file == "--edit 3-4:sad"
    assert problem.message == "is missing; every edit of this preset needs `audio`"
    assert problem.path.endswith("audio")


def test_a_new_line_on_the_command_line_is_a_path_from_here(tmp_path):
    """And the edit has it."""
    job = load(tmp_path, "adr-replace", ["1-2:sad:audio=line.wav"])

    (edit,) = next(step for step in job.steps if step.id == "trim").params.edits
    assert edit.audio == str(tmp_path / "line.wav")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{kind: media, requires: [audio]}", "only an input of kind edits may have `requires`"),
        ("{kind: edits, requires: [nothing]}", "expected a list of keys of an edit"),
    ],
)
def test_a_wrong_requirement_is_reported(tmp_path, spec, message):
    """With what may be required."""
    path = tmp_path / "p.yaml"
    path.write_text(f"name: p\ninputs:\n  source: {spec}\nsteps:\n  - fetch: {{uri: a.mp4}}\n")

    with pytest.raises(PresetError, match=re.escape(message)):
        load(tmp_path, str(path), [])
