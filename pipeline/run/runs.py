"""The folder of a run: what was asked, how it went, and where its page lies.

    runs/20261123-101502-a1b2/run.json      what was asked and how it ended
    runs/20261123-101502-a1b2/report.html   the page
    runs/20261123-101502-a1b2/report.json   the same for machines

Takes   a home folder; the clock is an argument.
Raises  PresetError for a run that does not exist; StorageFailed when the disk will not have it.
"""

from __future__ import annotations

import difflib
import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import PresetError
from ..store.atomic import storage_errors, write_text

STATES = ("running", "done", "failed", "interrupted", "kept-original")


@dataclass(frozen=True)
class RunFolder:
    """One run on disk."""

    name: str
    folder: Path

    def read(self) -> dict[str, Any]:
        """Give what run.json says: {"run", "status", "created", "what", "document", "options", "result"}."""
        try:
            told: dict[str, Any] = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise PresetError(f"run {self.name} cannot be read: {error}; start it anew with `react1 run`") from error
        return told

    def write(self, **changes: Any) -> None:
        """Change run.json, atomically."""
        place = self.folder / "run.json"
        told = self.read() if place.exists() else {}
        write_text(place, json.dumps({**told, **changes}, indent=1))


def new_run(home: Path, now: datetime) -> RunFolder:
    """Make the folder of a new run; its name is the time and four random digits."""
    name = f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    folder = home / "runs" / name
    with storage_errors(home):
        folder.mkdir(parents=True)
    return RunFolder(name, folder)


def all_runs(home: Path) -> list[RunFolder]:
    """Give every run, the newest first."""
    folders = sorted((home / "runs").glob("*/run.json"), key=lambda place: place.parent.name, reverse=True)
    return [RunFolder(place.parent.name, place.parent) for place in folders]


def find_run(home: Path, name: str | None) -> RunFolder:
    """Give the run of this name, or of the only name that begins so; without a name the newest that is not done.

    Raises:
        PresetError: there is none, or more than one.
    """
    runs = all_runs(home)
    if name is None:
        for run in runs:
            if state_of(run.read()) in ("running", "failed", "interrupted"):
                return run
        raise PresetError("there is no unfinished run to resume; `react1 runs` lists all")
    found = [run for run in runs if run.name == name] or [run for run in runs if run.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise PresetError(f"run {name!r} is not one run: {', '.join(run.name for run in found[:5])}; write more of it")
    near = difflib.get_close_matches(name, [run.name for run in runs], 1, 0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "; `react1 runs` lists all"
    raise PresetError(f"there is no run {name!r}{hint}")


def state_of(told: dict[str, Any]) -> str:
    """Give a run's state; one that says `running` while its process is gone was interrupted."""
    state = str(told.get("status", "failed"))
    if state != "running":
        return state
    try:
        os.kill(int(told.get("process", 0)) or -1, 0)
    except ProcessLookupError:
        return "interrupted"
    except OSError:
        return state
    return state if told.get("process") else "interrupted"
