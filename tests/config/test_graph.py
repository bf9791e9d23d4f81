"""Which step feeds which."""

from __future__ import annotations

import pytest
from sample_nodes import REGISTRY

from react1.pipeline.config.graph import Source, Unwired, order, wire
from react1.pipeline.core.errors import PresetError


def wired(*names, **sources):
    """Wire nodes by name; `sources` gives for a step's id what its `from` says, as (step, port) pairs."""
    steps = []
    for name in names:
        step_id, _, node = name.rpartition("=")
        step_id = step_id or node
        named = tuple(Source(step, step, port) for step, port in sources.get(step_id, ()))
        steps.append(Unwired(step_id, node, REGISTRY.get(node).ports, step_id, named))
    return wire(steps)


def wires(found):
    return {step.id: dict(step.wires) for step in found.steps}


MAIN = ("fetch", "trim", "transcode", "upload", "react1", "conform")


def test_the_main_chain_wires_itself():
    """The nearest earlier step of each kind; the film for the splice is the source."""
    found = wired(*MAIN, "splice", "compare", "report")

    assert found.problems == []
    assert wires(found) == {
        "fetch": {},
        "trim": {"source": ("fetch",)},
        "transcode": {"segment": ("trim",)},
        "upload": {"segment": ("transcode",)},
        "react1": {"upload": ("upload",)},
        "conform": {"take": ("react1",)},
        "splice": {"source": ("fetch",), "takes": ("conform",)},
        "compare": {"before": ("fetch",), "after": ("splice",)},
        "report": {"record": ()},
    }


def test_steps_between_a_list_and_its_gathering_run_once_per_segment():
    """A list fans out what follows it, until a node takes a list."""
    found = wired(*MAIN, "splice", "report")

    assert [step.id for step in found.steps if step.fanned] == ["transcode", "upload", "react1", "conform"]


def test_an_optional_input_stays_open_where_nothing_is_left():
    """The required one has the first claim."""
    assert wires(wired("fetch", "compare"))["compare"] == {"before": ("fetch",), "after": ()}


def test_two_inputs_of_a_kind_take_the_nearest_two_earliest_first():
    """Of three films, the last two."""
    found = wired("fetch", "b=fetch", "c=fetch", "compare")

    assert wires(found)["compare"] == {"before": ("b",), "after": ("c",)}


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ([("fetch", "")], {"before": ("fetch",), "after": ("c",)}),
        ([("c", ""), ("b", "")], {"before": ("c",), "after": ("b",)}),
        ([("b", "after")], {"before": ("c",), "after": ("b",)}),
    ],
)
def test_from_goes_before_nearness(named, expected):
    """A step, a list of steps, or a mapping of inputs."""
    assert wires(wired("fetch", "b=fetch", "c=fetch", "compare", compare=named))["compare"] == expected


def test_a_gathering_input_takes_several_named_steps():
    """Two takes of two branches in one film."""
    found = wired(*MAIN, "again=conform", "splice", splice=[("conform", ""), ("again", "")])

    assert wires(found)["splice"] == {"source": ("fetch",), "takes": ("conform", "again")}


@pytest.mark.parametrize(
    ("names", "sources", "told"),
    [
        (("conform",), {}, "step 'conform' needs an earlier step that gives take (take: Take); it is the first step"),
        (
            ("fetch", "splice"),
            {},
            "step 'splice' needs an earlier step that gives take (takes: list[Take]); fetch gives media",
        ),
        (("fetch", "trim"), {"trim": [("later", "")]}, "no step above is called 'later'; there is only fetch"),
        (
            ("trim", "fetch"),
            {"trim": [("fetch", "")]},
            "step 'fetch' comes later; a step can only take from the steps above it",
        ),
        (("fetch", "trim"), {"trim": [("trim", "")]}, "step 'trim' cannot feed itself (trim → trim)"),
        (
            ("fetch", "trim"),
            {"trim": [("fetch", "sorce")]},
            "trim has no input 'sorce'; there is only source; did you mean 'source'?",
        ),
        (
            ("fetch", "trim", "t=trim"),
            {"t": [("trim", "")]},
            "step 'trim' gives segment, but trim has no free input for it (source: Media)",
        ),
        (("fetch", "trim", "split"), {}, "step 'split' makes a list of each item of a list, which cannot run"),
    ],
)
def test_wires_that_cannot_be_are_told(names, sources, told):
    """By id, with the kinds that there are."""
    assert told in [message for _, message in wired(*names, **sources).problems]


def test_a_circle_is_told_by_name():
    """Presets cannot write one, other builders of graphs can."""
    assert order({"b": {"a"}, "c": {"b"}}) == ("a", "b", "c")
    with pytest.raises(PresetError, match=r"circle: (a → b → a|b → a → b)"):
        order({"a": {"b"}, "b": {"a"}})
