"""Build checked and connected steps from those of a preset: fill in inputs, validate parameters, connect.

`--online FOLDER` adds `ONLINE_STEPS` after the step that renders takes. Takes are keyed by the proxy, so paid takes are
reused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from ..core.edits.edit import Edit
from ..core.errors import InputMediaError, PresetError, list_available
from ..core.file import NamesSource, is_marked
from ..core.nodes.node import Params, delivery, makes_takes
from ..core.nodes.registry import NodeInfo, Registry
from ..located_yaml.explain import is_url, make_paths_absolute, type_at, validate
from ..located_yaml.located import Json, Located, Location, Problems, from_plain, parse_yaml
from .checked_job import Step
from .graph import Unwired, wire
from .inputs import check_edits, override_provider
from .presets.raw_preset import RawPreset, RawStep, parse_preset


def build_steps(
    preset: RawPreset,
    inputs: Mapping[str, Located],
    registry: Registry,
    provider: str | None,
    base: Path,
    problems: Problems,
) -> tuple[tuple[Step, ...], dict[str, Json]]:
    """Return the checked and connected steps, and the filled-in parameters of each, by step ID."""
    resolved = [(raw, info) for raw in preset.steps if (info := _node_info(raw, registry, problems)) is not None]
    checked: dict[str, tuple[NodeInfo, Params]] = {}
    plain: dict[str, Json] = {}
    for raw, info in resolved:
        tree = _step_params(raw, info, inputs, provider, base, problems)
        params = validate(info.ports.params, tree, problems)
        if isinstance(params, Params):
            checked[raw.id], plain[raw.id] = (info, params), tree.plain
    if len(resolved) < len(preset.steps):
        return (), plain
    wiring = wire([Unwired(raw.id, info.name, info.ports, raw.tree, raw.sources) for raw, info in resolved])
    for tree, message in wiring.problems:
        problems.add(tree, message)
    wired = {wired_step.id: wired_step for wired_step in wiring.steps}
    steps = tuple(
        Step(step_id, info, params, wired[step_id].wires, wired[step_id].fanned)
        for step_id, (info, params) in checked.items()
    )
    return steps, plain


def _node_info(raw: RawStep, registry: Registry, problems: Problems) -> NodeInfo | None:
    try:
        return registry.get(raw.node)
    except PresetError as unknown:
        location = raw.tree.key_location(raw.node)
        problems.add_at(location, raw.tree.path, unknown.problems[0].message)
        return None


def _step_params(
    raw: RawStep, info: NodeInfo, inputs: Mapping[str, Located], provider: str | None, base: Path, problems: Problems
) -> Located:
    model = info.ports.params
    tree = substitute(raw.params, inputs, problems)
    if provider is not None and "provider" in model.model_fields:
        tree = override_provider(tree, provider, base, raw.id, problems)
    tree = make_paths_absolute(tree, model, problems)
    for key, child in tree.members.items():
        if type_at(model, (key, 0)) is Edit:
            check_edits(child, problems)
    return tree


_REFERENCE = re.compile(r"\$([A-Za-z_]\w*)")


def substitute(tree: Located, inputs: Mapping[str, Located], problems: Problems) -> Located:
    """Replace every value that is `$name` by the input; `$$` at the start is a literal dollar.

    A replacement is not searched again. A key whose input has no value is removed, so that the node's default applies.
    """
    if isinstance(tree.value, Mapping):
        members = {}
        for key, child in tree.members.items():
            replacement = substitute(child, inputs, problems)
            if not (replacement is not child and replacement.value is None and not replacement.invalid):
                members[key] = replacement
        return tree.with_value(members)
    if isinstance(tree.value, tuple):
        return tree.with_value(tuple(substitute(child, inputs, problems) for child in tree.entries))
    if not isinstance(tree.value, str) or not tree.value.startswith("$"):
        return tree
    return _resolve_reference(tree, tree.value, inputs, problems)


def _resolve_reference(tree: Located, text: str, inputs: Mapping[str, Located], problems: Problems) -> Located:
    if text.startswith("$$"):
        return tree.with_value(text[1:])
    match = _REFERENCE.fullmatch(text)
    if match is None:
        problems.add(tree, f"{text!r} mixes an input with text; write $name alone ($$ is a literal dollar)")
        return Located(None, tree.location, tree.path, invalid=True)
    if match[1] not in inputs:
        problems.add(tree, f"no input ${match[1]}; {list_available(match[1], inputs)}")
        return Located(None, tree.location, tree.path, invalid=True)
    return inputs[match[1]]


ONLINE_STEPS = b"""
steps:
  - relink: {original: $original}
  - online:
