"""The Python call: the same as the command line, with the same values.

    from react1 import Edit, load_preset, run

    result = run(
        load_preset("emotion-edit"),
        source="interview.mp4",
        edits=[Edit(in_="00:00:12.400", out="00:00:15.800", prompt="happy", temperature=0.7)],
    )
    print(result.output, result.segments[0].request_id)

Raises what the command line would exit with (errors.py).
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from .config.checked_job import Job
from .config.load import load_job
from .config.shipped import Preset, load_preset_info
from .core.edit import Edit
from .core.errors import PresetError, Problem
from .core.registry import NodeInfo, load_registry
from .core.settings import home_folder, max_cost_usd
from .core.values import Value
from .runner.events import SilentWatcher, Watcher
from .runner.outcome import RunResult

if TYPE_CHECKING:
    from .store.store import Store

Edits = Sequence[Edit | str | Mapping[str, Any]] | Edit | str | Mapping[str, Any] | Path


def load_preset(name: str | Path) -> Preset:
    """Give a shipped preset by its name, or a preset of your own by its path.

    Raises:
        PresetError: there is no such preset, or it is wrong; all problems at once.
    """
    return load_preset_info(str(name), Path.cwd())


def run(
    what: str | Path | Preset,
    /,
    *,
    edits: Edits = (),
    provider: str | None = None,
    out: str | Path | None = None,
    online: str | Path | None = None,
    max_cost: float | None = None,
    yes: bool = False,
    home: str | Path | None = None,
    watcher: Watcher | None = None,
    **inputs: Any,
) -> RunResult:
    """Run a preset or a job and wait for it.

    Args:
        what: a preset, the name of a shipped one, or the path of a preset or a job.
        edits: the segments, as `Edit`, as a mapping of its fields, or as `IN-OUT:PROMPT[:TEMPERATURE]`; or the `Path`
            of a list of edits or a timeline.
        provider: `auto`, `local`, `segmind` or `sync`; default: as the preset says.
        out: where the film goes; relative to the current folder.
        online: the folder of the camera originals that the takes go onto; the source is then their proxy.
        max_cost: the most that the run may cost, in USD.
        yes: whether a file that stands where the film goes may be replaced, and calls that cost money may be made.
        home: the folder of store and runs; default REACT1_HOME, else the user's data folder.
        watcher: gets every event of the run.
        inputs: what the preset asks for, such as `source`; None leaves one open.

    Raises:
        React1Error: by what can be done about it (errors.py); its `exit_status` is the command line's.
    """
    from .runner.execute import Options, execute

    job = _job(what, edits, provider, out, inputs, online)
    options = Options(
        home_folder(home), replace=yes, agreed=yes, max_cost_usd=max_cost_usd(max_cost), watcher=watcher or SilentWatcher()
    )
    return _wait_for(lambda: asyncio.run(execute(job, options)))


def run_node(
    info: NodeInfo,
    params: Mapping[str, Any],
    inputs: Mapping[str, Value | list[Value] | None],
    home: str | Path | None = None,
) -> Value | list[Value]:
    """Run one node by itself, stored results first: what a node editor does with each box.

    Nobody can be asked there, so a call that costs money is made only where REACT1_MAX_COST says how much it may be.

    Raises:
        React1Error: what the node raised; PresetError for parameters that it refuses.
    """
    from .jobs.budget import SpendingPolicy
    from .runner.single_node import run_single

    budget = max_cost_usd(None)
    terms = SpendingPolicy(budget, agreed=budget is not None)
    return run_single(info, params, inputs, _store(home), terms)


def _store(home: str | Path | None) -> Store:
    from .store.store import Store

    return Store(home_folder(home))


def _job(
    what: str | Path | Preset,
    edits: Edits,
    provider: str | None,
    out: str | Path | None,
    inputs: Mapping[str, Any],
    online: str | Path | None = None,
) -> Job:
    return load_job(
        str(what.path if isinstance(what, Preset) else what),
        registry=load_registry(),
        sets={name: _text(name, value) for name, value in inputs.items() if value is not None},
        edits=() if isinstance(edits, Path) else _edits(edits),
        edits_file=str(edits) if isinstance(edits, Path) else None,
        provider=provider,
        out=str(out) if out else None,
        online=str(online) if online else None,
        base=Path.cwd(),
    )


def _text(name: str, value: Any) -> str:
    """Write a value as the command line would."""
    if isinstance(value, (str, Path)):
        return str(value)
    try:
        return json.dumps(value)
    except TypeError:
        raise PresetError(f"{name}: expected text, a path, a number or JSON, not {type(value).__name__}") from None


def _edits(edits: Sequence[Any] | Edit | str | Mapping[str, Any]) -> list[Edit | str]:
    listed = [edits] if isinstance(edits, (str, Edit, Mapping)) else list(edits)
    return [_edit(number, edit) for number, edit in enumerate(listed)]


def _edit(number: int, edit: Any) -> Edit | str:
    if isinstance(edit, (str, Edit)):
        return edit
    try:
        return Edit.model_validate(edit)
    except ValidationError as error:
        told = [Problem(one["msg"], ".".join(map(str, ("edits", number, *one["loc"])))) for one in error.errors()]
        raise PresetError(told) from error


def _wait_for(work: Any) -> RunResult:
    """Run where no event loop runs: here, or, inside a notebook, in a thread of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        result: RunResult = work()
        return result
    box: dict[str, Any] = {}

    def inside() -> None:
        try:
            box["result"] = work()
        except BaseException as error:  # handed to the caller's thread
            box["error"] = error

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    if "error" in box:
        raise box["error"]
    return box["result"]  # type: ignore[no-any-return]
