"""Nodes that ship, nodes of others, and nodes that cannot be loaded."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import types

import pytest
from sample_nodes import REGISTRY, Fetch

from react1.pipeline.core import registry
from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.registry import Registry, load_registry


class Entry:
    """An entry point of some other package."""

    dist = types.SimpleNamespace(name="grain", version="1.2")

    def __init__(self, name, load):
        self.name, self.value, self.load = name, "grain:node", load


@pytest.fixture
def with_plugins(monkeypatch):
    """Load the registry anew with these entry points."""

    def load(*entries):
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: list(entries))
        return registry.load_registry.__wrapped__()

    return load


def class_named(node_name, **changed):
    return type("Other", (Fetch,), {"name": node_name, "__doc__": "From elsewhere.\n\nMore.", **changed})


def failing(error):
    def load():
        raise error

    return load


def test_every_module_of_nodes_gives_one_node():
    """Nothing that ships is broken, and each is where it says."""
    found = load_registry()

    assert [item for item in found.broken if item.origin == "react1"] == []
    assert len([info for info in found.nodes.values() if info.origin == "react1"]) == len(registry.shipped_modules())
    assert all(info.fn == f"react1.nodes.{name}:{info.cls.__name__}" for name, info in found.nodes.items())
    assert all(info.about for info in found.nodes.values())


def test_looking_at_all_nodes_loads_nothing_heavy():
    """In a new process, since this one has loaded all sorts."""
    code = (
        "import sys; from react1.pipeline.core.registry import load_registry; load_registry(); "
        "print(sorted({'av', 'cv2', 'mediapipe', 'moviepy', 'yt_dlp', 'httpx', 'skimage'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_node_of_another_package_is_listed_with_its_origin(with_plugins):
    """By class or by module."""
    module = types.ModuleType("grainy")
    module.Grain = class_named("grain2", __module__="grainy", run=Fetch.run)

    found = with_plugins(Entry("grain", lambda: class_named("grain")), Entry("grain2", lambda: module))

    assert (found.get("grain").origin, found.get("grain").about) == ("grain 1.2", "From elsewhere.")
    assert found.get("grain2").fn == "grainy:Other"


@pytest.mark.parametrize(
    ("load", "why"),
    [
        (failing(ImportError("no module\nnamed x")), "ImportError: no module named x"),
        (failing(SystemExit(3)), "SystemExit: 3"),
        (lambda: 5, "expected a node class or its module, not int"),
        (lambda: types.ModuleType("empty"), "empty must define one node class (with `name` and `run`), found none"),
        (lambda: class_named("x", version="1"), "Other needs a class variable `version` of type int"),
        (lambda: class_named("x", workload="gpu"), "Other.workload is 'gpu'; expected one of cpu, io, paid"),
        (
            lambda: class_named("x", run=lambda self: None),
            "Other.run must begin with (self, context, params), not (self)",
        ),
    ],
)
def test_a_broken_node_is_shown_and_harmless(with_plugins, load, why):
    """The others are there, and asking for it tells why it is not."""
    found = with_plugins(Entry("x", load))

    assert [(item.name, item.origin, item.why) for item in found.broken] == [("x", "grain 1.2", why)]
    assert "trim" in found.nodes
    with pytest.raises(PresetError, match=r"the node 'x' .* cannot be loaded"):
        found.get("x")


def test_nobody_takes_the_place_of_a_shipped_node(with_plugins):
    """Not in silence, and not at all."""
    found = with_plugins(Entry("mine", lambda: class_named("trim")))

    assert found.get("trim").origin == "react1"
    assert [item.why for item in found.broken] == ["the name 'trim' is taken by react1"]


def test_a_node_that_is_not_there_is_told_with_the_nearest():
    """With all that there are."""
    with pytest.raises(PresetError, match=r"no node 'trimm'; available: fetch, trim, .*; did you mean 'trim'\?"):
        REGISTRY.get("trimm")
    with pytest.raises(PresetError, match="no node 'x'; none available"):
        Registry.of().get("x")
