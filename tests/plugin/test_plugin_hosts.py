"""Providers, storages and presets of plug-ins: listed without an import, used by name, harmless when broken."""

from __future__ import annotations

import importlib
import json
import sys

import pytest
from plugin_distribution import install_distribution

from react1.pipeline.cli.app import run_command
from react1.pipeline.config.presets.shipped import find_file, list_plugin_presets, preset_names
from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.nodes.plugins import PROVIDERS, STORAGES
from react1.pipeline.core.nodes.registry import load_registry
from react1.pipeline.providers.choose_provider import (
    hosted_provider,
    load_plugin_storage,
    plugin_names,
    provider_names,
    storage_names,
)

PROVIDER = """
from datetime import date
from react1.plugin.providers import HostedProvider, Price, read_settings

def make(environ):
    settings = read_settings(environ, name="{name}", key_name="ACME_KEY", url="https://api.acme.example")
    price = Price(provider="{name}", since=date(2026, 1, 1), usd_per_s=0.5)
    return HostedProvider(settings, lambda settings, pool: None, None, (price,))
"""
STORAGE = """
class Box:
    name = "box"
    def __init__(self, pool, lifetime_s):
        self.lifetime_s = lifetime_s
    def require(self): ...
    async def put(self, path, nonce, suffix, progress): ...
    async def delete(self, upload): ...
"""
PRESET = "name: night\nabout: At night.\ninputs:\n  source: {kind: media}\nsteps:\n  - fetch: {uri: $source}\n"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution: its modules, and its entry points by group; its modules are forgotten afterwards."""
    installed = []

    def install(name, modules, **groups):
        site = install_distribution(tmp_path / "site", name, modules, **groups)
        if str(site) not in sys.path:
            monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()
        installed.extend(path.partition("/")[0].removesuffix(".py") for path in modules)

    yield install
    for name in installed:
        sys.modules.pop(name, None)


def printed(capsys, *words):
    status = run_command([*words, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_a_plugin_provider_has_a_name_a_price_and_no_import_before_its_use(install, capsys, monkeypatch):
    """`--provider acme` is an allowed word; the module is imported when the provider is."""
    install("acme-pack", {"acme_host.py": PROVIDER.replace("{name}", "acme")}, providers={"acme": "acme_host:make"})
    monkeypatch.setenv("ACME_KEY", "k")

    assert "acme" in provider_names()
    assert (
        load_registry().nodes["react1"].ports.params.model_json_schema()["properties"]["provider"]["enum"][-1] == "acme"
    )
    assert load_registry().nodes["react1"].ports.params(provider="acme").provider == "acme"
    assert "acme_host" not in sys.modules
    provider = hosted_provider("acme")
    provider.require()
    assert (provider.base_url, provider.cost_usd(2, 50)) == ("https://api.acme.example", 1.0)
    _status, answer = printed(capsys, "doctor")
    rows = {row["check"]: row for row in answer["checks"]}
    assert (rows["provider acme"]["ok"], rows["provider acme"]["about"]) == (True, "acme-pack 1.2, ACME_KEY set")


def test_an_unknown_provider_is_told_from_a_plugins(install):
    """With the allowed names."""
    with pytest.raises(ValueError, match="'acme' is not one of auto, local, segmind, sync, fal, replicate"):
        load_registry().nodes["react1"].ports.params(provider="acme")
    with pytest.raises(PresetError, match="provider: 'acme' is not one of"):
        hosted_provider("acme")


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("def make(environ): return 7", "it returned int, not HostedProvider"),
        ("def make(environ): raise KeyError('x')", "KeyError: 'x'"),
        (PROVIDER.replace("{name}", "other"), "its settings have the name 'other'"),
        ("make = None", "'NoneType' object is not callable"),
    ],
)
def test_a_broken_provider_is_shown_and_harms_no_other(install, capsys, module, why):
    """Its use ends in one line with the reason; the doctor lists it; the rest works."""
    install("broken-pack", {"broken_host.py": module}, providers={"brk": "broken_host:make"})

    with pytest.raises(PresetError) as caught:
        hosted_provider("brk")
    assert caught.value.message == f"the provider 'brk' (broken-pack 1.2) cannot be used: {why}"
    assert hosted_provider("segmind").name == "segmind"
    _status, answer = printed(capsys, "doctor")
    row = next(row for row in answer["checks"] if row["check"] == "provider brk")
    assert not row["ok"]
    assert why in row["about"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("fal", "the name 'fal' is taken by react1"),
        ("s3", "the name 's3' is taken by react1"),
        ("Big Name", "the name 'Big Name' is not lower-case letters"),
    ],
)
def test_a_name_that_cannot_be_used_is_broken(install, name, why):
    """Nothing shipped is replaced."""
    install("thief-pack", {"thief_host.py": PROVIDER}, providers={name: "thief_host:make"})

    usable, (broken,) = plugin_names(PROVIDERS)

    assert usable == {}
    assert broken.why.startswith(why)


def test_a_plugin_storage_is_used_by_its_name(install):
    """It gets the pool and the lifetime of its URLs."""
    install("box-pack", {"box_storage.py": STORAGE}, storages={"box": "box_storage:Box", "half": "box_storage:dict"})

    assert "box" in storage_names()
    assert load_registry().nodes["upload"].ports.params(storage="box").storage == "box"
    assert "box_storage" not in sys.modules
    assert load_plugin_storage("box", None, 60).lifetime_s == 60
    with pytest.raises(PresetError, match=r"the storage 'half' \(box-pack 1.2\) cannot be used: AttributeError"):
        load_plugin_storage("half", None, 60)
    assert set(plugin_names(STORAGES)[0]) == {"box", "half"}


def test_plugins_that_are_off_are_not_listed(install, monkeypatch):
    """REACT1_PLUGINS holds for every group."""
    install("acme-pack", {"acme_host.py": PROVIDER}, providers={"acme": "acme_host:make"}, presets={"n": "nightly"})
    monkeypatch.setenv("REACT1_PLUGINS", "off")

    assert "acme" not in provider_names()
    assert list_plugin_presets() == ([], [])


def test_a_plugin_preset_is_listed_printed_and_found(install, capsys, tmp_path):
    """Its package is not imported, not even the parent of a package in a package."""
    modules = {
        "nightly/__init__.py": "raise RuntimeError('imported')",
        "nightly/presets/__init__.py": "raise RuntimeError('imported')",
        "nightly/presets/night.yaml": PRESET,
    }
    install("night-pack", modules, presets={"night": "nightly.presets"})

    status, answer = printed(capsys, "presets")

    row = next(row for row in answer["presets"] if row["name"] == "night")
    assert (status, row["origin"], row["about"]) == (0, "night-pack 1.2", "At night.")
    assert answer["broken"] == []
    assert "nightly" not in sys.modules
    assert run_command(["presets", "night"]) == 0
    assert capsys.readouterr().out == PRESET
    assert find_file("night", tmp_path)[0].read_text() == PRESET
    assert preset_names()[-1] == "night"


def test_broken_presets_of_plugins_are_shown_as_broken(install, capsys):
    """One that is no YAML, one that is no mapping, one with a shipped name, one in no package."""
    modules = {
        "odd_presets/__init__.py": "",
        "odd_presets/torn.yaml": "name: [",
        "odd_presets/list.yaml": "- 1",
        "odd_presets/emotion-edit.yaml": PRESET,
        "odd_presets/fine.yaml": PRESET.replace("At night.", "Fine\x1b[2J."),
    }
    install("odd-pack", modules, presets={"odd": "odd_presets", "none": "nowhere_at_all"})

    status, answer = printed(capsys, "presets")

    assert status == 0
    broken = {item["name"]: item["why"] for item in answer["broken"]}
    assert set(broken) == {"torn", "list", "emotion-edit", "none", "fine"}
    assert broken["emotion-edit"] == "the name 'emotion-edit' is taken by react1"
    assert "torn.yaml:1" in broken["torn"]
    assert all(item["origin"] == "odd-pack 1.2" for item in answer["broken"])
    assert next(row for row in answer["presets"] if row["name"] == "emotion-edit")["origin"] == "react1"
    run_command(["presets"])
    assert "torn           broken [odd-pack 1.2]: " in capsys.readouterr().out
