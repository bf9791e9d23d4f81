"""The Python API: the same functions as the command line, with the same values.

    from react1 import Edit, load_preset, run

    result = run(
        load_preset("emotion-edit"),
        source="interview.mp4",
        edits=[Edit(in_="00:00:12.400", out="00:00:15.800", prompt="happy", temperature=0.7)],
    )
    print(result.output, result.segments[0].request_id)

Errors are those of the command line (core/errors.py).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .config.batch import list_edits, value_text
from .config.checked_job import Job
from .config.load import load_job
from .config.shipped import Preset, load_preset_info
from .core.edit import Edit
from .core.registry import load_registry
from .core.settings import home_folder, max_cost_usd
from .runner.events import SilentWatcher, Watcher
from .runner.outcome import RunResult

Edits = Sequence[Edit | str | Mapping[str, Any]] | Edit | str | Mapping[str, Any] | Path


def load_preset(name: str | Path) -> Preset:
    """Return a shipped preset by its name, or another one by its path.

    Raises:
        PresetError: there is no such preset, or it is not YAML; has all problems.
    """
    return load_preset_info(str(name), Path.cwd())


def run(
    preset: str | Path | Preset,
    /,
    *,
    edits: Edits = (),
    provider: str | None = None,
    out: str | Path | None = None,
    online: str | Path | None = None,
    max_cost: float | None = None,
    yes: bool = False,
    allow_outside: bool = False,
    home: str | Path | None = None,
    watcher: Watcher | None = None,
    **inputs: Any,
) -> RunResult:
    """Run a preset or a job and wait for it.

    Args:
        preset: a preset, the name of a shipped one, or the path of a preset or a job.
        edits: the segments, as `Edit`, as a mapping of its fields, or as `IN-OUT:PROMPT[:TEMPERATURE][@FACE]`; or the
            `Path` of a list of edits or a timeline.
        provider: `auto`, `local`, `segmind` or `sync` (default: the preset's).
        out: the path of the new film, relative to the current folder.
        online: the folder of the camera originals for the takes; the source is then their proxy.
        max_cost: the highest cost of the run, in USD.
        yes: whether to replace an existing film and to make calls that cost money.
        allow_outside: whether a job file may choose to write outside its own folder.
        home: the folder of store and runs (default: REACT1_HOME, else the user's data folder).
        watcher: gets every event of the run.
        inputs: the inputs of the preset, such as `source`; None leaves an input unset.

    Raises:
        React1Error: see core/errors.py; its `exit_status` is the command line's.
    """
    from .runner.execute import Options, execute

    job = _load(preset, edits, provider, out, inputs, online, allow_outside=allow_outside)
    options = Options(
        home_folder(home),
        replace=yes,
        approved=yes,
        max_cost_usd=max_cost_usd(max_cost),
        watcher=watcher or SilentWatcher(),
    )
    return _run_blocking(lambda: asyncio.run(execute(job, options)))


def _load(
    preset: str | Path | Preset,
    edits: Edits,
    provider: str | None,
    out: str | Path | None,
    inputs: Mapping[str, Any],
    online: str | Path | None = None,
    *,
    allow_outside: bool = False,
) -> Job:
    return load_job(
        str(preset.path if isinstance(preset, Preset) else preset),
        registry=load_registry(),
        sets={name: value_text(name, value) for name, value in inputs.items() if value is not None},
        edits=() if isinstance(edits, Path) else list_edits(edits),
        edits_file=str(edits) if isinstance(edits, Path) else None,
        provider=provider,
        out=str(out) if out else None,
        online=str(online) if online else None,
        allow_outside=allow_outside,
        base=Path.cwd(),
    )


def _run_blocking(work: Any) -> RunResult:
    """Run here, or in a separate thread if an event loop is already running, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        result: RunResult = work()
        return result
    outcome: dict[str, Any] = {}

    def run_work() -> None:
        try:
            outcome["result"] = work()
        except BaseException as error:  # raised again in the caller's thread
            outcome["error"] = error

    thread = threading.Thread(target=run_work)
    thread.start()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["result"]  # type: ignore[no-any-return]
