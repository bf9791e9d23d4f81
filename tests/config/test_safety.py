"""Malicious or damaged input is refused quickly, with a one-line message and no traceback."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from react1.pipeline.config.checked_job import Job
from react1.pipeline.core.errors import PresetError
from react1.pipeline.located_yaml.located import Problems, parse_yaml

pytestmark = pytest.mark.slow

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
    ("text", "message"),
    [
        ("a: " + "x" * 10_000_000, "job.yaml: larger than 1 MiB, the limit for a preset or a job"),
        (BOMB, "values with all aliases expanded; the limit is 40,000"),
        ("a: " + "[" * 500_000, "nested deeper than 40 levels"),
        ("- " * 500_000, "nested deeper than 40 levels"),
        ("a: [" + "1," * 200_000 + "]", "more than 40,000 values"),
    ],
    ids=["ten megabytes", "alias bomb", "deep flow", "deep block", "wide"],
)
def test_a_bomb_is_refused_before_it_expands(job_folder, text, message):
    """Size, depth and number of values are checked while reading."""
    assert message in job_folder.job_problems(text)[0]


def test_the_list_of_a_night_is_read():
    """Three hundred films with eight edits each: 15,304 values."""
    choices = "prompt: sad, temperature: 0.4, model_mode: lips"
    edits = "".join(f"      - {{in: {place}, out: {place + 1}, {choices}}}\n" for place in range(8))
    films = "".join(f"  - source: film{number}.mp4\n    edits:\n{edits}" for number in range(300))
    problems = Problems()

    tree = parse_yaml(f"jobs:\n{films}".encode(), "night.yaml", Path(), problems)

    assert tree is not None and not list(problems)


@pytest.mark.parametrize("text", ["[" * 3000 + "]" * 3000, "{a: " * 3000 + "}" * 3000, "- " * 3000])
def test_nothing_is_parsed_behind_a_value_that_is_too_deep(text, monkeypatch):
    """The parser's time grows with the square of the depth, so also a short text is left where it is too deep."""
    produced = []
    parse = YAML.parse

    def counted(self, text):
        for event in parse(self, text):
            produced.append(event)
            yield event

    monkeypatch.setattr(YAML, "parse", counted)
    problems = Problems()

    tree = parse_yaml(text.encode(), "job.yaml", Path(), problems)

    assert (tree, [problem.message for problem in problems]) == (None, ["nested deeper than 40 levels"])
    assert len(produced) < 100


def test_many_edits_are_checked_quickly(job_folder):
    """A thousand overlapping edits are checked in about the time of a thousand separate ones."""
    edits = "".join(f"- {{in: 1, out: {place + 2}}}\n" for place in range(1000))

    assert len(job_folder.job_problems(f"preset: mine.yaml\nsource: a\nedits:\n{edits}")) == 999


def require_job_or_problems(job_folder, text, **options):
    """Load, and accept a job or a PresetError with problems, nothing else."""
    try:
        assert isinstance(job_folder.job(text, **options), Job)
    except PresetError as error:
        assert error.problems
        assert "\n" not in str(error)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_a_damaged_job_loads_or_is_refused(job_folder, seed):
    """Characters are removed, repeated and replaced at random."""
    rng = random.Random(seed)
    text = list(JOB)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(text))
        text[place] = rng.choice(
            ["", text[place] * 2, *"{}[]:,&*!|>%@`'\"#-?\t\n$~ \0\x85\ufeff", "!!", "<<: *b", "9" * 50]
        )

    require_job_or_problems(job_folder, "".join(text).encode())


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edit=st.text(max_size=40),
    name=st.sampled_from(["source", "edits", "out", "loud", "track", "on_failure", "x"]),
    value=st.text(max_size=40),
)
def test_a_damaged_command_line_loads_or_is_refused(job_folder, edit, name, value):
    """Options may have any text."""
    require_job_or_problems(job_folder, JOB, edits=[edit], sets={name: value}, out=value, provider=value)


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
def test_a_preset_of_random_shape_loads_or_is_refused(job_folder, steps, inputs):
    """Steps, parameters and inputs may have any shape."""
    import json

    require_job_or_problems(job_folder, json.dumps({"steps": steps, "inputs": inputs}))
