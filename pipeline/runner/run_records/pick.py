"""Choose a take of a run: write the choice into the job file, so that the next run splices it.

`pick: NAME` is set in one mapping of takes without changing any other byte. The new text is parsed again and compared,
so that it differs in the choice only. A mapping that comes from an alias or is empty cannot be changed this way and
raises PresetError. The positions of values in the text come from ruamel.yaml's parse events. An empty value has none of
its own; it ends where its key does.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from ...core.edits.choices import CHOICE_NAMES
from ...core.edits.edit import Edit
from ...core.errors import PresetError, not_one_of
from ...located_yaml.located import Problems, parse_yaml
from ...store.atomic import publish, storage_errors, temporary_path
from .run_folder import RunFolder

PathPart = str | int


@dataclass(frozen=True)
class TextSpan:
    """A value in a text: the characters [start, end)."""

    kind: Literal["scalar", "flow", "block", "alias"]
    start: int
    end: int
    """For a block, the end of its last value; only a comment can follow on that line."""
    column: int
    line: int
    """From 0."""
    empty: bool = False
    keys: dict[str, TextSpan] = field(default_factory=dict)
    """The keys of a mapping."""
    members: dict[PathPart, TextSpan] = field(default_factory=dict)
    """The values of a mapping by key, or of a sequence by index."""


def find_span(text: str, path: Sequence[PathPart]) -> TextSpan | None:
    """Find a value by the keys and indexes that lead to it; return None if it is missing or behind an alias."""
    span = _document(text)
    for part in path:
        span = span.members.get(part) if span is not None else None
    return span


def _document(text: str) -> TextSpan | None:
    from ruamel.yaml import YAML

    events = iter(YAML(typ="safe", pure=True).parse(text))
    for event in events:
        if type(event).__name__ == "DocumentStartEvent":
            return _value(next(events), events, 0)
    return None


def _value(event: Any, events: Iterator[Any], after: int) -> TextSpan:
    """Read one value; `after` is the end of its key."""
    begin, kind = event.start_mark, type(event).__name__
    start, end = begin.index, event.end_mark.index
    if kind == "AliasEvent":
        return TextSpan("alias", start, end, begin.column, begin.line)
    if kind == "ScalarEvent":
        empty = not event.value and not event.style
        start, end = (after, after) if empty else (start, end)
        return TextSpan("scalar", start, end, begin.column, begin.line, empty)
    keys: dict[str, TextSpan] = {}
    members: dict[PathPart, TextSpan] = {}
    last = end
    while not type(event := next(events)).__name__.endswith(("MappingEndEvent", "SequenceEndEvent")):
        if kind == "SequenceStartEvent":
            span = members[len(members)] = _value(event, events, event.start_mark.index)
        else:
            key = _value(event, events, event.start_mark.index)
            span = _value(next(events), events, key.end)
            keys[str(event.value)], members[str(event.value)] = key, span
        last = span.end
    flow = bool(event.end_mark.index > event.start_mark.index)
    finish = event.end_mark.index if flow else last
    return TextSpan("flow" if flow else "block", start, finish, begin.column, begin.line, False, keys, members)


KEY = "pick"


def parse_plain(text: str, file: str) -> Any:
    """Parse a preset or a job into plain values.

    Raises:
        PresetError: the text is not YAML; every problem has its line.
    """
    problems = Problems()
    tree = parse_yaml(text.encode("utf-8", "surrogateescape"), file, Path(), problems)
    problems.raise_if_any()
    return tree.plain if tree is not None else None


def set_pick(text: str, path: Sequence[PathPart], name: str, file: str) -> str:
    """Return the text with a choice in the mapping of takes at `path`.

    Raises:
        PresetError: the mapping cannot be changed in place.
    """
    target = copy.deepcopy(parse_plain(text, file))
    takes = _value_at(target, path)
    if takes.get(KEY) == name:
        return text
    takes[KEY] = name
    span = find_span(text, path)
    for changed in _candidates(text, span, name) if span is not None else ():
        try:
            if parse_plain(changed, file) == target:
                return changed
        except PresetError:
            continue
    raise PresetError(f"{file}: `takes` cannot be changed safely here; add {KEY}: {name} to it by hand")


def _value_at(value: Any, path: Sequence[PathPart]) -> Any:
    for part in path:
        value = value[part]
    return value


def _candidates(text: str, takes: TextSpan, name: str) -> Iterator[str]:
    """Yield texts with the choice set, the most natural style first."""
    quote = '"' if any(text[key.start] == '"' for key in takes.keys.values()) else ""
    pair, value = f"{quote}{KEY}{quote}: {quote}{name}{quote}", f"{quote}{name}{quote}"
    if KEY in takes.members:
        yield from _replacements(text, takes, value)
    elif takes.members and takes.kind == "flow":
        first, last = next(iter(takes.keys.values())), list(takes.members.values())[-1]
        yield _insert(text, last.end, f", {pair}")
        yield _insert(text, first.start, f"{pair}, ")
    elif takes.members and takes.kind == "block":
        first, last = next(iter(takes.keys.values())), list(takes.members.values())[-1]
        yield _line_after(text, last.end, " " * first.column + pair)
        yield _insert(text, first.start, f"{pair}{_newline(text)}{' ' * first.column}")


def _replacements(text: str, takes: TextSpan, value: str) -> Iterator[str]:
    key, old = takes.keys[KEY], takes.members[KEY]
    if old.empty:
        colon = text.find(":", key.end)
        yield _insert(text, colon + 1, f" {value}")
        yield _insert(text, key.end, f": {value}")
        return
    yield text[: old.start] + value + text[old.end :]


def _insert(text: str, offset: int, insertion: str) -> str:
    return text[:offset] + insertion + text[offset:]


def _line_after(text: str, offset: int, line: str) -> str:
    """Insert a line after the one that contains `offset`."""
    newline = _newline(text)
    end = text.find("\n", offset)
    if end < 0:
        return f"{text}{newline}{line}"
    return _insert(text, end + 1, line + newline)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


_NOT_SPAN_FIELDS = {*CHOICE_NAMES, "takes", "audio", "audio_mix", "audio_gain", "resync", "consent"}
_BOM = "\ufeff"


@dataclass(frozen=True)
class PickResult:
    """A choice as written in a file."""

    segment: str
    take: str
    file: Path
    line: int
    """The line of the edit's takes, from 1."""
    changed: bool
    """Whether the file was changed."""
    waiting: tuple[str, ...]
    """Other segments of the run without a choice."""
    provider: str
    """The provider requested for the run; another provider would render new takes."""


