"""Equal parts of values are kept once in memory, and nothing else changes."""

from __future__ import annotations

import gc
from fractions import Fraction

from pydantic import BaseModel, ConfigDict

from react1.pipeline.core import shared_values
from react1.pipeline.core.shared_values import share_parts


class Inner(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str = ""
    rate: Fraction = Fraction(25)


class Outer(BaseModel):
    model_config = ConfigDict(frozen=True)

    first: Inner
    rest: tuple[Inner, ...] = ()
    metrics: dict[str, float] = {}


class Open(BaseModel):
    name: str = ""


def test_equal_parts_become_one_and_the_values_stay_equal():
    """Also in tuples and lists, and in values that come later."""
    outers = [Outer(first=Inner(name="a"), rest=(Inner(name="a"), Inner(name="b"))) for _ in range(2)]
    before = [item.model_copy(deep=True) for item in outers]

    shared = [share_parts(item) for item in outers]
    (in_list,) = share_parts([Inner(name="b")])

    assert shared == before and [item.model_dump_json() for item in shared] == [
        item.model_dump_json() for item in before
    ]
    assert shared[0].first is shared[0].rest[0] is shared[1].first
    assert shared[0].rest[1] is shared[1].rest[1] is in_list
    assert shared[0].model_fields_set is shared[1].model_fields_set == {"first", "rest"}
    changed = in_list.model_copy(update={"rate": Fraction(24)})
    assert changed.model_fields_set == {"name", "rate"} and in_list.model_fields_set == {"name"}


def test_what_differs_or_can_be_written_to_is_not_shared():
    """Also where Python calls it equal, and where only the fields that were given differ."""
    models = [share_parts(item) for item in (Inner(name="1"), Inner(name="2"), Inner(name="1", rate=Fraction(25)))]
    dicts = [share_parts(Outer(first=Inner(), metrics={"psnr": 1.0})) for _ in range(2)]
    openly = [share_parts(Open(name="x")) for _ in range(2)]

    assert len({id(item) for item in (*models, *dicts, *openly)}) == 7
    openly[0].name = "y"
    assert openly[1].name == "x" and openly[0].model_fields_set is not openly[1].model_fields_set
    assert share_parts("text") == "text" and share_parts(None) is None


def test_nothing_is_kept_for_parts_alone():
    """When the last value that has a part is gone, so is the part."""
    share_parts(Outer(first=Inner(name="only here")))
    gc.collect()

    assert not [item for item in shared_values._models.values() if getattr(item, "name", "") == "only here"]
