"""Read a list of films: a YAML file of jobs, a table, a timeline, or a folder of jobs.

    defaults: {preset: emotion-edit, provider: local}
    jobs:
      - {source: a.mp4, edits: [{in: 1.2, out: 2.4, prompt: sad}]}
      - {job: other/b.yaml}

A table (CSV or TSV) has a row per edit. Columns are the fields of an edit (`in`, `out`, `prompt`, `temperature`, …) and
of its job (`source`, `preset`, `provider`, `output`, `on_failure`, `project`); rows with the same job are one film.
`interchange/text/table.py` says in which forms it may be written.
Each clip of a timeline (EDL, OTIO, FCPXML) with an edit is a film: by the file that the timeline names, or by a file
beside the timeline that has the clip's name or begins with its reel. All edits of one file are one job, on the clip's
own (source) clock. Paths start from the list's folder. A job that cannot be loaded is part of the batch, with its
error: it must not stop the others.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath
from typing import Any
from urllib.parse import unquote, urlsplit

from ..core.edits.edit import Edit
from ..core.errors import PresetError, Problem, React1Error, not_one_of
from ..core.nodes.registry import Registry
from ..core.settings import map_path, path_in
from ..interchange.entries import Clip, Entry
from ..interchange.limits import read_text
from ..interchange.marker_syntax import is_edit_text, is_take_record
from ..interchange.readers import TIMELINES, read_listing
from ..interchange.text.table import NotATable, parse_rows
from ..located_yaml.explain import validate
from ..located_yaml.located import Location, Problems, describe, from_plain
from .checked_job import CONTAINERS, Job
from .load import load_job
from .presets.shipped import read_file, shipped_names

_DRIVE = re.compile(r"^/(?=[A-Za-z]:)")
"""The slash of a URL before a drive of Windows."""


def timeline_jobs(path: Path) -> list[dict[str, Any]]:
    """Return the source and the edits of each film of a timeline; one that is not there is named as the clip is.

    Raises:
        PresetError: the timeline cannot be read, none of its clips has an edit, or it has two films that its clips do
            not tell apart.
        MissingExtra: reading it needs the extra `timeline`.
    """
    clips = [entry.clip for entry in read_listing(path, str(path)).entries if entry.clip and _has_edit(entry)]
    if not clips:
        raise PresetError(f"{path}: none of its clips has an edit, such as the text `react1: angry 0.8`")
    sources = list(dict.fromkeys(_find_file(clip, path.parent) for clip in clips))
    names = Counter(Path(source).stem.casefold() for source in sources)
    places = Counter((Path(source).stem.casefold(), Path(source).parent.name.casefold()) for source in sources)
    for (name, folder), count in places.items():
        if count > 1:
            raise PresetError(f"{path}: {count} films are called {name!r}, in folders called {folder!r}; rename one")
    options = {"file": str(path), "clock": "source"}
    by_folder = {**options, "match": "folder"}  # two cards have files of one name
    return [
        {"source": source, "edits": by_folder if names[Path(source).stem.casefold()] > 1 else options}
        for source in sources
    ]


def _has_edit(entry: Entry) -> bool:
    return any(is_edit_text(text) and not is_take_record(text) for text in entry.texts)


def _find_file(clip: Clip, folder: Path) -> str:
    """Return the path of a clip's file; its name where there is none, which the job then reports."""
    named = _local_path(clip.path, folder)
    if named is not None and named.is_file():
        return str(named)
    files = (path for path in folder.iterdir() if path.is_file() and path.suffix.lower() not in TIMELINES)
    # Cameras write tables and pictures beside their films.
    neighbors = sorted(files, key=lambda path: (path.suffix.lower() not in CONTAINERS, path))
    for name in filter(None, (PureWindowsPath(named).name if named else "", clip.name)):
        for path in neighbors:
            if name in (path.name, path.stem):
                return str(path)
    if clip.reel:
        of_reel = [path for path in neighbors if path.stem.upper().startswith(clip.reel.upper())]
        films = [path for path in of_reel if path.suffix.lower() in CONTAINERS] or of_reel
        if len(films) == 1:
            return str(films[0])
    return str(named or clip.name or clip.reel)


def _local_path(written: str, folder: Path) -> Path | None:
    """Return the path that a timeline writes, as a path or as a file URL; relative ones start from its folder."""
    if not written:
        return None
    url = urlsplit(written)
    return path_in(folder, _DRIVE.sub("", unquote(url.path) if url.scheme == "file" else written))