def pick(run: RunFolder, segment: str, take: str) -> PickResult:
    """Write a choice into the file that contains the edit; all parts of a long edit share one choice.

    Args:
        run: a run that offers takes.
        segment: the name of a segment, or of its edit.
        take: the name of a take, or its number on the contact sheet.

    Raises:
        PresetError: there is no such segment or take, or no file that contains the edit.
        StorageFailed: the file cannot be written.
    """
    record = run.read()
    offer = _offer(run, record, segment)
    name = _take_name(record, offer, take)
    for file in _files(record):
        if not file.exists():
            continue
        text = _read(file)
        mark, body = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
        plain = parse_plain(body, str(file))
        for path in _matching_paths(plain, Edit.model_validate(offer["edit"])):
            _require_take(plain, path, name, file)
            changed = set_pick(body, path, name, str(file))
            if changed != body:
                _write(file, mark + changed)
            span = find_span(body, path)
            waiting = _waiting_segments(record, offer, _edits_with_takes(parse_plain(changed, str(file))))
            line = span.line + 1 if span else 1
            return PickResult(offer["segment"], name, file, line, changed != body, waiting, _provider(record))
    raise PresetError(_not_found_message(record, offer["segment"], name))


def _offer(run: RunFolder, record: Mapping[str, Any], segment: str) -> dict[str, Any]:
    """Return what a run offers for a segment, by the segment's or the edit's name."""
    offers: list[dict[str, Any]] = record.get("choices") or []
    if not offers:
        raise PresetError(f"run {run.name} has no takes to choose from; request some with `takes: …` in an edit")
    for offer in offers:
        if segment in (offer["segment"], offer["edit"].get("name")):
            return offer
    raise PresetError(f"run {run.name}: segment {not_one_of(segment, [offer['segment'] for offer in offers])}")


