"""Steps are connected by the types of their inputs and outputs, or by `from`."""

from __future__ import annotations

import pytest
from sample_nodes import REGISTRY

from react1.pipeline.config.graph import Source, Unwired, order, wire
from react1.pipeline.core.errors import PresetError


def wired(*names, **sources):
    """Wire nodes by name; `sources` maps a step's ID to its `from`, as (step, input) pairs."""
    steps = []
    for name in names:
        step_id, _, node = name.rpartition("=")
        step_id = step_id or node
        from_clause = tuple(Source(step, step, port) for step, port in sources.get(step_id, ()))
        steps.append(Unwired(step_id, node, REGISTRY.get(node).ports, step_id, from_clause))
    return wire(steps)


def wires(wiring):
    return {step.id: dict(step.wires) for step in wiring.steps}


MAIN = ("fetch", "trim", "transcode", "upload", "react1", "conform")


def test_the_main_chain_is_connected_without_from():
    """Each input takes the nearest earlier output of its type; the splice gets the source film."""
    wiring = wired(*MAIN, "splice", "compare", "report")

    assert wiring.problems == []
    assert wires(wiring) == {
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


def test_steps_between_fan_out_and_gathering_run_once_per_segment():
    """A list output fans out the following steps, until a node takes a list."""
    wiring = wired(*MAIN, "splice", "report")

    assert [step.id for step in wiring.steps if step.fanned] == ["transcode", "upload", "react1", "conform"]


def test_an_optional_input_stays_unconnected_if_no_output_is_left():
    """The required input is connected first."""
    assert wires(wired("fetch", "compare"))["compare"] == {"before": ("fetch",), "after": ()}


def test_two_inputs_of_a_type_take_the_nearest_two_outputs_in_order():
    """Of three films, the last two are compared."""
    wiring = wired("fetch", "b=fetch", "c=fetch", "compare")

    assert wires(wiring)["compare"] == {"before": ("b",), "after": ("c",)}


@pytest.mark.parametrize(
    ("from_clause", "expected"),
    [
        ([("fetch", "")], {"before": ("fetch",), "after": ("c",)}),
        ([("c", ""), ("b", "")], {"before": ("c",), "after": ("b",)}),
        ([("b", "after")], {"before": ("c",), "after": ("b",)}),
    ],
)
def test_from_has_priority_over_the_nearest_step(from_clause, expected):
    """`from` is a step, a list of steps, or a mapping of inputs."""
    assert wires(wired("fetch", "b=fetch", "c=fetch", "compare", compare=from_clause))["compare"] == expected


def test_a_gathering_input_takes_several_steps_in_from():
    """Takes of two branches go into one film."""
    wiring = wired(*MAIN, "again=conform", "splice", splice=[("conform", ""), ("again", "")])

    assert wires(wiring)["splice"] == {"source": ("fetch",), "takes": ("conform", "again")}


@pytest.mark.parametrize(
    ("names", "sources", "message"),
    [
        (("conform",), {}, "step 'conform' needs an earlier step that outputs take (take: Take); it is the first step"),
        (
            ("fetch", "splice"),
            {},
            "step 'splice' needs an earlier step that outputs take (takes: list[Take]); fetch outputs media",
        ),
        (("fetch", "trim"), {"trim": [("later", "")]}, "no step 'later' above; available: fetch"),
        (
            ("trim", "fetch"),
            {"trim": [("fetch", "")]},
            "step 'fetch' comes later; `from` can name only steps above",
        ),
        (("fetch", "trim"), {"trim": [("trim", "")]}, "step 'trim' cannot feed itself (trim → trim)"),
        (
            ("fetch", "trim"),
            {"trim": [("fetch", "sorce")]},
            "trim has no input 'sorce'; available: source; did you mean 'source'?",
        ),
        (
            ("fetch", "trim", "t=trim"),
            {"t": [("trim", "")]},
            "step 'trim' outputs segment, but trim has no free input for it (source: Media)",
        ),
        (("fetch", "trim", "split"), {}, "step 'split' makes a list of lists, which is not supported"),
    ],
)
def test_impossible_wires_are_reported(names, sources, message):
    """The message has the IDs and the available types."""
    assert message in [message for _, message in wired(*names, **sources).problems]


def test_a_cycle_is_reported_with_its_steps():
    """A preset cannot have a cycle, but other code that builds graphs can."""
    assert order({"b": {"a"}, "c": {"b"}}) == ("a", "b", "c")
    with pytest.raises(PresetError, match=r"cycle: (a → b → a|b → a → b)"):
        order({"a": {"b"}, "b": {"a"}})
