"""Plug-ins that hang, raise anything, clash or write escape codes are reported as broken and harm nothing."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys

import pytest
from plugin_distribution import install_distribution

from react1.pipeline.core.nodes.plugins import PluginError, load_entry, plugin_entries, plugin_presets, printable

GOOD = """
from react1.plugin import NodeContext, Params, Segment

class GrainParams(Params):
    pass

class Grain:
    "Add grain."
    name, version, workload, tools = "grain", 1, "cpu", ()

    def run(self, context: NodeContext, params: GrainParams, segment: Segment) -> Segment:
        return segment
"""


@pytest.fixture
def distribution(tmp_path, monkeypatch):
    """Install a distribution into a folder on the path: its modules, and its entry points by group."""

    def install(name, modules, **groups):
        site = install_distribution(tmp_path / "site", name, modules, **groups)
        if str(site) not in sys.path:
            monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()
        return site

    return install


def listed(site, *words, **environ):
    """Run `react1 WORDS --json` with the folder on the path; return its object and its exit status."""
    import os

    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, "-m", "react1", *words, "--json"],
        env={**os.environ, "PYTHONPATH": path, **environ},
        capture_output=True,
        text=True,
    )
    return ran, json.loads(ran.stdout)


def names(answer, key="nodes"):
    return {item["name"] for item in answer[key]}


@pytest.mark.slow
def test_a_good_plugin_is_listed_beside_broken_ones(distribution):
    """One that raises `KeyboardInterrupt`, one that exits, one that takes a shipped name, one that prints."""
    modules = {
        "good.py": "print('hello')\n" + GOOD,
        "stops.py": "raise KeyboardInterrupt('no')",
        "leaves.py": "import sys; sys.exit(3)",
        "thief.py": GOOD.replace('"grain"', '"splice"'),
        "rude.py": "raise ValueError('\\x1b[2Jgone\\x07')",
        "base.py": "class Odd(BaseException): pass\nraise Odd('odd')",
    }
    nodes = {
        "grain": "good:Grain",
        "stops": "stops",
        "leaves": "leaves",
        "thief": "thief",
        "rude": "rude",
        "base": "base",
    }
    site = distribution("grain-pack", modules, nodes=nodes)

    ran, answer = listed(site, "nodes")

    assert ran.returncode == 0
    assert "grain" in names(answer)
    broken = {item["name"]: item for item in answer["broken"]}
    assert broken["stops"]["why"] == "KeyboardInterrupt: no"
    assert broken["leaves"]["why"] == "SystemExit: 3"
    assert broken["splice"]["why"] == "the name 'splice' is taken by react1"
    assert broken["rude"]["why"] == "ValueError: [2Jgone"
    assert broken["base"]["why"] == "Odd: odd"
    assert {item["origin"] for item in broken.values()} == {"grain-pack 1.2"}
    assert "hello" not in ran.stdout + ran.stderr


def test_a_plugin_that_hangs_at_import_is_given_up(distribution):
    """After the limit; the rest of the process goes on."""
    distribution("slow-pack", {"hangs.py": "import threading; threading.Event().wait()"}, nodes={"hangs": "hangs"})
    (entry,) = [entry for entry in plugin_entries("react1.nodes") if entry.name == "hangs"]

    with pytest.raises(PluginError, match=r"its import did not finish within 0\.05 s"):
        load_entry(entry, limit_s=0.05)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("", {"grain", "dust"}),
        ("off", set()),
        ("grain-pack", {"grain"}),
        ("dust", {"dust"}),
        ("GRAIN_pack, dust", None),
    ],
)
def test_the_environment_chooses_the_plugins(distribution, setting, expected):
    """By distribution or by entry point; `off` for none."""
    distribution("grain-pack", {"good.py": GOOD}, nodes={"grain": "good:Grain"})
    distribution("dust-pack", {"dusty.py": GOOD}, nodes={"dust": "dusty:Grain"})

    entries = plugin_entries("react1.nodes", {"REACT1_PLUGINS": setting})

    assert {entry.name for entry in entries} == ({"grain", "dust"} if expected is None else expected)


def test_presets_of_a_plugin_are_found_without_importing_it(distribution):
    """A package of YAML files; importing it would fail."""
    preset = "name: night\nabout: At night.\ninputs: {}\nsteps: []\n"
    modules = {"nightly/__init__.py": "raise RuntimeError('imported')", "nightly/night.yaml": preset}
    distribution("night-pack", modules, presets={"night": "nightly"})

    presets, broken = plugin_presets()

    assert presets["night"][0].read_text() == preset
    assert presets["night"][1] == "night-pack 1.2"
    assert broken == []
    assert "nightly" not in sys.modules


def test_a_preset_package_that_is_missing_is_reported(distribution):
    """With the name of the package."""
    distribution("night-pack", {}, presets={"night": "nowhere_at_all"})

    presets, (broken,) = plugin_presets()

    assert presets == {}
    assert (broken.name, broken.why) == ("night", "no package nowhere_at_all with presets (*.yaml)")


def test_text_of_a_plugin_is_printable_and_short():
    """Escape codes and line breaks go, and what is long is cut."""
    assert printable("a\x1b[31mb\nc\x00d") == "a [31mb c d"
    assert len(printable("x" * 1000)) == 300