def _take_name(record: Mapping[str, Any], offer: Mapping[str, Any], take: str) -> str:
    """Return the name of a rendered take, given its name or number."""
    names: list[str] = offer["takes"]
    if take.isdecimal():
        if not 1 <= int(take) <= len(names):
            raise PresetError(f"segment {offer['segment']} has takes 1 to {len(names)}, not {take}")
        take = names[int(take) - 1]
    if take not in names:
        raise PresetError(f"segment {offer['segment']}: take {not_one_of(take, names)}")
    segments = (record.get("result") or {}).get("segments", [])
    takes: list[dict[str, Any]] = next(
        (item.get("takes", []) for item in segments if item["name"] == offer["segment"]), []
    )
    if any(item["name"] == take and item["status"] != "done" for item in takes):
        raise PresetError(f"take {take} of {offer['segment']} failed in this run; choose another, or run it again")
    return take


def _provider(record: Mapping[str, Any]) -> str:
    steps: list[dict[str, Any]] = (record.get("document") or {}).get("steps", [])
    return next((name for step in steps if (name := (step.get("params") or {}).get("provider"))), "auto")


def _files(record: Mapping[str, Any]) -> list[Path]:
    return [Path(name) for name in (record.get("document") or {}).get("files", [])]


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except OSError as error:
        raise PresetError(f"{file} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise PresetError(f"{file} is no longer UTF-8 text; run the job again") from error


def _matching_paths(plain: Any, edit: Edit) -> Iterator[list[PathPart]]:
    """Yield the YAML paths of the takes of every edit with the same span."""
    for path, candidate in _edits_with_takes(plain):
        if _span_fields(candidate) == _span_fields(edit):
            yield [*path, "takes"]


def _edits_with_takes(value: Any, path: Sequence[PathPart] = ()) -> list[tuple[list[PathPart], Edit]]:
    """Return every edit with a matrix in a file, and its YAML path."""
    edits: list[tuple[list[PathPart], Edit]] = []
    if isinstance(value, dict):
        if isinstance(value.get("takes"), dict):
            with suppress(ValidationError):
                edits.append((list(path), Edit.model_validate(value)))
        children: list[tuple[PathPart, Any]] = list(value.items())
    else:
        children = list(enumerate(value)) if isinstance(value, list) else []
    for part, child in children:
        edits += _edits_with_takes(child, [*path, part])
    return edits


def _span_fields(edit: Edit) -> dict[str, Any]:
    return edit.model_dump(mode="json", exclude=_NOT_SPAN_FIELDS)


def _require_take(plain: Any, path: Sequence[PathPart], name: str, file: Path) -> None:
    edit = next(edit for edit_path, edit in _edits_with_takes(plain) if [*edit_path, "takes"] == list(path))
    names = [take.name for take in edit.takes.takes] if edit.takes else []
    if name not in names:
        raise PresetError(f"{file} has other takes now; run the job again: {not_one_of(name, names)}")


def _waiting_segments(
    record: Mapping[str, Any], picked: Mapping[str, Any], edits: Sequence[tuple[Sequence[PathPart], Edit]]
) -> tuple[str, ...]:
    """Return the segments of other edits without a choice, according to the file."""
    without_pick = [_span_fields(edit) for _, edit in edits if edit.takes and edit.takes.pick is None]
    picked_span = _span_fields(Edit.model_validate(picked["edit"]))
    return tuple(
        offer["segment"]
        for offer in record["choices"]
        if (span := _span_fields(Edit.model_validate(offer["edit"]))) != picked_span and span in without_pick
    )


def _not_found_message(record: Mapping[str, Any], segment: str, name: str) -> str:
    existing = [file for file in _files(record) if file.is_file()]
    missing = [file for file in _files(record) if not file.exists()]
    with_edits = [file for file in existing if _edits_with_takes(parse_plain(_read(file).lstrip(_BOM), str(file)))]
    if missing and not with_edits:
        return f"{missing[0]} does not exist any more; write pick: {name} into the takes of {segment} in its new file"
    if not with_edits:
        return f"the edit of {segment} is not in a job file; write pick: {name} into its takes where it is defined"
    return f"{with_edits[0]} has no edit of this span any more; run the job again, or write pick: {name} into it"


def _write(file: Path, text: str) -> None:
    """Replace the content of a file atomically; keep its mode, and follow a link."""
    file = file.resolve()
    part = temporary_path(file)
    with storage_errors(file.parent):
        try:
            part.write_bytes(text.encode("utf-8"))
            shutil.copymode(file, part)
            publish(part, file)
        finally:
            part.unlink(missing_ok=True)
