"""The text of a marker is parsed as an edit, or refused with the reason."""

from __future__ import annotations

import pytest

from react1.pipeline.interchange.marker_syntax import NotAnEdit, near_miss, parse_edit_text


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("react1: angry 0.8 face", {"prompt": "angry", "temperature": 0.8, "model_mode": "face"}),
        ("React-1: FACE, 0,8; Angry", {"prompt": "angry", "temperature": 0.8, "model_mode": "face"}),
        (
            "react1 prompt=angry temperature=0.8 audio=adr/l3.wav",
            {"prompt": "angry", "temperature": 0.8, "audio": "adr/l3.wav"},
        ),
        (
            'react1 emotion=sad audio="my lines/3.wav" snap=shot',
            {"prompt": "sad", "audio": "my lines/3.wav", "snap": "shot"},
        ),
        ('react1: sad audio="lines for bob.wav"', {"prompt": "sad", "audio": "lines for bob.wav"}),
        (r"react1: sad audio=S:\adr\l3.wav", {"prompt": "sad", "audio": r"S:\adr\l3.wav"}),
        ("react1: name=007 occlusion_detection_enabled=yes", {"name": "007", "occlusion_detection_enabled": True}),
        ("react1", {}),
        ("react1: prompt=sad temperature=0.6 provider=segmind request_id=r-1 cost_usd=0.12", None),
        ("react10: angry", None),
        ("fix the reaction here", None),
        ("", None),
    ],
)
def test_words_and_pairs_are_parsed(text, fields):
    """An emotion, a number, a region and named fields are parsed; other texts have no edit."""
    assert parse_edit_text(text) == fields


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("react1: angy", "did you mean 'angry'"),
        ("react1: angry temprature=0.8", "no 'temprature'.*did you mean 'temperature'"),
        ("react1: audio", "audio=…"),
        ("react1: angry sad", "sets prompt twice: angry and sad"),
        ("react1: audio='a", "quotation is not closed"),
        ("react1: in=3", "an edit has no 'in'"),
        ("react1: takes=3", "an edit has no 'takes'"),
        ("react1: " + "x" * 3000, "2000 characters"),
    ],
)
def test_invalid_edit_text_is_refused(text, message):
    """The message suggests what was meant."""
    with pytest.raises(NotAnEdit, match=message):
        parse_edit_text(text)


def test_mistyped_prefix_gets_a_hint():
    """`reackt1:` gets a hint; an ordinary note does not."""
    assert near_miss("reackt1: angry") == "; did you mean 'react1:' for 'reackt1'?"
    assert near_miss("react: angry") == "; did you mean 'react1:' for 'react'?"
    assert near_miss("Note: angry") == ""
