"""The benchmarks still run: whatever they import exists, and the jobs whose ratios the documentation names work."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys

import pytest
from layers import ROOT

from react1.testing import ClipRecipe, make_clip

BENCHMARKS = sorted((ROOT / "benchmarks").glob("*.py"))
START, END = 37, 61


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_what_a_benchmark_imports_of_the_package_exists(path):
    """Inside its functions, too; nothing else would notice a module that was moved."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "react1":
            module = importlib.import_module(node.module)
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A film of 100 frames, and a take for 24 of them."""
    folder = tmp_path_factory.mktemp("films")
    take = ClipRecipe(frames=END - START, sound=False, first_number=900, options={"qp": "0", "bf": "0"})
    return make_clip(folder / "film.mov", frames=100), make_clip(folder / "take.mov", take)


@pytest.mark.slow
@pytest.mark.parametrize("job", ["splice", "new-file", "in-place"])
def test_a_job_of_the_splice_benchmark_runs(films, tmp_path, job):
    """Its last line says what was measured."""
    film, take = films
    argv = [job, film, take if job == "splice" else tmp_path / "raw.bin", str(START), str(END), tmp_path / "out.mov"]
    ran = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "splice_jobs.py", *argv], capture_output=True, text=True, timeout=300
    )

    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout.splitlines()[-1])
    if job == "splice":
        assert (result["way"], result["packets"], result["untouched_identical"]) == ("exact", 100, True)
    else:
        assert result["cpu_s"] >= 0
        assert (tmp_path / "out.mov").stat().st_size > 0.9 * film.stat().st_size
