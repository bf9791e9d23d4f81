"""Everything in `examples/` runs as it stands."""

from __future__ import annotations

import csv
import shutil
import subprocess

import pytest
from layers import ROOT

from react1.pipeline.cli.commands.upkeep.new_node import write_package

pytestmark = pytest.mark.slow

EXAMPLES = ROOT / "examples"
JOBS = {
    "two-edits.yaml": ["run", "two-edits.yaml"],
    "new-line.yaml": ["run", "new-line.yaml"],
    "four-takes.yaml": ["run", "four-takes.yaml"],
    "graded.yaml": [
        "run",
        "graded.yaml",
        "--set",
        "source=interview.mp4",
        "--edit",
        "30f-50f:sad",
        "--script",
        "grade.py",
    ],
}


@pytest.fixture
def folder(interview, tmp_path):
    """The examples beside a film."""
    folder = tmp_path / "work"
    shutil.copytree(interview, folder)
    for path in [*EXAMPLES.glob("*.py"), *EXAMPLES.glob("jobs/*.yaml"), *EXAMPLES.glob("*.ipynb")]:
        shutil.copy(path, folder)
    return folder


def test_every_job_is_run_by_a_test():
    """A new one needs its command here."""
    assert sorted(JOBS) == sorted(path.name for path in (EXAMPLES / "jobs").glob("*.yaml"))


@pytest.mark.slow
@pytest.mark.parametrize("job", JOBS)
def test_a_job_runs(job, folder, environment):
    """By the command line, with the local engine."""
    ran = subprocess.run(["react1", *JOBS[job]], cwd=folder, env=environment, capture_output=True, text=True)

    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.slow
def test_the_script_writes_its_table(folder, environment):
    """One row for each span of the list."""
    (folder / "spans.csv").write_text("in,out,prompt,temperature\n30f,50f,sad,0.7\n80f,100f,happy,0.5\n")

    ran = subprocess.run(
        ["python", "post_production.py", "interview.mp4", "spans.csv"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert ran.returncode == 0, ran.stderr
    with (folder / "interview.results.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["first frame"], row["last frame"], row["status"]) for row in rows] == [
        ("30", "49", "done"),
        ("80", "99", "done"),
    ]


@pytest.mark.slow
def test_the_notebook_runs(folder, environment, monkeypatch):
    """Every cell, by nbclient; the second run takes its take from the store."""
    nbformat = pytest.importorskip("nbformat", reason="the notebook needs nbclient and ipykernel")
    from nbclient import NotebookClient

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(folder / "notebook.ipynb", as_version=4)

    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()

    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    results = [output["data"] for output in outputs if output["output_type"] == "execute_result"]
    texts = [result["text/plain"] for result in results]
    assert "[('s01', 30, 50, 'done')]" in texts
    assert texts[-1] == "[True]"
    assert "20" in texts  # frames of the segment's clip
    (page,) = [result["text/html"] for result in results if "text/html" in result]
    assert "<iframe" in page
    assert "data:video/mp4" in page
    bars = [output for output in outputs if output["output_type"] == "display_data"]
    assert ["100 %" in bar["data"]["text/html"] for bar in bars] == [True, False, True]  # the second run fails
    (error,) = [output for output in outputs if output["output_type"] == "error"]
    assert [line.partition(":")[0] for line in error["traceback"]] == ["InputMediaError"]


def test_the_plugin_is_what_new_node_writes(tmp_path):
    """So that the example never lags behind the template."""
    written = {path.relative_to(tmp_path / "add_grain") for path in write_package("add_grain", tmp_path / "add_grain")}

    assert written == {
        path.relative_to(EXAMPLES / "add_grain")
        for path in (EXAMPLES / "add_grain").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    for path in written:
        assert (tmp_path / "add_grain" / path).read_text() == (EXAMPLES / "add_grain" / path).read_text()
