"""A choice is written into a job's text without changing any other byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from react1.pipeline.core.errors import PresetError
from react1.pipeline.runner.run_records.pick import parse_plain, set_pick

pytestmark = pytest.mark.slow

PATH = ("edits", 1, "takes")
NAME = "sad-0.4"

blanks = st.sampled_from(["", " ", "   "])
comments = st.sampled_from(["", "  # both", " # pick: none, {x}", "   # é"])
lines = st.sampled_from(["", "# a line: of its own\n", "\n", "    # pick: happy\n\n"])
emotions = st.sampled_from(["[happy, sad]", "[ 'happy' , \"sad\" ]", "[happy,\n          sad]", "[happy, sad,]"])
OLD = ["", "happy-0.4", '"happy-0.4"', "{prompt: happy, temperature: 0.4}", "~"]
old = st.sampled_from([None, *OLD])
KEYS = ["prompt", "temperature"]


@st.composite
def flow(draw) -> str:
    """Draw a mapping in braces, on one line or more."""
    values = {"prompt": draw(emotions), "temperature": draw(st.sampled_from(["[0.4]", "[0.4, 0.80]"]))}
    pick = draw(old)
    order = draw(st.permutations([*KEYS, *([] if pick is None else ["pick"])]))
    parts = [f"{key}:{' ' + pick if pick else ''}" if key == "pick" else f"{key}: {values[key]}" for key in order]
    comma = draw(st.sampled_from([", ", " , ", ",\n       ", ",   # why\n       "]))
    last = draw(st.sampled_from(["", "", ","]))
    return (
        f" {{{draw(blanks)}{comma.join(parts)}{last if parts[-1][-1] != ':' else ''}{draw(blanks)}}}{draw(comments)}\n"
    )


@st.composite
def block(draw) -> str:
    """Draw a mapping over lines, with comments between them."""
    inside = " " * draw(st.integers(7, 9))
    pick = draw(old)
    order = draw(st.permutations([*KEYS, *([] if pick is None else ["pick"])]))
    listed = draw(st.booleans())
    emotion = f"\n{inside}- happy\n{inside}- sad" if listed else " [happy, sad]"
    values = {"prompt": emotion, "temperature": " [0.4]", "pick": f" {pick}" if pick else ""}
    text = draw(comments) + "\n"
    for key in order:
        text += draw(lines) + f"{inside}{key}:{values[key]}{draw(comments)}\n"
    return text


@st.composite
def jobs(draw) -> str:
    """Draw a job whose second edit has takes, in the styles that people use."""
    takes = draw(st.one_of(flow(), block()))
    before = draw(st.sampled_from(["", "      name: b\n", "      out: 2   # until\n"]))
    after = draw(
        st.sampled_from(
            ["", "      audio: a.wav\n", "      # the end\n", "    - {in: 9, out: 10, takes: {prompt: [sad]}}\n"]
        )
    )
    text = (
        "# a job\npreset: mine.yaml   # which\n\nedits:\n    - {in: 0, out: 0.5, takes: {prompt: [happy]}}\n"
        f"    - in: '1'\n{before}      takes:{takes}{draw(lines)}{after}{draw(lines)}source: a.mp4\n"
    )
    text = text if draw(st.booleans()) else text.removesuffix("source: a.mp4\n").rstrip("\n")
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


def _insertions(newline):
    """Return pairs of removed and inserted text that an edit of the choice may consist of."""
    lines = [f"{' ' * n}pick: {NAME}" for n in (7, 8, 9)]
    inserted = [NAME, f" {NAME}", f": {NAME}", f", pick: {NAME}", f"pick: {NAME}, "]
    inserted += [line + newline for line in lines] + [newline + line for line in lines]
    return [(spelling, insertion) for spelling in OLD for insertion in inserted]


@settings(max_examples=150, deadline=None)
@given(jobs())
def test_only_the_choice_changes(text):
    """The parsed job differs in the choice only, and the text differs in one place."""
    wanted = parse_plain(text, "job.yaml")
    wanted["edits"][1]["takes"]["pick"] = NAME

    changed = set_pick(text, PATH, NAME, "job.yaml")

    assert parse_plain(changed, "job.yaml") == wanted
    assert any(
        text[at : at + len(removed)] == removed and text[:at] + inserted + text[at + len(removed) :] == changed
        for removed, inserted in _insertions("\r\n" if "\r\n" in text else "\n")
        if len(text) - len(removed) + len(inserted) == len(changed)
        for at in range(len(text) + 1)
    )


@settings(max_examples=30, deadline=None)
@given(jobs())
def test_setting_a_choice_again_changes_nothing(text):
    """The second call returns the same text."""
    once = set_pick(text, PATH, NAME, "job.yaml")

    assert set_pick(once, PATH, NAME, "job.yaml") == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: {prompt: [x]}   # c\n", "a: {prompt: [x], pick: sad-0.4}   # c\n"),
        ("a:\n  prompt: [x]  # c\n  # d\nb: 1\n", "a:\n  prompt: [x]  # c\n  pick: sad-0.4\n  # d\nb: 1\n"),
        ("a:\n  prompt:\n  - x", "a:\n  prompt:\n  - x\n  pick: sad-0.4"),
        ("a:\n  prompt:\n  - x  # d\nb: 1\n", "a:\n  prompt:\n  - x  # d\n  pick: sad-0.4\nb: 1\n"),
        ("a: {prompt: [x], pick: 'y'} # c", "a: {prompt: [x], pick: sad-0.4} # c"),
        ("a:\n  pick:  # none\n  prompt: [x]\n", "a:\n  pick: sad-0.4  # none\n  prompt: [x]\n"),
        ("a: {prompt: [x], pick}\n", "a: {prompt: [x], pick: sad-0.4}\n"),
        ('{"a": {"prompt": ["x"]}}', '{"a": {"prompt": ["x"], "pick": "sad-0.4"}}'),
    ],
)
def test_the_choice_follows_the_style_of_the_mapping(text, expected):
    """The choice is added after the other keys, and JSON stays JSON."""
    changed = set_pick(text, ("a",), NAME, "job.yaml")

    assert changed == expected
    if text.startswith("{"):
        assert json.loads(changed)["a"]["pick"] == NAME


@pytest.mark.parametrize("text", ["m: &m {prompt: [x]}\na: *m\n", "a: &m {prompt: [x]}\nb: *m\n", "a: {}\n"])
def test_a_mapping_that_cannot_be_changed_safely_is_refused(text):
    """For a shared or empty mapping, the message has the line to add by hand."""
    with pytest.raises(PresetError, match=r"job.yaml: .* add pick: sad-0.4 to it by hand"):
        set_pick(text, ("a",), NAME, "job.yaml")
