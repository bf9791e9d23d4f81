"""A key tells everything that decides a result, and nothing else."""

from __future__ import annotations

from fractions import Fraction
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from react1.pipeline.core.file import File, OutPath
from react1.pipeline.core.node import Params
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


def _media(digest_of: str) -> Media:
    return Media(
        file=File(digest=digest_of * 64, suffix=".mp4", size_bytes=1), container="mp4", start_s=0, duration_s=1
    )


def _parts(params=None, source="a", tools="7.0"):
    return make_parts(Shade, params or ShadeParams(), {"source": _media(source)}, {"ffmpeg": tools})


def test_where_a_result_is_wanted_is_not_in_its_key():
    """The same work for another `out` is the same work."""
    assert _parts(ShadeParams(out="a.mp4")) == _parts(ShadeParams(out="b.mp4"))


@pytest.mark.parametrize(
    "other",
    [_parts(ShadeParams(amount=0.6)), _parts(source="b"), _parts(tools="7.1")],
    ids=["a parameter", "the input's content", "a tool's version"],
)
def test_what_decides_a_result_is_in_its_key(other):
    """Each of these makes another key."""
    assert digest(other) != digest(_parts())


def test_values_of_different_kinds_never_share_a_digest():
    """1, "1", true and None are four things."""
    assert len({digest(value) for value in (1, "1", True, None, [1], {"1": 1})}) == 6


@pytest.mark.parametrize("value", [float("nan"), Fraction(1, 2), object(), {1, 2}])
def test_what_has_no_encoding_raises(value):
    """An unknown value must never become a constant."""
    with pytest.raises((TypeError, ValueError)):
        canonical(value)


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.lists(st.booleans())))
def test_the_order_of_names_does_not_matter(value):
    """A mapping has one encoding."""
    assert canonical(value) == canonical(dict(reversed(value.items())))


def test_a_miss_names_the_parameter_that_changed():
    """The reader sees old and new."""
    told = explain(_parts(ShadeParams(amount=0.5)), _parts(ShadeParams(amount=0.7)))

    assert told == "changed: amount 0.5 → 0.7"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (None, _parts(), "not made yet"),
        (_parts(), _parts(source="b"), "changed: other source"),
        (_parts(), _parts(tools="8"), "changed: ffmpeg 7.0 → 8"),
        (_parts(), _parts(), "its stored result is gone"),
    ],
)
def test_a_miss_is_explained(old, new, told):
    """Each reason has its own words."""
    assert explain(old, new) == told


def test_a_record_counts_without_its_times():
    """A page is not drawn again because the clock went on."""
    step = StepRecord(step="trim", node="trim", key="k", reused=False, seconds=1.0)
    one, two = (Record(run=run, preset="p", steps=steps) for run, steps in (("r1", ()), ("r2", (step,))))

    keys = {digest(make_parts(Shade, ShadeParams(), {"record": record}, {})) for record in (one, two)}

    assert len(keys) == 1
