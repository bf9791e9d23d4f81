"""A matrix of takes in a job: what it asks for, and every mistake in it at its place."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from react1.pipeline.core.choices import SyncMode
from react1.pipeline.core.edit import Edit
from react1.pipeline.core.takes import AXES, Matrix

SYNC_MODES = get_args(SyncMode)
KEYS = f"{', '.join(AXES)}, pick, emotion"
JOB = "preset: mine.yaml\nsource: a.mp4\nedits:\n  - in: 1\n    out: 2\n    takes: "


def _takes(desk, text):
    (trim,) = (step for step in desk.job(JOB + text + "\n").steps if step.id == "trim")
    return trim.params.edits[0].takes


def test_every_combination_is_a_take_with_a_name_of_its_own(desk):
    """In the order of the lists, the last one changing fastest; the name has every list's value."""
    takes = _takes(desk, "{temperature: [0.4, 1], emotion: [happy, sad], model_mode: [face]}")

    names = ["happy-0.4-face", "happy-1-face", "sad-0.4-face", "sad-1-face"]
    assert [(one.number, one.name) for one in takes.takes] == list(enumerate(names, 1))
    assert takes.takes[1].choices == {"prompt": "happy", "temperature": 1.0, "model_mode": "face"}
    assert takes.picked is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{temperature: [0, 1]}", ["t0", "t1"]),
        ("{auto_active_speaker_detection: [true, false]}", ["speaker", "no-speaker"]),
        ("{temperature: [0.1234567, 0.1234568]}", ["t0.1234567", "t0.1234568"]),
        ("{sync_mode: [cut_off], occlusion_detection_enabled: [false]}", ["cut_off-no-occlusion"]),
    ],
)
def test_no_name_is_a_number_or_a_truth(desk, text, names):
    """So that it can stand in a file and on a command line as it is."""
    assert [one.name for one in _takes(desk, text).takes] == names


@pytest.mark.parametrize("pick", ["sad-0.4", "{prompt: sad, temperature: 0.4}", "{temperature: 0.40, prompt: 'sad'}"])
def test_a_choice_is_a_name_or_values(desk, pick):
    """Both mean the same take."""
    assert _takes(desk, f"{{prompt: [happy, sad], temperature: [0.4], pick: {pick}}}").picked.name == "sad-0.4"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{sync_mode: [bonce]}",
         f"6:25: takes.sync_mode.0: 'bonce' is not one of {', '.join(SYNC_MODES)}; did you mean 'bounce'?"),
        ("{prompt: [sad, happy, sad]}", "6:21: takes.prompt: sad stands twice; each take is made once"),
        ("{temperature: [0.5, 0.50]}", "6:26: takes.temperature: 0.5 stands twice; each take is made once"),
        ("{temperature: [0.5, 1.5]}", "6:32: takes.temperature.1: expected at most 1, not 1.5"),
        ("{prompt: []}", "6:21: takes.prompt: an empty list; give at least one value, or leave it out"),
        ("{prompt: happy}", "6:21: takes.prompt: expected a list, not 'happy'"),
        ("{}", f"6:12: takes: there is nothing to vary: give lists of {', '.join(AXES)}"),
        ("{prompt: [sad], pock: sad}",
         f"6:28: takes.pock: unknown key: 'pock' is not one of {KEYS}; did you mean 'pick'?"),
        ("{prompt: [happy, sad, angry, disgusted, neutral], temperature: [0, 0.1, 0.2, 0.3, 0.4]}",
         "6:12: takes: 5 x 5 are 25 takes, more than 24; shorten a list"),
        ("{prompt: [happy, sad], pick: sat}", "6:41: takes.pick: 'sat' is not one of happy, sad; did you mean 'sad'?"),
        ("{prompt: [happy, sad], pick: {prompt: angry}}", "6:41: takes.pick: prompt: 'angry' is not one of happy, sad"),
        ("{prompt: [happy], temperature: [1], pick: {prompt: happy}}",
         "6:54: takes.pick: temperature is missing; a choice names a value of each list"),
        ("{prompt: [happy], pick: [happy]}", "6:36: takes.pick: expected text or a mapping, not a list"),
        ("[happy]", "6:12: takes: expected a mapping, not a list"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_its_place(desk, text, told):
    """In one line each, with what to do."""
    line, column, path, message = told.split(":", 3)
    assert desk.job_problems(JOB + text + "\n") == [f"job.yaml:{line}:{column}: edits.0.{path.strip()}:{message}"]


def test_an_edit_says_a_parameter_once(desk):
    """Either its own or a list of them."""
    found = desk.job_problems(JOB + "{temperature: [0.4, 0.8]}\n    temperature: 0.5\n")

    assert found == [
        "job.yaml:6:12: edits.0.takes: temperature is a list here, and 0.5 for the edit itself; keep one of them"
    ]


def test_python_refuses_the_same():
    """With the same words."""
    with pytest.raises(ValidationError, match="keep one of them"):
        Edit(in_=0, out=1, prompt="sad", takes=Matrix(prompt=("happy",)))
    with pytest.raises(ValidationError, match="did you mean 'happy-1'"):
        Matrix(prompt=("happy",), temperature=(1,), pick="hapy-1")
