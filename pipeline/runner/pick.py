"""Choose a take of a run: the choice goes into the job file, and the next run splices it.

Takes   a run, a segment of it, and a take by its name or its number on the contact sheet.
Gives   the file that says it now; the parts of a long edit have one choice.
Raises  PresetError: there is no such segment or take, or no file that asks for it; StorageFailed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..config.pick_editor import parse_plain, set_pick
from ..core.choices import CHOICE_NAMES
from ..core.edit import Edit
from ..core.errors import PresetError
from ..core.suggest import not_one_of
from ..located_yaml.text_spans import PathPart, find_span
from ..store.atomic import publish, storage_errors, temporary_path
from .run_folder import RunFolder

_NOT_SPAN_FIELDS = {*CHOICE_NAMES, "takes", "audio", "audio_mix"}
_BOM = "\ufeff"


@dataclass(frozen=True)
class PickResult:
    """A choice as it stands in a file."""

    segment: str
    take: str
    file: Path
    line: int
    """Where the takes of the edit stand, from 1."""
    changed: bool
    """Whether the file said something else before."""
    waiting: tuple[str, ...]
    """Other segments of the run of which no take has been chosen yet."""
    provider: str
    """Who made the takes of the run, as it was asked: another one would make them anew."""


def pick(run: RunFolder, segment: str, take: str) -> PickResult:
    """Write a choice into the file that the run's job was read from."""
    told = run.read()
    offer = _offer(run, told, segment)
    name = _take_name(told, offer, take)
    for file in _files(told):
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
            spot = find_span(body, path)
            waiting = _waiting_segments(told, offer, _edits_with_takes(parse_plain(changed, str(file))))
            line = spot.line + 1 if spot else 1
            return PickResult(offer["segment"], name, file, line, changed != body, waiting, _provider(told))
    raise PresetError(_not_found_message(told, offer["segment"], name))


def _offer(run: RunFolder, told: Mapping[str, Any], segment: str) -> dict[str, Any]:
    """Find what a run offers for a segment, which may also be called by its edit's name."""
    offers: list[dict[str, Any]] = told.get("choices") or []
    if not offers:
        raise PresetError(f"run {run.name} has no takes to choose from; an edit asks for some with `takes: …`")
    for offer in offers:
        if segment in (offer["segment"], offer["edit"].get("name")):
            return offer
    raise PresetError(f"run {run.name}: segment {not_one_of(segment, [offer['segment'] for offer in offers])}")


def _take_name(told: Mapping[str, Any], offer: Mapping[str, Any], take: str) -> str:
    """Give the name of a take that was made."""
    names: list[str] = offer["takes"]
    if take.isdecimal():
        if not 1 <= int(take) <= len(names):
            raise PresetError(f"segment {offer['segment']} has takes 1 to {len(names)}, and no {take}")
        take = names[int(take) - 1]
    if take not in names:
        raise PresetError(f"segment {offer['segment']}: take {not_one_of(take, names)}")
    made = [one for one in (told.get("result") or {}).get("segments", []) if one["name"] == offer["segment"]]
    for one in made[0].get("takes", []) if made else []:
        if one["name"] == take and one["status"] != "done":
            raise PresetError(f"take {take} of {offer['segment']} failed in this run; choose another, or run it again")
    return take


def _provider(told: Mapping[str, Any]) -> str:
    steps: list[dict[str, Any]] = (told.get("document") or {}).get("steps", [])
    return next((name for step in steps if (name := (step.get("params") or {}).get("provider"))), "auto")


def _files(told: Mapping[str, Any]) -> list[Path]:
    return [Path(name) for name in (told.get("document") or {}).get("files", [])]


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except OSError as error:
        raise PresetError(f"{file} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise PresetError(f"{file} is not UTF-8 text any more; run the job again") from error


def _matching_paths(plain: Any, wanted: Edit) -> Iterator[list[PathPart]]:
    """Find the takes of the edits that stand for the same span."""
    for path, edit in _edits_with_takes(plain):
        if _span_fields(edit) == _span_fields(wanted):
            yield [*path, "takes"]


def _edits_with_takes(value: Any, path: Sequence[PathPart] = ()) -> list[tuple[list[PathPart], Edit]]:
    """Find every edit with a matrix in a file, wherever it stands."""
    found: list[tuple[list[PathPart], Edit]] = []
    if isinstance(value, dict):
        if isinstance(value.get("takes"), dict):
            with suppress(ValidationError):
                found.append((list(path), Edit.model_validate(value)))
        items: list[tuple[PathPart, Any]] = list(value.items())
    else:
        items = list(enumerate(value)) if isinstance(value, list) else []
    for part, child in items:
        found += _edits_with_takes(child, [*path, part])
    return found


def _span_fields(edit: Edit) -> dict[str, Any]:
    return edit.model_dump(mode="json", exclude=_NOT_SPAN_FIELDS)


def _require_take(plain: Any, path: Sequence[PathPart], name: str, file: Path) -> None:
    edit = next(edit for place, edit in _edits_with_takes(plain) if [*place, "takes"] == list(path))
    names = [one.name for one in edit.takes.takes] if edit.takes else []
    if name not in names:
        raise PresetError(f"{file} has other takes now, so run the job again: {not_one_of(name, names)}")


def _waiting_segments(
    told: Mapping[str, Any], chosen: Mapping[str, Any], now: Sequence[tuple[Sequence[PathPart], Edit]]
) -> tuple[str, ...]:
    """Give the segments of other edits that have no choice, by what the file says now."""
    open_places = [_span_fields(edit) for _, edit in now if edit.takes and edit.takes.pick is None]
    mine = _span_fields(Edit.model_validate(chosen["edit"]))
    return tuple(
        offer["segment"]
        for offer in told["choices"]
        if (place := _span_fields(Edit.model_validate(offer["edit"]))) != mine and place in open_places
    )


def _not_found_message(told: Mapping[str, Any], segment: str, name: str) -> str:
    there = [file for file in _files(told) if file.is_file()]
    gone = [file for file in _files(told) if not file.exists()]
    written = [file for file in there if _edits_with_takes(parse_plain(_read(file).lstrip(_BOM), str(file)))]
    if gone and not written:
        return f"{gone[0]} is not there any more; write pick: {name} in the takes of {segment} where they stand now"
    if not written:
        return f"the edit of {segment} stands in no job file; say it where it stands, in its takes: pick: {name}"
    return f"{written[0]} has no edit of this span any more; run the job again, or write pick: {name} in it"


def _write(file: Path, text: str) -> None:
    """Replace a file by its new text, whole or not at all; its mode stays, and a link stays a link."""
    file = file.resolve()
    part = temporary_path(file)
    with storage_errors(file.parent):
        try:
            part.write_bytes(text.encode("utf-8"))
            shutil.copymode(file, part)
            publish(part, file)
        finally:
            part.unlink(missing_ok=True)
