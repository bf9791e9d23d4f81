"""Values from the command line; their location is the option."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..core.edits.edit import Edit
from ..core.times import FORMS
from ..located_yaml.located import Located, Location, Problems, from_plain
from ..located_yaml.parse import parse_yaml
from .presets.raw_preset import VERBATIM, RawPreset

_TIME = r"\d{1,2}:\d\d:\d\d[:;]\d{2,3}|\d{1,3}:\d\d:\d\d(?:\.\d+)?|\d+f|\d+(?:\.\d+)?"
_EDIT_PATTERN = re.compile(
    rf"({_TIME})-({_TIME}):([A-Za-z_]+)(?::([^:=@]+))?(?:@([^:=]+))?((?::[a-z_]+=.+)?)", re.DOTALL
)
_FIELD_START = re.compile(r":(?=[a-z_]+=)")
EDIT_FORM = (
    "IN-OUT:PROMPT[:TEMPERATURE][@FACE][:KEY=VALUE…], such as 12.4-15.8:happy:0.7, 3-5:sad@left "
    "or 3-5:sad:audio=line.wav"
)


def command_line_values(
    sets: Mapping[str, str],
    edits: Sequence[str | Edit],
    edits_file: str | None,
    out: str | None,
    preset: RawPreset,
    base: Path,
    problems: Problems,
) -> dict[str, Located]:
    """Return the values that the command line sets, by input name."""
    values = {name: _parse_set(name, text, preset, base, problems) for name, text in sets.items()}
    if edits:
        values[_edits_input(preset)] = _parse_edits(edits, base, problems)
    if edits_file is not None:
        location = Location("--edits", base)
        if edits:
            problems.add_at(location, (), "--edit and --edits are mutually exclusive")
        values[_edits_input(preset)] = Located(edits_file, location)
    if out is not None:
        values["out"] = Located(out, Location("--out", base))
    return values


def _edits_input(preset: RawPreset) -> str:
    return next((input_.name for input_ in preset.inputs.values() if input_.kind == "edits"), "edits")


def _parse_set(name: str, text: str, preset: RawPreset, base: Path, problems: Problems) -> Located:
    location = Location(f"--set {name}", base)
    declared = preset.inputs.get(name)
    if declared is None or declared.kind in VERBATIM:
        return Located(text, location)
    parsed_problems = Problems()
    tree = parse_yaml(text.encode("utf-8", "surrogateescape"), location.file, base, parsed_problems)
    for problem in parsed_problems:
        problems.add_at(location, (problem.path,) if problem.path else (), problem.message)
    return from_plain(tree.plain, location) if tree and not parsed_problems else Located(None, location, invalid=True)


def _parse_edits(edits: Sequence[str | Edit], base: Path, problems: Problems) -> Located:
    entries = []
    for edit in edits:
        label, entry = "", None
        if isinstance(edit, str):
            label, entry = edit, parse_edit(edit)
        else:
            entry = edit.model_dump(mode="json", by_alias=True, exclude_none=True)
        location = Location(f"--edit {label}".rstrip(), base)
        if entry is None:
            problems.add_at(location, (), f"expected {EDIT_FORM}; a time is {FORMS}")
        else:
            entries.append(from_plain(entry, location))
    return Located(tuple(entries), Location("--edit", base), invalid=not entries)


def parse_edit(text: str) -> dict[str, str] | None:
    """Parse `IN-OUT:PROMPT[:TEMPERATURE][@FACE][:KEY=VALUE…]`, with the keys of an edit; return None for other text."""
    match = _EDIT_PATTERN.fullmatch(text.strip())
    if match is None:
        return None
    start, end, prompt, temperature, face, rest = match.groups()
    fields = {"in": start, "out": end, "prompt": prompt}
    fields |= {name: value for name, value in (("temperature", temperature), ("face", face)) if value is not None}
    pairs = [part.partition("=") for part in _FIELD_START.split(rest) if part]
    return fields | {key: value for key, _, value in pairs}


def override_provider(tree: Located, provider: str, base: Path, step: str, problems: Problems) -> Located:
    """Set a step's `provider` from the command line, unless the preset fixes it.

    A preset that is always local must not send anything because of an option.
    """
    location, pinned = Location("--provider", base), tree.members.get("provider")
    if pinned is not None and pinned.plain not in ("auto", provider):
        if provider != "auto":
            problems.add_at(
                location, (), f"step {step} always uses {pinned.plain!r}; remove the option, or use another preset"
            )
        return tree
    override = Located(provider, location)
    return replace(tree, value={**tree.members, "provider": override})