"""
"""Replace the proxy by the camera original, and move each take to it."""


def add_online_steps(
    preset: RawPreset,
    inputs: Mapping[str, Located],
    explicit: Collection[str],
    folder: Path,
    registry: Registry,
    problems: Problems,
) -> tuple[RawPreset, Mapping[str, Located]]:
    """Return the preset and the inputs with the steps for the camera original of the input `source`.

    Unless `explicit` has `out`, the film gets the original's name and container.
    """
    location = Location("--online", folder.parent)
    source = inputs.get("source")
    index = next((number for number, step in enumerate(preset.steps) if _makes_takes(step, registry)), None)
    if index is None:
        problems.add_at(location, (), f"{preset.name} has no step that renders takes for the originals")
        return preset, inputs
    if source is None or not isinstance(source.value, str) or is_url(source.value):
        problems.add_at(location, (), "the proxy must be a local file; download it first")
        return preset, inputs
    from ..interchange.turnover.originals import check_original, find_original

    try:
        original = find_original(Path(source.value), folder)
        check_original(Path(source.value), original)
    except InputMediaError as error:
        problems.add_at(location, (), str(error))
        return preset, inputs
    if "out" in inputs and "out" not in explicit:
        output_path = Path(source.value).with_name(f"{original.stem}.react1{original.suffix}")
        inputs = {**inputs, "out": inputs["out"].with_value(str(output_path))}
    path = from_plain(str(original), location)
    later_steps = [_with_source_path(step, path, registry) for step in preset.steps[index + 1 :]]
    new_steps = _online_steps(path, folder, problems)
    return replace(preset, steps=(*preset.steps[: index + 1], *new_steps, *later_steps)), inputs


def add_optional_steps(
    preset: RawPreset, inputs: Mapping[str, Located], registry: Registry, problems: Problems
) -> tuple[RawPreset, Mapping[str, Located]]:
    """Return the preset with the steps that the inputs `disclosure` and `provenance` ask for, and the inputs."""
    for add_step in (add_disclosure_step, add_sign_step):
        preset = add_step(preset, inputs, registry, problems)
    return preset, inputs


def add_sign_step(
    preset: RawPreset, inputs: Mapping[str, Located], registry: Registry, problems: Problems
) -> RawPreset:
    """Return the preset with a step that signs its film, if the input `provenance` is set and no step has it.

    The step delivers the film in place of the step that makes it.
    """
    provenance = inputs.get("provenance")
    if provenance is None or provenance.value is None or provenance.invalid:
        return preset
    index = next((n for n, step in enumerate(preset.steps) if _makes_film(step, registry)), None)
    if index is None or any(step.node == "sign" for step in preset.steps):
        if index is None:
            problems.add(provenance, f"{preset.name} has no step that makes a film to sign")
        return preset
    if not isinstance(provenance.value, Mapping):
        problems.add(provenance, "expected {certificate: FILE, key: FILE}, or {} for those in the environment")
        return preset
    maker = preset.steps[index]
    out = maker.params.members.get("out")
    members = {**provenance.members, **({"out": out} if out is not None else {})}
    signing = _new_step("sign", replace(provenance, value=members), problems)
    other_params = {key: child for key, child in maker.params.members.items() if key != "out"}
    maker = replace(maker, params=replace(maker.params, value=other_params))
    return replace(preset, steps=(*preset.steps[:index], maker, signing, *preset.steps[index + 1 :]))


def add_disclosure_step(
    preset: RawPreset, inputs: Mapping[str, Located], registry: Registry, problems: Problems
) -> RawPreset:
    """Return the preset with a step that labels the edited frames, if the input `disclosure` is set."""
    disclosure = inputs.get("disclosure")
    if disclosure is None or disclosure.value is None or disclosure.invalid:
        return preset
    if isinstance(disclosure.value, str):
        disclosure = disclosure.with_value({"label": disclosure})
    index = next((n for n, step in enumerate(preset.steps) if _makes_film(step, registry)), None)
    if index is None or not isinstance(disclosure.value, Mapping):
        problems.add(disclosure, "expected {label: TEXT, where: CORNER}, for a preset that makes a film")
        return preset
    labelling = _new_step("disclose", disclosure, problems)
    return replace(preset, steps=(*preset.steps[:index], labelling, *preset.steps[index:]))


def _new_step(node: str, params: Located, problems: Problems) -> RawStep:
    tree = from_plain({"name": node, "steps": [{node: None}]}, params.location)
    (step,) = parse_preset(tree, node, problems).steps
    return replace(step, params=params)


def with_consent(inputs: Mapping[str, Located]) -> Mapping[str, Located]:
    """Return the inputs with the job's consent in every edit that has none of its own."""
    consent, edits = inputs.get("consent"), inputs.get("edits")
    if consent is None or consent.value is None or edits is None or not isinstance(edits.value, tuple):
        return inputs
    entries = tuple(
        edit if "consent" in edit.members else edit.with_value({**edit.members, "consent": consent})
        for edit in edits.entries
    )
    return {**inputs, "edits": edits.with_value(entries)}


def _makes_film(step: RawStep, registry: Registry) -> bool:
    info = registry.nodes.get(step.node)
    return info is not None and delivery(info.cls, info.ports) == "film"


def _makes_takes(step: RawStep, registry: Registry) -> bool:
    info = registry.nodes.get(step.node)
    return info is not None and makes_takes(info.cls, info.ports)


def _online_steps(path: Located, folder: Path, problems: Problems) -> list[RawStep]:
    tree = parse_yaml(ONLINE_STEPS, "--online", folder, problems)
    steps = parse_preset(tree, "--online", problems).steps if tree is not None else ()
    return [replace(step, params=substitute(step.params, {"original": path}, problems)) for step in steps]


def _with_source_path(step: RawStep, path: Located, registry: Registry) -> RawStep:
    """Return a step with the original's path in every parameter that holds the path of the source."""
    info = registry.nodes.get(step.node)
    fields = info.ports.params.model_fields if info is not None else {}
    names = [name for name, field in fields.items() if is_marked(field, NamesSource)]
    members = {**step.params.members, **dict.fromkeys(names, path)}
    return replace(step, params=replace(step.params, value=members)) if names else step
