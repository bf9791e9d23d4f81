"""Text that was made to harm: refused in one line, quickly, and never with a traceback."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from react1.pipeline.config.document_model import Job
from react1.pipeline.core.errors import PresetError

JOB = """\
preset: mine.yaml
source: "a.mp4"
edits:
  - {in: "00:00:12.400", out: 15.8, prompt: happy, temperature: 0.7}
  - &b {in: 310f, out: 395f, emotion: sad, audio: x.wav, name: two}
on_failure: stop
"""
BOMB = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: " + "x" * 10_000_000, "job.yaml: is larger than 1 MiB, the most for a preset or a job"),
        (BOMB, "values when its aliases are written out; the most is 10,000"),
        ("a: " + "[" * 500_000, "nested deeper than 40 levels"),
        ("- " * 500_000, "nested deeper than 40 levels"),
        ("a: [" + "1," * 200_000 + "]", "more than 10,000 values"),
    ],
    ids=["ten megabytes", "alias bomb", "deep flow", "deep block", "wide"],
)
def test_a_bomb_is_refused_before_it_grows(desk, text, told):
    """Size, depth and number of values are counted as they are read."""
    assert told in desk.job_problems(text)[0]


def test_many_edits_are_checked_quickly(desk):
    """Within the limit on values, a thousand overlaps are no slower than a thousand edits."""
    edits = "".join(f"- {{in: 1, out: {place + 2}}}\n" for place in range(1000))

    assert len(desk.job_problems(f"preset: mine.yaml\nsource: a\nedits:\n{edits}")) == 999


def loaded(desk, text, **options):
    """Load and expect a job or a complaint; anything else is a traceback."""
    try:
        assert isinstance(desk.job(text, **options), Job)
    except PresetError as told:
        assert told.problems
        assert "\n" not in str(told)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_a_damaged_job_is_a_job_or_a_complaint(desk, seed):
    """Characters lost, doubled and swapped at random."""
    dice = random.Random(seed)
    text = list(JOB)
    for _ in range(dice.randint(1, 6)):
        place = dice.randrange(len(text))
        text[place] = dice.choice(
            ["", text[place] * 2, *"{}[]:,&*!|>%@`'\"#-?\t\n$~ \0\x85\ufeff", "!!", "<<: *b", "9" * 50]
        )

    loaded(desk, "".join(text).encode())


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edit=st.text(max_size=40),
    name=st.sampled_from(["source", "edits", "out", "loud", "track", "on_failure", "x"]),
    value=st.text(max_size=40),
)
def test_a_damaged_command_line_is_a_job_or_a_complaint(desk, edit, name, value):
    """Whatever a shell passes on."""
    loaded(desk, JOB, edits=[edit], sets={name: value}, out=value, provider=value)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.recursive(
        st.none() | st.booleans() | st.integers() | st.sampled_from(["fetch", "trim", "$source", "splice", "", "$"]),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["fetch", "trim", "uri", "from", "id", "edits", "splice", "inputs"]), inner
            )
        ),
        max_leaves=12,
    ),
    inputs=st.none()
    | st.dictionaries(st.text(max_size=4), st.none() | st.dictionaries(st.just("kind"), st.text(max_size=3))),
)
def test_a_wild_preset_is_a_job_or_a_complaint(desk, steps, inputs):
    """Any shape where a step, a parameter or an input belongs."""
    import json

    loaded(desk, json.dumps({"steps": steps, "inputs": inputs}))
