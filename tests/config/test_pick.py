"""A choice is written into a job's text: its own bytes, and not one of the others."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from react1.pipeline.config.written_pick import plain_of, with_pick
from react1.pipeline.core.errors import PresetError

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
    """A mapping in braces, over one line or more."""
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
    """A mapping over lines, with comments among them."""
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
    """A job whose second edit has takes, as people write it."""
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


def _ways(newline):
    """Every spelling of a choice that is put in, and of one that makes room for it."""
    lines = [f"{' ' * n}pick: {NAME}" for n in (7, 8, 9)]
    put = [NAME, f" {NAME}", f": {NAME}", f", pick: {NAME}", f"pick: {NAME}, "]
    put += [line + newline for line in lines] + [newline + line for line in lines]
    return [(spelling, one) for spelling in OLD for one in put]


@settings(max_examples=150, deadline=None)
@given(jobs())
def test_only_the_choice_changes(text):
    """What is read differs in the choice alone, and so does what is written: one place, one spelling of a choice."""
    wanted = plain_of(text, "job.yaml")
    wanted["edits"][1]["takes"]["pick"] = NAME

    changed = with_pick(text, PATH, NAME, "job.yaml")

    assert plain_of(changed, "job.yaml") == wanted
    assert any(
        text[at : at + len(gone)] == gone and text[:at] + put + text[at + len(gone) :] == changed
        for gone, put in _ways("\r\n" if "\r\n" in text else "\n")
        for at in range(len(text) + 1)
    )


@settings(max_examples=30, deadline=None)
@given(jobs())
def test_a_choice_made_twice_is_made_once(text):
    """The second time nothing is left to do."""
    once = with_pick(text, PATH, NAME, "job.yaml")

    assert with_pick(once, PATH, NAME, "job.yaml") == once


@pytest.mark.parametrize(
    ("text", "made"),
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
def test_the_choice_is_written_as_a_person_would(text, made):
    """In the mapping's own style, behind what is there; JSON stays JSON."""
    changed = with_pick(text, ("a",), NAME, "job.yaml")

    assert changed == made
    if text.startswith("{"):
        assert json.loads(changed)["a"]["pick"] == NAME


@pytest.mark.parametrize("text", ["m: &m {prompt: [x]}\na: *m\n", "a: &m {prompt: [x]}\nb: *m\n", "a: {}\n"])
def test_what_is_not_safe_to_change_is_left_alone(text):
    """A mapping that others share, or one with nothing in it: a person writes the line that the message gives."""
    with pytest.raises(PresetError, match=r"job.yaml: .* write pick: sad-0.4 in it"):
        with_pick(text, ("a",), NAME, "job.yaml")