DEFAULT_PRESET = "emotion-edit"
TABLES = (".csv", ".tsv")
JOB_FILES = (".yaml", ".yml")
JOB_COLUMNS = ("source", "preset", "provider", "output", "on_failure", "project")


@dataclass(frozen=True)
class BatchJob:
    """One film of a batch: its job, or why it cannot be loaded."""

    name: str
    job: Job | None = None
    error: React1Error | None = None


def is_batch(what: str) -> bool:
    """Return whether a path is a list of films: a folder, a table, a timeline or YAML with `jobs`; not a preset."""
    path = Path(map_path(what))
    if what in shipped_names() and not path.is_file():
        return False
    if path.is_dir() or path.suffix.lower() in (*TABLES, *TIMELINES):
        return True
    if path.suffix.lower() not in JOB_FILES or not path.is_file():
        return False
    tree = read_file(path, str(path), Problems())
    return tree is not None and isinstance(tree.value, Mapping) and "jobs" in tree.value


def load_batch(path: Path, registry: Registry, defaults: Mapping[str, Any]) -> list[BatchJob]:
    """Load every job of a list.

    Args:
        path: the list.
        registry: the available nodes.
        defaults: values for all jobs that do not set them, such as `preset` and `provider`.

    Raises:
        PresetError: the list itself cannot be read; has all problems.
    """
    path = Path(map_path(str(path))).absolute()
    lines: list[list[int]] = []
    if path.is_dir():
        entries = _job_files(path)
    elif path.suffix.lower() in TABLES:
        entries, lines = _table_entries(path)
    elif path.suffix.lower() in TIMELINES:
        entries = timeline_jobs(path)
    else:
        entries = _yaml_entries(path)
    base = path if path.is_dir() else path.parent
    places = [[Location(path.name, base, line, 1) for line in film] for film in lines] or [[] for _ in entries]
    return [
        _load(number, {**defaults, **values}, base, registry, rows)
        for number, (values, rows) in enumerate(zip(entries, places, strict=True), 1)
    ]


def list_edits(edits: Any, rows: Sequence[Location] = ()) -> list[Edit | str]:
    """Return edits as `Edit` or as the text of `--edit`; `rows` are their places in a table.

    Raises:
        PresetError: some are invalid; has all problems.
    """
    listed = [edits] if isinstance(edits, (str, Edit, Mapping)) else list(edits)
    problems = Problems()
    parsed = []
    for number, edit in enumerate(listed):
        if isinstance(edit, (str, Edit)):
            parsed.append(edit)
        elif rows:
            parsed.append(validate(Edit, from_plain(edit, rows[number]), problems))
        else:
            located = from_plain(edit, Location("", Path()), ("edits", str(number)))
            parsed.append(validate(Edit, located, problems))
    problems.raise_if_any()
    return parsed


def value_text(name: str, value: Any) -> str:
    """Return a value as text for the command line.

    Raises:
        PresetError: it is neither text nor JSON.
    """
    if isinstance(value, (str, Path)):
        return str(value)
    try:
        return json.dumps(value)
    except TypeError:
        raise PresetError(f"{name}: expected text, a path, a number or JSON, not {type(value).__name__}") from None


def _load(number: int, values: Mapping[str, Any], base: Path, registry: Registry, rows: Sequence[Location]) -> BatchJob:
    inputs = {name: value for name, value in values.items() if value is not None}
    job_file = inputs.pop("job", None)
    name = str(job_file or inputs.get("source") or f"job {number}")
    preset, provider = str(inputs.pop("preset", DEFAULT_PRESET)), inputs.pop("provider", None)
    edits, output = inputs.pop("edits", ()), inputs.pop("output", inputs.pop("out", None))
    is_file = isinstance(edits, str) and ":" not in edits
    if isinstance(edits, Mapping) and "file" in edits:  # a list, and how it relates to the film
        inputs["edits"], edits = dict(edits), ()
    try:
        job = load_job(
            str(job_file) if job_file else preset,
            registry=registry,
            sets={key: value_text(key, value) for key, value in inputs.items()},
            edits=() if is_file else list_edits(edits, rows),
            edits_file=edits if is_file else None,
            provider=provider,
            out=str(output) if output else None,
            base=base,
        )
    except PresetError as error:
        named = PresetError([_with_key_of_list(problem) for problem in error.problems])
        return BatchJob(name, error=named if type(error) is PresetError else error)
    except React1Error as error:
        return BatchJob(name, error=error)
    return BatchJob(name, job)


