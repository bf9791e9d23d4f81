"""The registry lists shipped nodes, plug-in nodes, and nodes that cannot be loaded."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest
from sample_nodes import REGISTRY, Fetch

from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.nodes import plugins, registry
from react1.pipeline.core.nodes.registry import Registry, load_registry


class Entry:
    """An entry point of another package."""

    dist = types.SimpleNamespace(name="grain", version="1.2")

    def __init__(self, name, load):
        self.name, self.value, self.load = name, "grain:node", load


@pytest.fixture
def with_plugins(monkeypatch):
    """Load the registry again with these entry points."""

    def load(*entries):
        monkeypatch.setattr(plugins, "_installed_entries", lambda group, path: entries)
        return registry.load_registry.__wrapped__()

    return load


def class_named(node_name, **changed):
    return type("Other", (Fetch,), {"name": node_name, "__doc__": "From elsewhere.\n\nMore.", **changed})


def failing(error):
    def load():
        raise error

    return load


def test_every_module_of_nodes_has_one_node():
    """No shipped node is broken, and each module has the node of its name."""
    loaded = load_registry()

    assert [item for item in loaded.broken if item.origin == "react1"] == []
    assert len([info for info in loaded.nodes.values() if info.origin == "react1"]) == len(registry.shipped_modules())
    assert all(info.fn == f"react1.nodes.{name}:{info.cls.__name__}" for name, info in loaded.nodes.items())
    assert all(info.about for info in loaded.nodes.values())


@pytest.mark.slow
def test_loading_the_registry_imports_nothing_heavy():
    """This runs in a new process, because this one has many modules loaded."""
    code = (
        "import sys; from react1.pipeline.core.nodes.registry import load_registry; load_registry(); "
        "heavy = {'ai_edge_litert', 'av', 'cv2', 'moviepy', 'numpy', 'yt_dlp', 'httpx', 'skimage'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )

    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert process.stdout.strip() == "[]"


def test_a_node_of_another_package_is_listed_with_its_origin(with_plugins):
    """The entry point is a class or a module."""
    module = types.ModuleType("grainy")
    module.Grain = class_named("grain2", __module__="grainy", run=Fetch.run)

    loaded = with_plugins(Entry("grain", lambda: class_named("grain")), Entry("grain2", lambda: module))

    assert (loaded.get("grain").origin, loaded.get("grain").about) == ("grain 1.2", "From elsewhere.")
    assert loaded.get("grain2").fn == "grainy:Other"


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
def test_a_broken_node_is_listed_and_harmless(with_plugins, load, why):
    """The other nodes load, and a request for it says why it is missing."""
    loaded = with_plugins(Entry("x", load))

    assert [(item.name, item.origin, item.why) for item in loaded.broken] == [("x", "grain 1.2", why)]
    assert "trim" in loaded.nodes
    with pytest.raises(PresetError, match=r"the node 'x' .* cannot be loaded"):
        loaded.get("x")


def test_a_plugin_cannot_replace_a_shipped_node(with_plugins):
    """The plug-in is listed as broken."""
    loaded = with_plugins(Entry("mine", lambda: class_named("trim")))

    assert loaded.get("trim").origin == "react1"
    assert [item.why for item in loaded.broken] == ["the name 'trim' is taken by react1"]


def test_an_unknown_node_is_reported_with_a_suggestion():
    """The message lists the available nodes."""
    with pytest.raises(PresetError, match=r"no node 'trimm'; available: fetch, trim, .*; did you mean 'trim'\?"):
        REGISTRY.get("trimm")
    with pytest.raises(PresetError, match="no node 'x'; none available"):
        Registry.of().get("x")
