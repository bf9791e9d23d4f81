"""How a face, a crop and a strength are written: in YAML, on the command line, in markers and in Python."""

from __future__ import annotations

from fractions import Fraction

import pytest
from pydantic import ValidationError

from react1.pipeline.config.inputs import parse_edit
from react1.pipeline.core.edits.choices import resolve_choices
from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.edits.face_choice import FacePoint, strength_curve
from react1.pipeline.core.edits.takes import Matrix
from react1.pipeline.core.times import Frames
from react1.pipeline.interchange.marker_syntax import parse_edit_text

POINT = FacePoint(at=(0.31, 0.42), frame=Frames(320))


def edit(**fields):
    return Edit.model_validate({"in": "1f", "out": "99f", **fields})


@pytest.mark.parametrize(
    ("text", "face"),
    [
        ("1-2:sad@left", "left"),
        ("1-2:sad:0.6@2", 2),
        ("1-2:sad:0.6@0.31,0.42@320f", None),
        ("1-2:sad:face=0.31,0.42@320f", POINT),
        ("1-2:sad@right:strength=0.5:crop=on", "right"),
    ],
)
def test_an_edit_on_the_command_line_names_a_face(text, face):
    """After the prompt and the temperature."""
    fields = parse_edit(text)

    assert fields is not None
    assert Edit.model_validate(fields).face == (face or POINT)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("react1: sad 0.6 face=left", {"prompt": "sad", "temperature": 0.6, "face": "left"}),
        ("react1: sad face=2 crop=on", {"prompt": "sad", "face": "2", "crop": "on"}),
        ("react1: sad strength=0f:0,12f:1", {"prompt": "sad", "strength": "0f:0,12f:1"}),
    ],
)
def test_a_marker_names_a_face(text, fields):
    """As text, which the edit understands."""
    assert parse_edit_text(text) == fields
    edit(**fields)


def test_all_ways_of_writing_mean_the_same():
    """Text, numbers, mappings and values; and JSON gives them back."""
    assert edit(face="2") == edit(face=2)
    assert edit(face="0.31,0.42@320f") == edit(face={"at": [0.31, 0.42], "frame": "320f"}) == edit(face=POINT)
    assert edit(crop=True) == edit(crop="on") and edit(crop=False).crop == "off"
    assert edit(faces={"shot 1": "left", 2: "1"}) == edit(faces={1: "left", "2": 1})
    assert edit(strength="0.5") == edit(strength=0.5)
    assert edit(strength="0f:0,12f:1") == edit(strength=[["0f", 0], ["12f", 1]])
    written = edit(face=POINT, faces={1: "left"}, crop="off", strength=[["0f", 0], ["12f", 1]])
    assert Edit.model_validate_json(written.model_dump_json(by_alias=True)) == written


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"face": "lft"}, "'lft' is not a face; write largest, speaker, left, right, a number from 1, or a point"),
        ({"face": 0}, "0 is not the number of a face; numbers start at 1"),
        ({"face": True}, "True is not a face"),
        ({"face": {"at": [1.2, 0.1], "frame": "3f"}}, "at.0: Input should be less than or equal to 1; a point is"),
        ({"face": {"at": [0.2, 0.1]}}, "frame: Field required; a point is"),
        ({"faces": {"scene 1": "left"}}, "'scene 1' is not a shot of the span"),
        ({"strength": 1.5}, "1.5 is not a strength; write a number from 0 to 1"),
        ({"strength": "much"}, "'much' is not a strength"),
        ({"strength": [["12f", 0], ["3f", 1]]}, "the points are not in order: 3f comes after 12f; sort them by time"),
        ({"strength": [["0f", 0], [0.5, 1]]}, "all in frames or all in seconds"),
        ({"strength": []}, "an envelope needs at least one point"),
        ({"face": "left", "auto_active_speaker_detection": True}, "keep one of them"),
    ],
)
def test_bad_values_are_refused_in_one_line(fields, message):
    """Before anything runs."""
    with pytest.raises(ValidationError) as caught:
        edit(**fields)

    (error,) = caught.value.errors()
    assert message in error["msg"]
    assert "\n" not in error["msg"]


def test_the_speaker_is_the_parameter_of_the_api():
    """`face: speaker` sets it, another face unsets what the step says."""
    step = edit(auto_active_speaker_detection=True)

    assert resolve_choices(edit(face="speaker")).auto_active_speaker_detection
    assert not resolve_choices(edit(face="left"), step).auto_active_speaker_detection
    assert resolve_choices(edit(), step).auto_active_speaker_detection


def test_a_matrix_ranges_over_faces():
    """Names and numbers, in the names of its takes."""
    matrix = Matrix.model_validate({"prompt": ["sad"], "face": ["left", 2], "pick": "sad-face2"})

    assert [take.name for take in matrix.takes] == ["sad-left", "sad-face2"]
    assert matrix.picked is not None and matrix.picked.choices == {"prompt": "sad", "face": 2}


def test_an_envelope_is_eased_between_its_points():
    """Before the first and after the last it stays; halfway is half."""
    strength = edit(strength=[["0f", 0], ["10f", 1], ["20f", 0.5]]).strength
    times = [Fraction(number - 2, 25) for number in range(30)]

    curve = strength_curve(strength, times, -2)

    assert curve[:3] == [0, 0, 0] and curve[12] == 1 and curve[22:] == [0.5] * 8
    assert curve[7] == pytest.approx(0.5) and curve[17] == pytest.approx(0.75)
    assert curve[3] < 0.05, "it starts gently"
    by_time = edit(strength=[[0, 0], [0.4, 1], [0.8, 0.5]]).strength
    assert strength_curve(by_time, times, -2) == pytest.approx(curve)
    assert strength_curve(strength, times[17:], 15) == curve[17:], "a later part of the edit goes on where it is"
    assert strength_curve(None, times, -2) == [1.0] * 30 and strength_curve(0.25, times[:2], -2) == [0.25, 0.25]
