"""Fill the inputs of a preset from the command line, the job or the defaults, and check edits against each other.

An output path may be a template of other inputs: `{source.stem}.react1{source.suffix}`.

The location of a value from the command line is its option.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from ..core.edits.edit import Edit
from ..core.errors import list_available, not_one_of
from ..core.settings import map_path
from ..core.times import FORMS, Instant, Moment, order_key, parse_time
from ..located_yaml.explain import is_url, make_paths_absolute, validate
from ..located_yaml.located import Located, Location, Problems, describe, from_plain, parse_yaml
from .presets.raw_preset import INPUT_KINDS, VERBATIM, Input, RawPreset

if TYPE_CHECKING:  # it reads films, which takes heavy libraries
    from .edit_lists import ReadLists

_TIME = r"\d{1,2}[:;]\d\d[:;]\d\d[:;]\d{2,3}|\d{1,3}:\d\d:\d\d(?:\.\d+)?|\d+f|\d+(?:\.\d+)?"
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
            problems.add_at(location, (), f"expected {EDIT_FORM}; a time is {FORMS}; no key may be set twice")
        else:
            entries.append(from_plain(entry, location))
    return Located(tuple(entries), Location("--edit", base), invalid=not entries)


def parse_edit(text: str) -> dict[str, str] | None:
    """Parse `IN-OUT:PROMPT[:TEMPERATURE][@FACE][:KEY=VALUE…]`, with the keys of an edit; return None for other text.

    A key that is set twice makes it other text.
    """
    match = _EDIT_PATTERN.fullmatch(text.strip())
    if match is None:
        return None
    start, end, prompt, temperature, face, rest = match.groups()
    pairs = [("in", start), ("out", end), ("prompt", prompt), ("temperature", temperature), ("face", face)]
    named = [part.partition("=")[::2] for part in _FIELD_START.split(rest) if part]
    pairs = [(name, value) for name, value in (*pairs, *named) if value is not None]
    return dict(pairs) if len(dict(pairs)) == len(pairs) else None


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


_PASSES = {"edits": 1, "path": 2}
"""A list of edits needs the film, and a path may use all other inputs, so they are filled in this order."""


def fill_inputs(
    preset: RawPreset,
    explicit: Mapping[str, Located],
    base: Path,
    missing_location: Location,
    lists: ReadLists,
    problems: Problems,
) -> dict[str, Located]:
    """Return the value of every input, with absolute paths; a value with a problem is marked invalid.

    Args:
        preset: the preset.
        explicit: the values that the job or the command line sets, by input name.
        base: the current folder, for the results of sources that are URLs.
        missing_location: where to report a missing input.
        lists: gets the files that were read besides the job.
        problems: gets the errors.
    """
    for name, tree in explicit.items():
        if name not in preset.inputs:
            hint = "choose it with --provider" if name == "provider" else list_available(name, preset.inputs)
            message = f"{preset.name} has no input {name!r}; {hint}"
            problems.add_at(tree.location, tree.path, message)
    filled: dict[str, Located] = {}
    for pass_number in range(3):
        for spec in preset.inputs.values():
            if _PASSES.get(spec.kind, 0) != pass_number:
                continue
            value = explicit.get(spec.name) or spec.default
            if value is None:
                problems.add_at(missing_location, (spec.name,), _missing_message(spec))
                value = _invalid(spec)
            elif spec.kind == "path":
                value = _out_path(value, filled, base, problems, default=spec.name not in explicit)
            filled[spec.name] = _checked(spec, _expand(spec, value, filled, lists, problems), problems)
            if spec.kind == "edits":
                from .edit_lists import add_sidecars

                filled |= add_sidecars(filled, explicit, spec.name, lists, problems)
    return {name: filled[name] for name in preset.inputs}


def _expand(spec: Input, tree: Located, filled: Mapping[str, Located], lists: ReadLists, problems: Problems) -> Located:
    """Read edits from the file that a value names; turn the path of a timeline into a mapping."""
    if spec.kind == "edits":
        from .edit_lists import names_a_file, read_edits

        return read_edits(tree, filled, lists, problems) if names_a_file(tree) else tree
    if spec.kind == "timeline" and isinstance(tree.value, str):
        return tree.with_value({"file": tree})
    return tree


def _checked(spec: Input, tree: Located, problems: Problems) -> Located:
    if not spec.kind or tree.invalid:
        return _invalid(spec)
    if tree.value is None and spec.default is not None and spec.default.value is None:
        return tree
    before = len(problems)
    tree = make_paths_absolute(tree, INPUT_KINDS[spec.kind], problems)
    _check(spec, tree, problems)
    return tree if len(problems) == before else _invalid(spec)


def _invalid(spec: Input) -> Located:
    return Located(None, spec.tree.location, (spec.name,), invalid=True)


def _missing_message(spec: Input) -> str:
    about = f" ({spec.about})" if spec.about else ""
    return f"missing input{about}: set it in a job as `{spec.name}: …`, or with {_option(spec)}"


def _option(spec: Input) -> str:
    if spec.kind == "edits":
        return "--edit IN-OUT:PROMPT"
    return "--out FILE" if spec.name == "out" else f"--set {spec.name}=…"


def _check(spec: Input, tree: Located, problems: Problems) -> None:
    if spec.kind == "choice":
        choice = describe(tree.value) if isinstance(tree.value, bool) else str(tree.plain)
        if choice not in spec.choices:
            problems.add(tree, not_one_of(choice, spec.choices))
        return
    validate(INPUT_KINDS[spec.kind], tree, problems)
    if spec.kind == "edits":
        if tree.value == () and not problems.covers(tree):
            problems.add(tree, "there are no edits; write one such as {in: 12.4, out: 15.8, prompt: happy}")
        check_edits(tree, problems)
        for edit in tree.entries:
            for key in spec.requires:
                if key not in edit.members or edit.members[key].value is None:
                    problems.add_at(
                        edit.location, (*edit.path, key), f"is missing; every edit of this preset needs `{key}`"
                    )


def _out_path(
    tree: Located, filled: Mapping[str, Located], base: Path, problems: Problems, *, default: bool
) -> Located:
    """Fill in a path template; a default goes next to the source, or into the current folder if that is a URL."""
    if not isinstance(tree.value, str):
        return tree
    text = fill_template(tree, filled, base, problems)
    if text is None:
        return Located(None, tree.location, tree.path, invalid=True)
    if map_path(text) != text:
        return tree.with_value(text)  # of another machine: it is mapped where all paths become absolute
    folder = _source_folder(filled, base) if default else tree.location.folder
    return tree.with_value(str(folder / text)) if text else tree.with_value(text)


def _source_folder(filled: Mapping[str, Located], base: Path) -> Path:
    source = filled.get("source")
    if source is None or not isinstance(source.value, str) or is_url(source.value):
        return base
    return Path(source.value).parent


PARTS = ("stem", "suffix", "name", "parent")
_TEMPLATE_PART = re.compile(r"\{([A-Za-z_]\w*)(?:\.(\w+))?\}")
_UNSAFE_CHARACTERS = re.compile(r"[^\w.-]+")


def fill_template(tree: Located, inputs: Mapping[str, Located], base: Path, problems: Problems) -> str | None:
    """Replace each `{input.part}` in a text; other braces stay. Return None if that fails.

    Args:
        tree: the text.
        inputs: the values of the inputs so far.
        base: the `parent` of a URL.
        problems: gets the errors.
    """
    is_complete = True

    def value(match: re.Match[str]) -> str:
        nonlocal is_complete
        name, part = match.groups()
        if part is None and name not in inputs:
            return match[0]
        if name not in inputs or part not in PARTS:
            if name not in inputs:
                message = f"{not_one_of(name, inputs)}; write {{INPUT.PART}}"
            elif part is None:
                message = f"says no part of {name}; write {', '.join(f'{{{name}.{known}}}' for known in PARTS)}"
            else:
                message = f"{not_one_of(part, PARTS)}; write {{INPUT.PART}}"
            problems.add(tree, f"{match[0]}: {message}")
            is_complete = False
            return ""
        source = inputs[name]
        if source.invalid or not isinstance(source.value, str):
            if not source.invalid:
                problems.add(tree, f"{match[0]}: the input {name!r} is not a file")
            is_complete = False
            return ""
        return path_parts(source.value, base)[part]

    text = _TEMPLATE_PART.sub(value, str(tree.value))
    return text if is_complete else None


def path_parts(source: str, base: Path) -> dict[str, str]:
    """Split a path or a URL into stem, suffix, name and parent; a URL without a usable name becomes `video.mp4`."""
    if is_url(source):
        path = Path(base / (_UNSAFE_CHARACTERS.sub("_", Path(unquote(urlsplit(source).path)).name) or "video"))
        suffix = path.suffix if re.fullmatch(r"\.[A-Za-z][A-Za-z0-9]{1,4}", path.suffix) else ".mp4"
        stem = path.name.removesuffix(suffix).strip(".-") or "video"
    else:
        path = Path(source)
        stem, suffix = path.stem, path.suffix
    return {"stem": stem, "suffix": suffix, "name": stem + suffix, "parent": str(path.parent)}


def check_edits(edits: Located, problems: Problems) -> None:
    """Report overlaps and duplicate names; spans in different units are compared later, by the rate."""
    spans: dict[type, list[tuple[Instant, Instant, Located]]] = {}
    for edit in edits.entries:
        start, end = _moment(edit, "in"), _moment(edit, "out")
        if start is None or end is None or type(start) is not type(end):
            continue
        if order_key(start) < order_key(end):  # the edit itself refuses other spans
            spans.setdefault(type(start), []).append((order_key(start), order_key(end), edit))
    for same_unit in spans.values():
        _report_overlaps(same_unit, problems)
    _report_repeated_names(edits, problems)


def _moment(edit: Located, key: str) -> Moment | None:
    child = edit.members.get(key)
    try:
        return parse_time(child.value) if child is not None else None
    except ValueError:
        return None


def _report_overlaps(spans: list[tuple[Instant, Instant, Located]], problems: Problems) -> None:
    spans.sort(key=lambda span: span[:2])
    last_end, last = spans[0][1], spans[0][2]
    for start, end, edit in spans[1:]:
        if start < last_end:
            earlier, later = sorted((edit, last), key=_line_and_column)
            problems.add(later, f"{_span_text(later)} overlaps {_span_text(earlier)}{_line_reference(earlier, later)}")
        if end > last_end:
            last_end, last = end, edit


def _line_and_column(edit: Located) -> tuple[int, int]:
    return edit.location.line, edit.location.column


def _span_text(edit: Located) -> str:
    return "–".join(str(_moment(edit, key)) for key in ("in", "out"))


def _line_reference(earlier: Located, later: Located) -> str:
    line = earlier.location.line
    return f" on line {line}" if line and line != later.location.line else ""


def _report_repeated_names(edits: Located, problems: Problems) -> None:
    first_uses: dict[str, Located] = {}
    for edit in edits.entries:
        name = edit.members.get("name")
        if name is None or not isinstance(name.value, str):
            continue
        if name.value in first_uses:
            problems.add(name, f"the name {name.value!r} is used by two edits")
        first_uses.setdefault(name.value, name)
