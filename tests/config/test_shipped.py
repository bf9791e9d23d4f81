"""The shipped presets load, and the JSON schemas accept what loads."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from react1.pipeline.config.load import load_job
from react1.pipeline.config.presets.json_schema import job_schema, preset_schema
from react1.pipeline.config.presets.shipped import list_presets, preset_text, shipped_folder, shipped_names
from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.nodes.registry import Registry, load_registry

NAMES = ("adr-replace", "emotion-edit", "from-web", "lips-only", "prepare", "preview", "turnover")


@pytest.fixture(scope="module")
def shipped_nodes() -> Registry:
    """Return the shipped nodes, without installed plug-ins."""
    return Registry({name: info for name, info in load_registry().nodes.items() if info.origin == "react1"})


@pytest.fixture(scope="module")
def validators():
    """Return the validators of the two shipped schemas, by name."""
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    validators_by_name = {}
    for name in ("preset", "job"):
        schema = json.loads((shipped_folder() / f"{name}.schema.json").read_text("utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        validators_by_name[name] = jsonschema.Draft202012Validator(schema)
    return validators_by_name


def read(text):
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(text)


def test_these_presets_ship():
    """They are listed with their inputs."""
    assert tuple(shipped_names()) == NAMES
    assert all({"source", "edits", "out"} <= set(preset.inputs) and preset.about for preset in list_presets())


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_preset_loads(name, tmp_path):
    """A film and an edit with a new line are enough."""
    job = load_job(
        name, registry=load_registry(), sets={"source": "a.mp4"}, edits=["1-2:sad:audio=line.wav"], base=tmp_path
    )

    assert job.name == name
    assert job.inputs["out"].startswith(f"{tmp_path}/a.")


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_preset_documents_its_needs_and_costs(name):
    """The comment at its top has them, after the line with the schema."""
    head = re.match(r"(#.*\n)+", preset_text(name))[0].splitlines()

    assert head[0] == "# yaml-language-server: $schema=./preset.schema.json"
    assert [line.partition(":")[0] for line in head[2:]] == ["# Needs", "# Costs"]


def test_the_presets_do_what_their_names_promise(tmp_path):
    """`preview` is local, and `prepare` sends nothing."""
    load = {
        name: load_job(
            name, registry=load_registry(), sets={"source": "a.mp4"}, edits=["1-2:sad:audio=line.wav"], base=tmp_path
        )
        for name in NAMES
    }
    params = {name: {step.id: step.params for step in job.steps} for name, job in load.items()}

    assert params["preview"]["react1"].provider == "local"
    assert params["preview"]["transcode"].profile == "preview"
    assert params["adr-replace"]["react1"].sync_mode == "silence"
    assert params["lips-only"]["react1"].model_mode == "lips"
    assert set(params["prepare"]) == {"fetch", "trim", "transcode", "normalize_audio"}
    assert load["prepare"].inputs["out"] == str(tmp_path / "a.segments")


def test_the_shipped_schemas_match_the_shipped_nodes(shipped_nodes):
    """Run `react1 schema --into presets` when a node changes."""
    for name, make in (("preset", preset_schema), ("job", job_schema)):
        stored = json.loads((shipped_folder() / f"{name}.schema.json").read_text("utf-8"))
        assert stored == make(shipped_nodes), f"run: react1 schema --into {Path('presets')}"


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_preset_fits_its_schema(validators, name):
    """An editor shows no errors."""
    assert list(validators["preset"].iter_errors(read(preset_text(name)))) == []


@pytest.mark.parametrize(
    ("kind", "text", "fits"),
    [
        ("preset", "steps: [fetch: {uri: a, id: x}, conform, {splice: {from: {takes: [a, b]}}}, {report: }]", True),
        ("preset", "steps: [trim: {edits: [$one, {in: 1, out: 2f, emotion: sad}]}]", True),
        ("preset", "steps: []", False),
        ("preset", "steps: [fetsh: {uri: a}]", False),
        ("preset", "steps: [fetch: {url: a}]", False),
        ("preset", "steps: [fetch]", False),
        ("preset", "steps: [react1: {temperature: 2}]", False),
        ("preset", "{steps: [conform], inputs: {out: {kind: pat}}}", False),
        ("job", "{preset: emotion-edit, source: a.mp4, edits: [{in: 1, out: 2, emotion: sad}]}", True),
        ("job", "{preset: emotion-edit, source: a.mp4, edits: [{in: 1, out: 2, prompt: hapy}]}", False),
        ("job", "{preset: emotion-edit, source: a.mp4, edits: [], seam: cut, checks: {seam_delta_e: 2}}", True),
        ("job", "{preset: emotion-edit, source: a.mp4, edits: [], seam: [cut]}", False),
        ("job", "{preset: emotion-edit, source: a.mp4, edits: [], composite: faces}", False),
        ("preset", "steps: [{splice: {seam: {video: {dissolve: 3}}}}, {splice: {seam: morph, checks: $c}}]", True),
        ("preset", "steps: [splice: {seam: {video: {wipe: 3}}}]", False),
        ("preset", "steps: [splice: {checks: {seam_delta_e: -1}}]", False),
        ("job", "{preset: emotion-edit, source: a.mp4}", False),
        ("job", "{preset: emotion-edit, source: a.mp4, edits: [{in: 1, out: 2, strength: 0.5}]}", True),
        ("job", "{preset: emotion-edit, source: a.mp4, edits: [{in: 1, out: 2, strength: [[0f, 0], [12f, 1]]}]}", True),
        ("job", "{preset: emotion-edit, source: a.mp4, edits: [{in: 1, out: 2, strength: '0f:0,12f:1'}]}", True),
        ("job", "{preset: emotion-edit, source: a.mp4, edits: [{in: 1, out: 2, strength: [[0f, 2]]}]}", False),
        ("job", "{preset: emotion-edit, source: a.mp4, edits: [{in: 1, out: 2, strength: much}]}", False),
        ("job", "{preset: emotion-edit, source: a.mp4, edits: [{in: 1, out: 2, face: '0.31,0.42@320f'}]}", True),
        ("job", "{preset: emotion-edit, source: a.mp4, edits: [{in: 1, out: 2, face: upper}]}", False),
        ("job", "{preset: emotion-edit, source: a.mp4, edits: [], handles: 0.5}", True),
        ("job", "{preset: emotion-edit, sorce: a.mp4, edits: []}", False),
        ("job", "{preset: my/own.yaml, whatever: 5, on_failure: keep-original}", True),
        ("job", "{preset: my/own.yaml, on_failure: go}", False),
        ("job", "{preset: emotion-edit, source: a.mp4, edits: [], project: spot 7}", True),
        ("job", "{preset: emotion-edit, source: a.mp4, edits: [], project: [a]}", False),
    ],
)
def test_editors_accept_what_loads_and_refuse_what_does_not(validators, kind, text, fits):
    """Both schemas accept what loads and refuse what does not."""
    assert validators[kind].is_valid(read(text)) is fits


def test_an_unknown_preset_is_reported():
    """The message suggests the nearest preset."""
    with pytest.raises(PresetError, match=r"no preset 'prepair'; available: .*; did you mean 'prepare'\?"):
        preset_text("prepair")
