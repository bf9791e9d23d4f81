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
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..core.errors import PresetError
from ..store.atomic import storage_errors, write_text
from ..store.locks import FileLock, is_locked, try_acquire

STATES = ("running", "done", "failed", "interrupted", "kept-original", "choose")


@dataclass(frozen=True)
class RunFolder:
    """One run on disk."""

    name: str
    folder: Path

    def read(self) -> dict[str, Any]:
        """Give what run.json says: {"run", "status", "created", "what", "document", "options", "result"}."""
        try:
            told: Any = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise PresetError(f"run {self.name} cannot be read: {error}; start it anew with `react1 run`") from error
        if not isinstance(told, dict):
            raise PresetError(f"run {self.name} cannot be read: run.json is no object; start it anew with `react1 run`")
        return told

    def state(self) -> str:
        """Give how it stands: one of STATES; `running` only while a process that is alive works on it."""
        state = str(self.read().get("status"))
        if state != "running":
            return state if state in STATES else "failed"
        return state if is_locked(self.folder / "lock") else "interrupted"

    def hold(self) -> FileLock:
        """Take the run for this process.

        Raises:
            PresetError: another process works on it.
        """
        held = try_acquire(self.folder / "lock")
        if held is None:
            raise PresetError(f"run {self.name} is still running in another process; wait for it, or stop it first")
        return held

    def begin(self, now: datetime, **asked: Any) -> None:
        """Write down what was asked; a run that is carried on keeps the time when it was first asked for."""
        place = self.folder / "run.json"
        created = self.read().get("created") if place.exists() else None
        stamp = created or now.isoformat(timespec="seconds")
        self.write(run=self.name, status="running", created=stamp, **asked)

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
            with suppress(PresetError):
                if run.state() in ("failed", "interrupted"):
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
