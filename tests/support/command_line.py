"""Run the command line in this process, with a home folder of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from react1.pipeline.cli.app import run_command


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def react1(tmp_path, monkeypatch, capsys):
    """Run `react1 …` in an empty folder; a traceback or an internal error fails the test."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("REACT1_HOME", str(tmp_path / "home"))
    for key in (
        "SEGMIND_API_KEY",
        "SYNC_API_KEY",
        "REACT1_MAX_COST",
        "REACT1_STORE",
        "REACT1_EXECUTOR",
    ):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("REACT1_SCRIPT", "")  # what `--script` adds to it ends with the test

    def run(*argv: str) -> Result:
        capsys.readouterr()
        status = run_command([str(word) for word in argv])
        output = capsys.readouterr()
        assert "Traceback" not in output.out + output.err
        assert "internal error" not in output.err
        return Result(status, output.out, output.err)

    return run
