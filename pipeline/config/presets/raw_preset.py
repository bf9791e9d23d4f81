"""A preset as written: its inputs and steps before any value is filled in, and the kinds of inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core.edits.edit import Edit
from ...core.errors import not_one_of
from ...core.file import FileOrUrl, OutPath
from ...core.times import Time
from ...interchange.entries import ListFile
from ...located_yaml.located import Located, Problems, describe
from ..graph import Source

PRESET_KEYS = ("name", "about", "inputs", "steps")
INPUT_KEYS = ("kind", "about", "default", "choices", "requires")
EDIT_KEYS = tuple(field.alias or name for name, field in Edit.model_fields.items())
RESERVED = ("preset", "on_failure", "name", "about", "inputs", "steps")


@dataclass(frozen=True)
class Input:
    """An input of a preset, for which a job gives the value."""

    name: str
    kind: str
    about: str
    tree: Located
    default: Located | None = None
    """None if a value is required; a default of `null` makes it optional."""
    choices: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    """For edits: the keys that each of them must have, such as `audio`."""


@dataclass(frozen=True)
class RawStep:
    """A step as written; `params` is always a mapping."""

    id: str
    node: str
    tree: Located
    params: Located
    sources: tuple[Source[Located], ...] = ()


@dataclass(frozen=True)
class RawPreset:
    """A preset as written."""

    name: str
    about: str
    inputs: Mapping[str, Input]
    steps: tuple[RawStep, ...]


def parse_preset(tree: Located, name: str, problems: Problems) -> RawPreset:
    """Parse a preset; `name` is the default for its name."""
    report_unknown_keys(tree, PRESET_KEYS, problems)
    return RawPreset(
        name=_text_member(tree, "name", problems) or name,
        about=_text_member(tree, "about", problems),
        inputs=_parse_inputs(tree, problems),
        steps=_parse_steps(tree, problems),
    )


def report_unknown_keys(tree: Located, allowed: tuple[str, ...], problems: Problems) -> None:
    """Report every key of a mapping that is not allowed."""
    for key in tree.members:
        if key not in allowed:
            problems.add_at(tree.key_location(key), (*tree.path, key), f"unknown key: {not_one_of(key, allowed)}")


def _text_member(tree: Located, key: str, problems: Problems) -> str:
    child = tree.members.get(key)
    if child is None or child.value is None:
        return ""
    if not isinstance(child.value, str):
        problems.add(child, f"expected text, not {describe(child.plain)}")
        return ""
    return child.value


def _parse_inputs(tree: Located, problems: Problems) -> dict[str, Input]:
    inputs = tree.members.get("inputs")
    if inputs is None or inputs.value is None:
        return {}
    if not isinstance(inputs.value, Mapping):
        problems.add(inputs, f"expected a mapping of input names, not {describe(inputs.plain)}")
        return {}
    results = {}
    for name, spec in inputs.members.items():
        if name in RESERVED:
            message = f"{name!r} is reserved for jobs; choose another name for the input"
            problems.add_at(inputs.key_location(name), spec.path, message)
        elif not name.isidentifier() or not name.isascii():
            problems.add_at(inputs.key_location(name), spec.path, "an input name may have only letters, digits and _")
        elif not isinstance(spec.value, Mapping):
            problems.add(spec, f"expected a mapping such as {{kind: media}}, not {describe(spec.plain)}")
        else:
            results[name] = _parse_input(name, spec, inputs, problems)
    return results


def _parse_input(name: str, spec: Located, inputs: Located, problems: Problems) -> Input:
    report_unknown_keys(spec, INPUT_KEYS, problems)
    kind = spec.members.get("kind")
    if kind is None:
        problems.add_at(inputs.key_location(name), (*spec.path, "kind"), f"is missing: one of {', '.join(INPUT_KINDS)}")
    elif kind.value not in INPUT_KINDS:
        problems.add(kind, not_one_of(str(kind.plain), INPUT_KINDS))
    choices = spec.members.get("choices")
    choice_names = tuple(_choice_text(choice) for choice in choices.entries) if choices else ()
    if kind is not None and kind.value == "choice" and not choice_names:
        problems.add(choices or spec, "an input of kind choice needs `choices`, the list of its values")
    requires = spec.members.get("requires")
    required_keys = tuple(str(entry.plain) for entry in requires.entries) if requires else ()
    if requires is not None and (kind is None or kind.value != "edits"):
        problems.add(requires, "only an input of kind edits may have `requires`")
    elif requires is not None and (not required_keys or set(required_keys) - set(EDIT_KEYS)):
        problems.add(requires, f"expected a list of keys of an edit: {', '.join(EDIT_KEYS)}")
    valid_kind = str(kind.value) if kind is not None and kind.value in INPUT_KINDS else ""
    about = _text_member(spec, "about", problems)
    return Input(name, valid_kind, about, spec, spec.members.get("default"), choice_names, required_keys)


def _choice_text(tree: Located) -> str:
    return describe(tree.value) if isinstance(tree.value, bool) else str(tree.plain)


def _parse_steps(tree: Located, problems: Problems) -> tuple[RawStep, ...]:
    steps = tree.members.get("steps")
    if steps is None:
        problems.add_at(tree.location, ("steps",), "is missing: the list of nodes to run, in order")
        return ()
    if not steps.entries:
        message = "there are no steps" if steps.value in ((), None) else f"expected a list, not {describe(steps.plain)}"
        problems.add(steps, message)
        return ()
    results = [step for entry in steps.entries if (step := _parse_step(entry, problems)) is not None]
    _require_unique_ids(results, problems)
    return tuple(results)


def _parse_step(entry: Located, problems: Problems) -> RawStep | None:
    if isinstance(entry.value, str):
        return RawStep(entry.value, entry.value, entry, entry.with_value({}))
    if len(entry.members) != 1:
        problems.add(entry, _not_a_step_message(entry))
        return None
    ((node, body),) = entry.members.items()
    if body.value is not None and not isinstance(body.value, Mapping):
        problems.add(body, f"expected the parameters of {node} as a mapping, not {describe(body.plain)}")
        return None
    members = dict(body.members)
    id_value, sources = members.pop("id", None), members.pop("from", None)
    params = Located(members, body.location if members else entry.key_location(node), body.path, body.keys, body.size)
    step_id = node
    if id_value is not None:
        if isinstance(id_value.value, str) and id_value.value:
            step_id = id_value.value
        else:
            problems.add(id_value, f"expected a name for the step, not {describe(id_value.plain)}")
    return RawStep(step_id, node, entry, params, _parse_sources(sources, problems) if sources else ())


def _not_a_step_message(entry: Located) -> str:
    if len(entry.members) > 1:
        first_uses = next(iter(entry.members))
        if {"id", "from"} & set(entry.members):
            return f"`id` and `from` go inside the node's mapping, such as {first_uses}: {{id: …}}"
        return f"a step has one node, not {', '.join(entry.members)}; begin each step with a dash"
    return f"expected a node, such as `- trim: {{…}}`, not {describe(entry.plain)}"


def _parse_sources(tree: Located, problems: Problems) -> tuple[Source[Located], ...]:
    """Parse `from`: a step, a list of steps, or a mapping of inputs to either."""
    if isinstance(tree.value, Mapping):
        return tuple(
            source for port, child in tree.members.items() for source in _parse_sources_list(child, port, problems)
        )
    return tuple(_parse_sources_list(tree, "", problems))


def _parse_sources_list(tree: Located, port: str, problems: Problems) -> list[Source[Located]]:
    results = []
    for entry in tree.entries if isinstance(tree.value, tuple) else (tree,):
        if isinstance(entry.value, str):
            results.append(Source(entry.value, entry, port))
        else:
            problems.add(entry, f"expected the ID of a step above, not {describe(entry.plain)}")
    return results


def _require_unique_ids(steps: list[RawStep], problems: Problems) -> None:
    first_uses: dict[str, RawStep] = {}
    for step in steps:
        if step.id in first_uses:
            line = first_uses[step.id].tree.location.line
            problems.add(step.tree, f"duplicate step {step.id!r}; the first is on line {line}; give this one an `id:`")
        first_uses.setdefault(step.id, step)


INPUT_KINDS: Mapping[str, Any] = {
    "media": FileOrUrl,
    "edits": list[Edit],
    "timeline": ListFile,
    "path": OutPath,
    "file": FileOrUrl,
    "text": str,
    "time": Time,
    "number": float,
    "integer": int,
    "boolean": bool,
    "choice": str,
    "options": dict[str, Any] | str,
}
"""Kind → the type of its values; a `choice` must also be one of its `choices`.

`options` is a mapping for a parameter with parts of its own, or a word, its short form; the node checks it.
"""

JOB_TYPES: Mapping[str, Any] = {"edits": list[Edit] | ListFile | str, "timeline": ListFile | str}
"""Kind → what a job may write, if that is more than the type: edits may come from a file of their own."""

VERBATIM = ("media", "path", "file", "text", "time", "choice")
"""Kinds whose value is the text of `--set` unchanged; the others are parsed as YAML."""