def _with_key_of_list(problem: Problem) -> Problem:
    """Return a problem with an option of the command line as one with the key of a list that stands for it."""
    option, _, text = problem.file.partition(" ")
    if option == "--edit" and text:
        return replace(problem, file=f"edits {text!r}")
    keys = {"--edit": "edits", "--edits": "edits", "--out": "output", "--provider": "provider", "--set": text}
    key = keys.get(option)
    return replace(problem, file="", path=".".join(filter(None, (key, problem.path)))) if key else problem


def _job_files(folder: Path) -> list[dict[str, Any]]:
    names = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in JOB_FILES)
    if not names:
        raise PresetError(f"{folder} has no job (*.yaml); name a folder of jobs, a table, or a YAML list")
    return [{"job": name} for name in names]


def _yaml_entries(path: Path) -> list[dict[str, Any]]:
    problems = Problems()
    tree = read_file(path, str(path), problems) if path.is_file() else None
    if tree is None:
        problems.raise_if_any()
        raise PresetError(f"{path} does not exist; name a folder of jobs, a table, or a YAML list")
    if not isinstance(tree.value, Mapping) or "jobs" not in tree.value:
        raise PresetError(f"{path} is not a list of films: it has no `jobs`; run a single job with `react1 run`")
    members = tree.members
    for key in members.keys() - {"jobs", "defaults"}:
        problems.add_at(tree.key_location(key), (key,), not_one_of(key, ("defaults", "jobs")))
    jobs: Any = members["jobs"].plain
    if not isinstance(jobs, list) or not jobs:
        problems.add(members["jobs"], f"expected a list of jobs, not {describe(jobs)}")
    defaults: Any = members["defaults"].plain if "defaults" in members else {}
    if not isinstance(defaults, dict):
        problems.add(members["defaults"], f"expected a mapping, not {describe(defaults)}")
    problems.raise_if_any()
    entries = [entry if isinstance(entry, dict) else {"job": str(entry)} for entry in jobs]
    return [entry if "job" in entry else {**defaults, **entry} for entry in entries]


def _table_entries(path: Path) -> tuple[list[dict[str, Any]], list[list[int]]]:
    """Return the films of a table, and the lines of each film's edits."""
    try:
        text = read_text(path, str(path))
        rows = parse_rows(text, _column)
    except NotATable as error:
        raise PresetError(f"{path}:{error.line}: is not a table: {error}; check its quotation marks") from None
    if not rows:
        raise PresetError(f"{path} is empty; its first row names the columns, and every other row is an edit")
    columns = [_column(title) for title in rows[0].cells]
    _check_columns(columns, path)
    films: dict[tuple[str, ...], dict[str, Any]] = {}
    lines: dict[tuple[str, ...], list[int]] = {}
    for row in rows[1:]:
        _check_width(row.cells, columns, f"{path}:{row.line}")
        cells = {name: cell.strip() for name, cell in zip(columns, row.cells, strict=False) if cell.strip()}
        job = {name: cells.pop(name) for name in JOB_COLUMNS if name in cells}
        key = tuple(job.get(name, "") for name in JOB_COLUMNS)
        films.setdefault(key, {**job, "edits": []})["edits"] += [cells] if cells else []
        lines.setdefault(key, []).extend([row.line] if cells else [])
    if not films:
        raise PresetError(f"{path} has no rows; write one per edit")
    return list(films.values()), list(lines.values())


def _column(title: str) -> str:
    return title.strip().lower()


def _check_columns(columns: Sequence[str], path: Path) -> None:
    allowed = (*JOB_COLUMNS, *_edit_columns())
    problems = [Problem(f"{path}: column {not_one_of(name, allowed)}") for name in columns if name not in allowed]
    twice = [name for name, count in Counter(columns).items() if count > 1 and name in allowed]
    problems += [Problem(f"{path}: two columns are called {name!r}; remove one") for name in twice]
    if "source" not in columns:
        problems.append(Problem(f"{path}: there is no column `source`; the first row names the columns"))
    if problems:
        raise PresetError(problems)


def _check_width(row: Sequence[str], columns: Sequence[str], place: str) -> None:
    """Refuse a row with more cells than columns: a comma in a name that is not quoted moves all cells behind it."""
    surplus = [cell for cell in row[len(columns) :] if cell.strip()]
    if surplus:
        raise PresetError(
            f"{place}: {describe(surplus[0])} is in no column, since the row has {len(row)} cells for {len(columns)} "
            "columns; put a cell that contains the separator in quotation marks"
        )


def _edit_columns() -> list[str]:
    return [field.alias or name for name, field in Edit.model_fields.items() if name not in ("at", "takes")]
