"""The Python API: the same functions as the command line, with the same values.

    from react1 import Edit, load_preset, run

    result = run(
        load_preset("emotion-edit"),
        source="interview.mp4",
        edits=[Edit(in_="00:00:12.400", out="00:00:15.800", prompt="happy", temperature=0.7)],
    )
    print(result.output, result.segments[0].request_id)

Errors are those of the command line (core/errors.py), in the terms of a call (python_terms.py).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from .config.checked_job import Job, until_step, until_takes
from .config.film_list import list_edits, value_text
from .config.load import load_job
from .config.presets.preset_builder import Pipeline
from .config.presets.shipped import Preset, load_preset_info
from .core.edits.edit import Edit
from .core.errors import Interrupted
from .core.nodes.registry import load_registry
from .core.settings import home_folder, max_cost_usd
from .python_terms import errors_in_python_terms, in_python_terms
from .runner.events import SilentWatcher, Watcher
from .runner.planning.plan import PlannedStep, plan_job
from .runner.run_records.housekeeping import CLIPS
from .runner.run_records.outcome import NotebookProgress, RunResult, notebook_display
from .scripting.moviepy_clips import is_clip, write_clip
from .store.store import Store

if TYPE_CHECKING:
    from .runner.execute import Options

PresetLike = str | Path | Preset | Pipeline
Edits = Sequence[Edit | str | Mapping[str, Any]] | Edit | str | Mapping[str, Any] | Path


def load_preset(name: str | Path) -> Preset:
    """Return a shipped preset by its name, or another one by its path.

    Raises:
        PresetError: there is no such preset, or it is not YAML; has all problems.
    """
    return load_preset_info(str(name), Path.cwd())


def run(
    preset: PresetLike,
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
    until: str | None = None,
    **inputs: Any,
) -> RunResult:
    """Run a preset or a job and wait for it.

    Args:
        preset: a preset, its name, the path of a preset or a job, or a `Pipeline`.
        edits: the segments, as `Edit`, as a mapping of its fields, or as `IN-OUT:PROMPT[:TEMPERATURE][@FACE]`; or the
            `Path` of a list of edits or a timeline, or a mapping with its `file` and, say, its `clock`, as in a job.
        provider: `auto`, `local`, `segmind`, `sync`, `fal`, `replicate` or a plug-in's name (default: the preset's).
        out: the path of the new film, relative to the current folder.
        online: the folder of the camera originals for the takes; the source is then their proxy.
        max_cost: the highest cost of the run, in USD.
        yes: whether to replace an existing film and to make calls that cost money.
        allow_outside: whether a job file may choose to write outside its own folder.
        home: the folder of store and runs (default: REACT1_HOME, else the user's data folder).
        watcher: gets every event of the run; by default a notebook shows a progress bar.
        until: the name of the last step to run, such as `conform`; a later run of the whole job continues from there.
        inputs: the inputs of the preset, such as `source`, which may be a MoviePy clip; None leaves an input unset.

    Raises:
        React1Error: one of `react1.plugin`; its `exit_status` is the command line's.
    """
    with errors_in_python_terms(edits):
        job = _load(preset, edits, provider, out, inputs, online, allow_outside=allow_outside, home=home, until=until)
        options = _options(job, home, yes, max_cost, watcher)
        return _run_blocking(lambda: asyncio.run(_execute(job, options)))


def take(
    preset: PresetLike,
    /,
    *,
    edits: Edits = (),
    provider: str | None = None,
    online: str | Path | None = None,
    max_cost: float | None = None,
    yes: bool = False,
    allow_outside: bool = False,
    home: str | Path | None = None,
    watcher: Watcher | None = None,
    **inputs: Any,
) -> RunResult:
    """Make the takes of a job and their page, and splice nothing; the arguments are those of `run`.

    Each segment of the result has its `take`, a file with the frames of the source; `run` with the same arguments
    takes it from the store and splices it.

    Raises:
        PresetError: the job makes no takes, or is invalid.
        React1Error: as for `run`.
    """
    with errors_in_python_terms(edits):
        job = until_takes(_load(preset, edits, provider, None, inputs, online, allow_outside=allow_outside, home=home))
        options = _options(job, home, yes, max_cost, watcher)
        return _run_blocking(lambda: asyncio.run(_execute(job, options)))


async def arun(
    preset: PresetLike,
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
    until: str | None = None,
    **inputs: Any,
) -> RunResult:
    """Run a preset or a job in the running event loop, with the arguments of `run`.

    Several may run at the same time. Cancelling the task stops the run, which can then be resumed.

    Raises:
        React1Error: as for `run`.
        asyncio.CancelledError: the task was cancelled; its message says how to resume.
    """
    with errors_in_python_terms(edits):
        job = await asyncio.to_thread(
            lambda: _load(
                preset, edits, provider, out, inputs, online, allow_outside=allow_outside, home=home, until=until
            )
        )
        try:
            return await _execute(job, _options(job, home, yes, max_cost, watcher))
        except Interrupted as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError(error.message) from error
            raise


@dataclass(frozen=True)
class Plan:
    """What a run would do, step by step, and what it would cost."""

    preset: str
    steps: tuple[PlannedStep, ...]
    cost_usd: float
    notes: tuple[str, ...] = ()


def plan(
    preset: PresetLike,
    /,
    *,
    edits: Edits = (),
    provider: str | None = None,
    out: str | Path | None = None,
    online: str | Path | None = None,
    allow_outside: bool = False,
    home: str | Path | None = None,
    until: str | None = None,
    **inputs: Any,
) -> Plan:
    """Return what `run` of the same arguments would do and cost; nothing is made, sent or spent.

    Raises:
        React1Error: what would stop the run before its first step.
    """
    with errors_in_python_terms(edits):
        job = _load(preset, edits, provider, out, inputs, online, allow_outside=allow_outside, home=home, until=until)
        rows = plan_job(job, Store(home_folder(home), read_only=True))
    notes = tuple(in_python_terms(note) for note in job.notes)
    return Plan(job.name, tuple(rows), round(sum(row.cost_usd for row in rows), 6), notes)


async def _execute(job: Job, options: Options) -> RunResult:
    from .runner.execute import execute

    result = await execute(job, options)
    return replace(result, notes=tuple(in_python_terms(note) for note in result.notes))


def _options(job: Job, home: str | Path | None, yes: bool, max_cost: float | None, watcher: Watcher | None) -> Options:
    from .runner.execute import Options

    if watcher is None and (display := notebook_display()) is not None:
        watcher = NotebookProgress(display, [step.id for step in job.steps])
    return Options(
        home_folder(home),
        replace=yes,
        approved=yes,
        max_cost_usd=max_cost_usd(max_cost),
        own_limit_usd=max_cost,
        watcher=watcher or SilentWatcher(),
    )


def _load(
    preset: PresetLike,
    edits: Edits,
    provider: str | None,
    out: str | Path | None,
    inputs: Mapping[str, Any],
    online: str | Path | None = None,
    *,
    allow_outside: bool = False,
    home: str | Path | None = None,
    until: str | None = None,
) -> Job:
    source = str(preset.path if isinstance(preset, Preset) else preset)
    written = {name: _written(name, value, home) for name, value in inputs.items() if value is not None}
    if isinstance(edits, Mapping) and "file" in edits:
        written["edits"], edits = {**edits, "file": str(edits["file"])}, ()
    job = load_job(
        preset.preset_text() if isinstance(preset, Pipeline) else source,
        registry=load_registry(),
        sets={name: value_text(name, value) for name, value in written.items()},
        edits=() if isinstance(edits, Path) else list_edits(edits),
        edits_file=str(edits) if isinstance(edits, Path) else None,
        provider=provider,
        out=str(out) if out else None,
        online=str(online) if online else None,
        allow_outside=allow_outside or isinstance(preset, Pipeline),
        base=Path.cwd(),
    )
    return until_step(job, until, out=str(out) if out else None) if until else job


def _written(name: str, value: Any, home: str | Path | None) -> Any:
    """Return a value; a MoviePy clip is written into the home folder, and stands there as a film."""
    if not is_clip(value):
        return value
    return write_clip(value, home_folder(home) / CLIPS / f"{name}-{uuid4().hex[:12]}.mov")


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
