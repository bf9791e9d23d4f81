"""The command line, run in this process with its own home."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from react1.pipeline.cli.app import run_command


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def react1(tmp_path, monkeypatch, capsys):
    """Run `react1 …` in an empty folder; a traceback in what it says fails the test."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("REACT1_HOME", str(tmp_path / "home"))
    for key in ("SEGMIND_API_KEY", "SYNC_API_KEY", "REACT1_SCRIPT", "REACT1_MAX_COST"):
        monkeypatch.delenv(key, raising=False)

    def run(*argv: str) -> Ran:
        capsys.readouterr()
        status = run_command([str(word) for word in argv])
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        assert "a fault of ours" not in said.err
        return Ran(status, said.out, said.err)

    return run
