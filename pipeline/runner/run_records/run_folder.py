"""The folder of a run: what was requested, how the run went, and its report.

runs/20261123-101502-a1b2/run.json      the request and the outcome
runs/20261123-101502-a1b2/keys.txt      the keys of the results that it uses, one per line
runs/20261123-101502-a1b2/report.html   the page
runs/20261123-101502-a1b2/report.json   the same for machines
"""

from __future__ import annotations

import difflib
import json
import secrets
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...core.errors import PresetError
from ...store.atomic import FileLock, acquire, is_locked, storage_errors, try_acquire, write_text

STATES = ("running", "done", "failed", "interrupted", "kept-original", "choose")


def lock_folder(folder: Path, name: str) -> FileLock:
    """Lock the folder of a run or a batch for this process; `name` is what the message calls it.

    Raises:
        PresetError: another process works on it.
    """
    lock = try_acquire(folder / "lock")
    if lock is None:
        raise PresetError(f"{name} is still running in another process; wait for it, or stop it first")
    return lock


def lock_keys(home: Path) -> FileLock:
    """Lock what runs of a home record of the results that they use; wait while another run has the lock.

    A run holds it while it records a result, or while it releases content that no other run uses.

    Raises:
        OSError: the file of the lock cannot be created.
    """
    return acquire(home / "keys.lock")


@dataclass(frozen=True)
class RunFolder:
    """One run on disk."""

    name: str
    folder: Path

    def read(self) -> dict[str, Any]:
        """Return run.json: the request as `begin` gets it, {"run", "status", "created"}, and how the run has ended."""
        try:
            data: Any = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise PresetError(f"run {self.name} cannot be read: {error}; start a new run with `react1 run`") from error
        if not isinstance(data, dict):
            raise PresetError(
                f"run {self.name} cannot be read: run.json is not an object; start a new run with `react1 run`"
            )
        return data

    def state(self) -> str:
        """Return one of STATES; `running` only while a live process works on the run."""
        state = str(self.read().get("status"))
        if state != "running":
            return state if state in STATES else "failed"
        return state if is_locked(self.folder / "lock") else "interrupted"

    def lock(self) -> FileLock:
        """Lock the run for this process.

        Raises:
            PresetError: another process works on it.
        """
        return lock_folder(self.folder, f"run {self.name}")

    def is_locked_by_others(self, own: RunFolder) -> bool:
        """Return whether a live process or thread works on this run, and it is not the given one."""
        return self.name != own.name and is_locked(self.folder / "lock")

    def begin(self, now: datetime, **request: Any) -> None:
        """Write the request to run.json; a resumed run keeps its time of creation, but not its error."""
        path = self.folder / "run.json"
        created = self.read().get("created") if path.exists() else None
        timestamp = created or now.isoformat(timespec="seconds")
        self.write(run=self.name, status="running", created=timestamp, error=None, exit_status=None, **request)

    def write(self, **changes: Any) -> None:
        """Change run.json, atomically."""
        path = self.folder / "run.json"
        data = self.read() if path.exists() else {}
        write_text(path, json.dumps({**data, **changes}, indent=1))

    def add_key(self, key: str) -> None:
        """Record that the run uses the result with this key, so that it stays while the run may go on."""
        path = self.folder / "keys.txt"
        with (
            suppress(OSError),
            closing(lock_keys(self.folder.parent.parent)),
            path.open("a", encoding="ascii") as stream,
        ):
            stream.write(f"{key}\n")

    def used_keys(self) -> set[str]:
        """Return the keys of the results that the run has used."""
        try:
            return set((self.folder / "keys.txt").read_text(encoding="ascii").split())
        except (OSError, ValueError):
            return set()


def new_run(home: Path, now: datetime) -> RunFolder:
    """Create the folder of a new run, named by the time and four random hexadecimal digits.

    Raises:
        StorageFailed: the disk is full, or the folder cannot be created.
    """
    folder = new_folder(home, "runs", now)
    return RunFolder(folder.name, folder)


def new_folder(home: Path, parent: str, now: datetime, prefix: str = "") -> Path:
    """Create a folder in `HOME/parent`, named as `new_run` says; another name if a run of this second has it.

    Raises:
        StorageFailed: the disk is full, or the folder cannot be created.
    """
    with storage_errors(home):
        while True:
            folder = home / parent / f"{prefix}{now.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                if folder.is_dir():
                    continue
                raise  # the parent is a link that leads nowhere
            return folder


def all_runs(home: Path) -> list[RunFolder]:
    """Return every run, newest first."""
    paths = sorted((home / "runs").glob("*/run.json"), key=lambda path: path.parent.name, reverse=True)
    return [RunFolder(path.parent.name, path.parent) for path in paths]


def find_run(home: Path, name: str | None) -> RunFolder:
    """Return the run with this name or unique prefix; without a name, the newest that is not done.

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
    matches = [run for run in runs if run.name == name] or [run for run in runs if run.name.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = ", ".join(run.name for run in matches[:5])
        raise PresetError(f"run {name!r} is ambiguous: {names}; write more of the name")
    near = difflib.get_close_matches(name, [run.name for run in runs], 1, 0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "; `react1 runs` lists all"
    raise PresetError(f"there is no run {name!r}{hint}")
