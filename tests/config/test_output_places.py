"""A job from elsewhere writes into its own folder, or where the command line says; never where it likes."""

from __future__ import annotations

from pathlib import Path

import pytest

from react1.pipeline.config.checked_job import wrong_suffix
from react1.pipeline.config.load import load_job
from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.nodes.registry import load_registry

PRESET = """
name: two
inputs:
  source: {kind: media}
  edits: {kind: edits}
  out: {kind: path, default: "{source.stem}.react1{source.suffix}"}
  more: {kind: path, default: "{source.stem}.more"}
steps:
  - fetch: {uri: $source}
  - trim: {edits: $edits}
  - transcode:
  - normalize_audio: {out: $more}
  - upload:
  - react1: {provider: local}
  - conform:
  - splice: {out: $out}
"""
JOB = """
preset: two.yaml
source: SOURCE
edits: [{in: 1, out: 2, prompt: sad}]
"""


@pytest.fixture
def elsewhere(job_folder):
    """A folder with a job in `inbox`, loaded from the folder above it, with `films/a.mp4`."""
    job_folder.write("inbox/two.yaml", PRESET)

    def load(lines="", *, source="../films/a.mp4", preset=PRESET, **options):
        job_folder.write("inbox/two.yaml", preset)
        job_folder.write("inbox/job.yaml", JOB.replace("SOURCE", source) + lines)
        return load_job("inbox/job.yaml", registry=load_registry(), base=job_folder.folder, **options)

    def problems(lines="", **options):
        with pytest.raises(PresetError) as caught:
            load(lines, **options)
        return [str(problem).replace(f"{job_folder.folder}/", "") for problem in caught.value.problems]

    load.problems, load.folder = problems, job_folder.folder
    return load


@pytest.mark.parametrize(
    "target", ["../a.mp4", "../films/b.mp4", "/etc/a.mp4", "{source.parent}/b.mp4", "deep/../../b.mp4"]
)
def test_job_may_not_write_outside_its_folder(elsewhere, target):
    """Also not next to a source that it chose itself; line and column are those of its `out`."""
    (problem,) = elsewhere.problems(f'out: "{target}"\n')

    assert problem.startswith("inbox/job.yaml:5:6: out: ")
    assert "is outside the folder of job.yaml; pass it with --out or --set out=…, or add --allow-outside" in problem


def test_job_may_write_into_its_folder_and_next_to_its_source_by_default(elsewhere):
    """The default of its preset is a name that is made of the source's."""
    own = elsewhere("out: renders/b.mp4\n")
    next_to_source = elsewhere()

    assert own.inputs["out"] == str(elsewhere.folder / "inbox/renders/b.mp4")
    assert next_to_source.inputs["out"] == str(elsewhere.folder / "inbox/../films/a.react1.mp4")


def test_folder_is_compared_without_links(elsewhere):
    """A link in the folder of the job leads outside as well."""
    (elsewhere.folder / "inbox/link").symlink_to(elsewhere.folder)

    assert len(elsewhere.problems("out: link/b.mp4\n")) == 1


def test_command_line_decides_where_to_write(elsewhere):
    """With a path, with a source, or by allowing all."""
    outside = str(elsewhere.folder / "b.mp4")

    assert elsewhere("out: /etc/a.mp4\n", out=outside).inputs["out"] == outside
    assert elsewhere("out: /etc/a.mp4\n", allow_outside=True).inputs["out"] == "/etc/a.mp4"
    next_to_source = elsewhere('out: "{source.parent}/b.mp4"\n', sets={"source": "films/a.mp4"})
    assert next_to_source.inputs["out"] == str(elsewhere.folder / "films/b.mp4")
    assert len(elsewhere.problems("out: /etc/a.mp4\n", sets={"source": "films/a.mp4"})) == 1
    assert len(elsewhere.problems("out: /etc/a.mp4\nmore: /etc/b\n", out=outside)) == 1


def test_the_name_that_is_proposed_keeps_what_is_no_container():
    """A version that follows a dot is a part of the name."""
    assert wrong_suffix(Path("a/cut.v2"), ".mov").endswith("; name it a/cut.v2.mov")
    assert wrong_suffix(Path("a/cut.v2.MKV"), ".mov").endswith("; name it a/cut.v2.mov")
    assert wrong_suffix(Path("a/cut.mxf"), ".mov").endswith("; name it a/cut.mov")
    assert wrong_suffix(Path("cut"), ".mp4").endswith("; name it cut.mp4")
    assert wrong_suffix(Path("a/cut.MOV"), ".mov") == ""


def test_preset_from_elsewhere_may_not_either(elsewhere):
    """Neither by a default nor by a path that stands in a step."""
    by_default = PRESET.replace('"{source.stem}.react1{source.suffix}"', '"../../{source.stem}.mp4"')
    in_step = PRESET.replace("{out: $out}", "{out: /etc/a.mp4}")

    assert len(elsewhere.problems(preset=by_default)) == 1
    (problem,) = elsewhere.problems(preset=in_step)
    assert "splice: /etc/a.mp4 is outside the folder of job.yaml" in problem


@pytest.mark.parametrize("lines", ["", "out: new.mkv\n"])
def test_a_film_keeps_the_container_of_its_source(elsewhere, lines):
    """Said when the job is loaded, so that no take is paid for first; the folder of clips may have any name."""
    (problem,) = elsewhere.problems(lines, **({} if lines else {"out": "inbox/new.mkv"}))

    place = "inbox/job.yaml:5:6" if lines else "--out"
    refused = "inbox/new.mkv does not end with .mp4; the film keeps the container of its source; name it inbox/new.mp4"
    assert problem == f"{place}: out: {refused}"
    (folder,) = elsewhere.problems("out: ..\n", allow_outside=True)
    assert folder.endswith(" is a folder; name a file in it")
    assert elsewhere("out: new.MP4\nmore: clips.mkv\n").steps
