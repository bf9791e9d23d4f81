"""A job as a farm template: its stages, the two formats, and a run of the template that gives the same film."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from server_client import open_server

from react1.nodes.conform import Conform
from react1.nodes.face import Face
from react1.pipeline.api import run
from react1.pipeline.core.nodes.node import need_of
from react1.pipeline.server.job_store import JobStore
from react1.pipeline.server.renderers import mark_source

KEY = "SG_secret0123456789abcdef"
EDITS = "  - {in: 10f, out: 16f, prompt: sad}\n  - {in: 26f, out: 32f, prompt: happy}\n"


@pytest.fixture
def job(tmp_path, talking_clip):
    """A job of two segments."""
    path = tmp_path / "work" / "job.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"preset: emotion-edit\nsource: {talking_clip}\nout: film.mp4\nedits:\n{EDITS}")
    return path


@pytest.fixture
def farm(react1, job, monkeypatch):
    """Write the job for a farm and return the text."""
    monkeypatch.setenv("SEGMIND_API_KEY", KEY)

    def write(form, *options):
        result = react1("farm", job, "--as", form, "--store", "s3://films/x", "--provider", "segmind", *options)
        assert result.status == 0, result.err
        return result.out

    return write


@pytest.mark.slow
def test_a_job_is_one_task_per_segment_and_one_that_pays(farm, job, tmp_path):
    """Stages wait for each other; only the task of the takes may spend, up to the estimate."""
    template = json.loads(farm("openjd"))

    steps = {step["name"]: step for step in template["steps"]}
    commands = {name: " ".join(step["script"]["actions"]["onRun"]["args"]) for name, step in steps.items()}
    assert list(steps) == ["Film1", "Segments2", "Takes3", "Segments4", "Film5"]
    assert [step.get("dependencies", [{}])[0].get("dependsOn") for step in template["steps"]] == [None, *steps][:5]
    for name in ("Segments2", "Segments4"):
        (segments,) = steps[name]["parameterSpace"]["taskParameterDefinitions"]
        assert segments["range"] == ["s01", "s02"]
        assert "--segment {{Task.Param.Segment}}" in commands[name]
    assert [name for name, text in commands.items() if "--pay" in text] == ["Takes3"]
    assert all("--max-cost 0" in text for name, text in commands.items() if name != "Takes3")
    assert "--until react1" in commands["Takes3"]
    assert "--until" not in commands["Film5"]
    defaults = {item["name"]: item["default"] for item in template["parameterDefinitions"]}
    assert defaults["Job"] == str(job)
    assert defaults["Store"] == "s3://films/x"
    assert defaults["PayingHome"] == str(tmp_path / "home")
    assert 0 < defaults["MaxCost"] < 1
    assert all("--map {{Session.PathMappingRulesFile}}" in text for text in commands.values())
    memory = {"name": "amount.worker.memory", "min": need_of(Conform).memory_mb}
    assert memory in steps["Segments4"]["hostRequirements"]["amounts"]


@pytest.mark.slow
def test_the_budget_of_the_takes_can_be_given(farm):
    """It replaces the estimate."""
    template = json.loads(farm("openjd", "--max-cost", "7.5"))

    assert {item["name"]: item["default"] for item in template["parameterDefinitions"]}["MaxCost"] == 7.5


@pytest.mark.slow
def test_opencue_gets_layers_that_wait_for_each_other(farm, job):
    """A frame is a segment by its number; the elements are in the order of the DTD."""
    text = farm("opencue", "--show", "nightly", "--shot", "s010")

    spec = ElementTree.fromstring(text)
    layers = spec.findall("job/layers/layer")
    assert [layer.get("name") for layer in layers] == ["Film1", "Segments2", "Takes3", "Segments4", "Film5"]
    assert [layer.findtext("range") for layer in layers] == ["1-1", "1-2", "1-1", "1-2", "1-1"]
    assert "--segment @#IFRAME#" in layers[1].findtext("cmd")
    assert [layer.get("name") for layer in layers if "--pay" in layer.findtext("cmd")] == ["Takes3"]
    waits = [(item.findtext("deplayer"), item.findtext("onlayer")) for item in spec.findall("depends/depend")]
    assert waits == [("Segments2", "Film1"), ("Takes3", "Segments2"), ("Segments4", "Takes3"), ("Film5", "Segments4")]
    assert [spec.findtext(name) for name in ("show", "shot")] == ["nightly", "s010"]
    assert [item.tag for item in spec] == ["facility", "show", "shot", "user", "uid", "job", "depends"]
    assert [item.tag for item in layers[1]] == ["cmd", "range", "chunk", "cores", "memory", "env", "services"]
    assert layers[1].findtext("memory") == f"{need_of(Face).memory_mb}m"
    assert spec.findtext("job/env/key") == "s3://films/x"
    assert text.startswith('<?xml version="1.0"?>\n<!DOCTYPE spec PUBLIC "SPI Cue  Specification Language"')


@pytest.mark.slow
def test_what_no_farm_can_run_is_refused(react1, job):
    """In one line that says what to do."""
    assert "give --store" in react1("farm", job, "--as", "openjd", "--provider", "local").err
    assert "--as" in react1("farm", job, "--as", "deadline", "--store", "s3://a/b").err
    assert "is not a job file" in react1("farm", "emotion-edit", "--store", "s3://a/b").err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--segment", "s01"], "--segment needs --until STEP"),
        (["--segment", "@x", "--until", "transcode"], "is no segment; write its name, or @1"),
        (["--segment", "@3", "--until", "transcode"], "the job has 2 segments; write @1 to @2"),
        (["--segment", "s1", "--until", "transcode"], "did you mean 's01'"),
        (["--segment", "s1", "--until", "trim"], "did you mean 's01'"),
        (["--segment", "@3", "--until", "trim"], "the job has 2 segments; write @1 to @2"),
        (["--segment", "s01", "--until", "fetch"], "--until fetch ends before the film is cut into segments"),
    ],
)
def test_a_segment_that_does_not_exist_is_refused(react1, job, options, text):
    """Exit 2."""
    result = react1("run", job, "--provider", "local", *options)

    assert (result.status, text in result.err) == (2, True), result.err


@pytest.mark.slow
def test_a_run_of_one_segment_leaves_the_others(react1, job, tmp_path):
    """By its number or its name; a later run of the complete part finds it stored."""
    for option in ("@2", "s02"):
        assert react1("run", job, "--provider", "local", "--until", "transcode", "--segment", option).status == 0

    rows = react1("plan", job, "--provider", "local", "--until", "transcode", "--json").json["steps"]
    assert {row["segment"]: row["stored"] for row in rows if row["step"] == "transcode"} == {"s01": False, "s02": True}


@pytest.mark.slow
def test_openjd_runs_the_template_to_the_same_film(react1, job, tmp_path, talking_clip, environment, monkeypatch):
    """Every task has a home of its own, as on machines of a farm; each take is paid for once."""
    openjd = Path(sys.executable).with_name("openjd")
    if not openjd.exists():
        pytest.skip("openjd is not installed: this test needs openjd-cli")
    bin_folder, template = tmp_path / "bin", tmp_path / "template.json"
    commands = environment["PATH"].partition(os.pathsep)[0]
    bin_folder.mkdir()
    (bin_folder / "react1").write_text(
        f'#!/bin/sh\nexport REACT1_HOME="{tmp_path}/machine-$$"\nexec "{commands}/react1" "$@"\n'
    )
    (bin_folder / "react1").chmod(0o755)
    (tmp_path / "mounted").mkdir()
    with open_server(tmp_path / "srv", {"engine": "mark"}, renderer=mark_source, key=KEY) as client:
        hosts = {"REACT1_SEGMIND_URL": client.url, "SEGMIND_API_KEY": KEY, "REACT1_POLL_S": "0.05"}
        for name, value in hosts.items():
            monkeypatch.setenv(name, value)
        local = tmp_path / "local.mp4"
        run(job, provider="segmind", yes=True, home=tmp_path / "local", out=local)
        paid = len(list(JobStore(tmp_path / "srv").jobs()))
        options = ["--store", str(tmp_path / "mounted"), "--provider", "segmind", "--out", str(template)]
        assert react1("farm", job, "--as", "openjd", *options).status == 0

        environ = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}"}
        ran = subprocess.run([openjd, "run", template], env=environ, cwd=tmp_path, capture_output=True, text=True)

        assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
        assert (job.parent / "film.mp4").read_bytes() == local.read_bytes()
        assert paid == 2
        assert len(list(JobStore(tmp_path / "srv").jobs())) == paid + 2
        assert len(list(tmp_path.glob("machine-*"))) == 6
    shutil.rmtree(tmp_path / "mounted")
