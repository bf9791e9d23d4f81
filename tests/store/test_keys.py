"""A key contains everything that decides a result, and nothing else."""

from __future__ import annotations

from fractions import Fraction
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from react1.pipeline.core.file import File, OutPath
from react1.pipeline.core.nodes.node import Params
from react1.pipeline.core.values import Media, Record, StepRecord
from react1.pipeline.store.keys import canonical, digest, explain, make_parts


class ShadeParams(Params):
    amount: float = 0.5
    names: list[str] = Field(default_factory=list)
    out: OutPath | None = None


class Shade:
    name: ClassVar[str] = "shade"
    version: ClassVar[int] = 1
    workload: ClassVar[str] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("ffmpeg",)


def _media(digit: str) -> Media:
    return Media(file=File(digest=digit * 64, suffix=".mp4", size_bytes=1), container="mp4", start_s=0, duration_s=1)


def _parts(params=None, source="a", tools="7.0"):
    return make_parts(Shade, params or ShadeParams(), {"source": _media(source)}, {"ffmpeg": tools})


def test_the_output_path_is_not_in_the_key():
    """The same work for another `out` has the same key."""
    assert _parts(ShadeParams(out="a.mp4")) == _parts(ShadeParams(out="b.mp4"))


@pytest.mark.parametrize(
    "other",
    [_parts(ShadeParams(amount=0.6)), _parts(source="b"), _parts(tools="7.1")],
    ids=["a parameter", "the input's content", "a tool's version"],
)
def test_everything_that_decides_a_result_is_in_the_key(other):
    """Each of these changes the key."""
    assert digest(other) != digest(_parts())


def test_the_node_its_version_and_its_salt_are_in_the_key():
    """A node without `cache_salt` has no such part."""

    class Salted(Shade):
        @classmethod
        def cache_salt(cls, params):
            return f"script of {params.amount}"

    class Renamed(Shade):
        name = "tint"

    class Newer(Shade):
        version = 2

    parts = [make_parts(node, ShadeParams(), {}, {}) for node in (Shade, Salted, Renamed, Newer)]

    assert len({digest(part) for part in parts}) == 4
    assert "cache_salt" not in parts[0]
    assert parts[1]["cache_salt"] == "script of 0.5"


def test_inputs_count_by_name_type_order_and_presence():
    """Content as another type, under another name, in a list, in another order, or missing: each is another key."""
    first, second = _media("a"), _media("b")

    class Other(Media):
        pass

    inputs = [
        {"source": first},
        {"other": first},
        {"source": Other.model_validate(first.model_dump())},
        {"source": None},
        {},
        {"source": [first]},
        {"source": [first, second]},
        {"source": [second, first]},
    ]

    assert len({digest(make_parts(Shade, ShadeParams(), each, {})) for each in inputs}) == len(inputs)


def test_values_of_different_types_never_share_a_digest():
    """1, "1", true and None have different digests."""
    assert len({digest(value) for value in (1, "1", True, None, [1], {"1": 1})}) == 6


@pytest.mark.parametrize("value", [float("nan"), Fraction(1, 2), object(), {1, 2}])
def test_a_value_without_an_encoding_raises(value):
    """An unknown value must never be encoded as a constant."""
    with pytest.raises((TypeError, ValueError)):
        canonical(value)


@pytest.mark.slow
@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.booleans())))
def test_the_order_of_names_does_not_matter(value):
    """A mapping has one encoding."""
    assert canonical(value) == canonical(dict(reversed(value.items())))


def test_a_miss_names_the_parameter_that_changed():
    """The explanation has the old and the new value."""
    reason = explain(_parts(ShadeParams(amount=0.5)), _parts(ShadeParams(amount=0.7)))

    assert reason == "changed: amount 0.5 → 0.7"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (None, _parts(), "no stored result"),
        (_parts(), _parts(source="b"), "changed: other source"),
        (_parts(), _parts(tools="8"), "changed: ffmpeg 7.0 → 8"),
        (_parts(), _parts(), "its stored result was removed"),
    ],
)
def test_a_miss_is_explained(old, new, reason):
    """Each reason has its own text."""
    assert explain(old, new) == reason


def test_an_explanation_has_the_path_of_a_nested_value_and_at_most_four_reasons():
    """A changed item of a list is named by its index; a list of another length is shown completely, but shortened."""
    old, new = ({"params": {"edit": {"spans": spans}}, "inputs": {}, "tools": {}} for spans in ([1, 2], [1, 3]))
    longer = {"params": {"edit": {"spans": list(range(40))}}, "inputs": {}, "tools": {}}
    six, changed = ({"params": dict.fromkeys("abcdef", value), "inputs": {}, "tools": {}} for value in (1, 2))

    assert explain(old, new) == "changed: edit.spans.1 2 → 3"
    assert explain(old, longer) == "changed: edit.spans [1, 2] → [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11…"
    assert explain(six, changed) == "changed: a 1 → 2, b 1 → 2, c 1 → 2, d 1 → 2"


def test_a_text_of_forty_characters_is_shown_completely():
    """A longer one is cut to 37 and an ellipsis."""
    old, fits, longer = ({"params": {"name": text}, "inputs": {}, "tools": {}} for text in ("", "x" * 40, "x" * 41))

    assert explain(old, fits) == f"changed: name  → {'x' * 40}"
    assert explain(old, longer) == f"changed: name  → {'x' * 37}…"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"node": "tint"}, "another node (shade → tint)"),
        ({"version": 2}, "another version of the node (1 → 2)"),
        ({"cache_salt": "other"}, "changed: code or data that the step uses"),
    ],
)
def test_another_node_version_or_salt_is_the_reason(change, reason):
    """The node and its version come before all other reasons."""
    assert explain(_parts(tools="6"), _parts(tools="6") | change) == reason
    if "cache_salt" not in change:
        assert explain(_parts(tools="6"), _parts() | change) == reason


def test_a_record_counts_without_its_name_and_times():
    """A report is not rendered again because times differ."""
    step = StepRecord(step="trim", node="trim", key="k", reused=False, seconds=1.0)
    records = (Record(run=run, preset="p", steps=steps) for run, steps in (("r1", ()), ("r2", (step,))))

    keys = {digest(make_parts(Shade, ShadeParams(), {"record": record}, {})) for record in records}
    other = digest(make_parts(Shade, ShadeParams(), {"record": Record(run="r1", preset="q")}, {}))

    assert len(keys) == 1
    assert other not in keys
