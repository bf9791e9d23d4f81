"""A matrix of takes in a job: its combinations, and every problem in it at its position."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from react1.pipeline.core.edits.choices import SyncMode
from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.edits.takes import AXES, Matrix

SYNC_MODES = get_args(SyncMode)
KEYS = f"{', '.join(AXES)}, pick, emotion"
JOB = "preset: mine.yaml\nsource: a.mp4\nedits:\n  - in: 1\n    out: 2\n    takes: "


def _takes(job_folder, text):
    (trim,) = (step for step in job_folder.job(JOB + text + "\n").steps if step.id == "trim")
    return trim.params.edits[0].takes


def test_every_combination_is_a_take_with_a_unique_name(job_folder):
    """The last list changes fastest, and a name has the value of every list."""
    takes = _takes(job_folder, "{temperature: [0.4, 1], emotion: [happy, sad], model_mode: [face]}")

    names = ["happy-0.4-face", "happy-1-face", "sad-0.4-face", "sad-1-face"]
    assert [(combination.number, combination.name) for combination in takes.takes] == list(enumerate(names, 1))
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
def test_no_name_is_a_yaml_number_or_boolean(job_folder, text, names):
    """A name needs no quotes in a file or on a command line."""
    assert [combination.name for combination in _takes(job_folder, text).takes] == names


@pytest.mark.parametrize(
    "pick",
    [
        "sad-0.4",
        "{prompt: sad, temperature: 0.4}",
        "{temperature: 0.40, prompt: 'sad'}",
        "{emotion: sad, temperature: 0.4}",
    ],
)
def test_a_choice_is_a_name_or_values(job_folder, pick):
    """All select the same take; `emotion` is another name of `prompt`, as in the lists."""
    assert _takes(job_folder, f"{{prompt: [happy, sad], temperature: [0.4], pick: {pick}}}").picked.name == "sad-0.4"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{sync_mode: [bonce]}",
         f"6:25: takes.sync_mode.0: 'bonce' is not one of {', '.join(SYNC_MODES)}; did you mean 'bounce'?"),
        ("{prompt: [sad, happy, sad]}", "6:21: takes.prompt: sad is listed twice; remove one of them"),
        ("{temperature: [0.5, 0.50]}", "6:26: takes.temperature: 0.5 is listed twice; remove one of them"),
        ("{temperature: [0.5, 1.5]}", "6:32: takes.temperature.1: expected at most 1, not 1.5"),
        ("{prompt: []}", "6:21: takes.prompt: empty list; write at least one value, or remove it"),
        ("{prompt: happy}", "6:21: takes.prompt: expected a list, not 'happy'"),
        ("{}", f"6:12: takes: no lists of takes: write lists for some of {', '.join(AXES)}"),
        ("{prompt: [sad], pock: sad}",
         f"6:28: takes.pock: unknown key: 'pock' is not one of {KEYS}; did you mean 'pick'?"),
        ("{prompt: [happy, sad, angry, disgusted, neutral], temperature: [0, 0.1, 0.2, 0.3, 0.4]}",
         "6:12: takes: 5 x 5 = 25 takes, more than the limit of 24; shorten a list"),
        ("{prompt: [happy, sad], pick: sat}", "6:41: takes.pick: 'sat' is not one of happy, sad; did you mean 'sad'?"),
        ("{prompt: [happy, sad], pick: {prompt: angry}}", "6:41: takes.pick: prompt: 'angry' is not one of happy, sad"),
        ("{prompt: [happy, sad], pick: {prompt: sad, emotion: sad}}",
         "6:41: takes.pick: 'emotion' is not one of prompt"),
        ("{prompt: [happy], temperature: [1], pick: {prompt: happy}}",
         "6:54: takes.pick: temperature is missing; a choice needs a value from each list"),
        ("{prompt: [happy], pick: [happy]}", "6:36: takes.pick: expected text or a mapping, not a list"),
        ("[happy]", "6:12: takes: expected a mapping, not a list"),
    ],
)  # fmt: skip
def test_a_problem_is_reported_at_its_position(job_folder, text, message):
    """Each message is one line and says what to do."""
    line, column, path, message = message.split(":", 3)
    assert job_folder.job_problems(JOB + text + "\n") == [f"job.yaml:{line}:{column}: edits.0.{path.strip()}:{message}"]


def test_an_edit_sets_a_parameter_once(job_folder):
    """A parameter is a value or a list of takes, not both."""
    messages = job_folder.job_problems(JOB + "{temperature: [0.4, 0.8]}\n    temperature: 0.5\n")

    assert messages == [
        "job.yaml:6:12: edits.0.takes: temperature is a list here and 0.5 in the edit itself; keep one of them"
    ]


def test_python_refuses_the_same_values():
    """The messages are the same."""
    with pytest.raises(ValidationError, match="keep one of them"):
        Edit(in_=0, out=1, prompt="sad", takes=Matrix(prompt=("happy",)))
    with pytest.raises(ValidationError, match="did you mean 'happy-1'"):
        Matrix(prompt=("happy",), temperature=(1,), pick="hapy-1")
