"""Presets as Python: `Pipeline` builds the same steps as YAML, and converts to YAML and back.

from react1 import Pipeline, run

angry = Pipeline().fetch("$source").trim(edits="$edits").transcode().normalize_audio().upload()
angry = angry.input("source", "media").input("edits", "edits").react1(prompt="angry").conform().splice()
run(angry, source="interview.mp4", edits="12.4-15.8")
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ...core.errors import PresetError, did_you_mean
from ...core.nodes.registry import load_registry
from ...located_yaml.located import Problems, parse_yaml
from .raw_preset import parse_preset

Step = tuple[str, Mapping[str, Any]]
"""A node, and its parameters with `id` and `from`; plain values."""


@dataclass(frozen=True)
class PresetText:
    """A preset that is not in a file."""

    name: str
    text: str


@dataclass(frozen=True)
class Pipeline:
    """Steps in order, with the inputs that a run fills in; every method returns a new pipeline.

    Each node is a method of its own name, those of plug-ins too: its parameters are keywords (or positional, in their
    order), `id` names the step, and `from_` the step that feeds it.
    """

    name: str = "pipeline"
    about: str = ""
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Input name → kind, about, default."""
    steps: tuple[Step, ...] = ()

    def input(self, name: str, kind: str, **options: Any) -> Pipeline:
        """Declare an input, which a step names as `$name`.

        Args:
            name: of the input.
            kind: such as `media`, `edits`, `path`, `number`, `text` or `choice`.
            options: `about`, `default`, `choices`, `requires`.
        """
        return replace(self, inputs={**self.inputs, name: {"kind": kind, **_plain(options)}})

    def step(self, node: str, *args: Any, **params: Any) -> Pipeline:
        """Add a step by the name of its node.

        Raises:
            PresetError: there is no such node, or it has no such parameter.
        """
        fields = list(load_registry().get(node).ports.params.model_fields)
        if len(args) > len(fields):
            raise PresetError(f"{node}: {len(args)} positional values, but it has {len(fields)} parameters")
        if "from_" in params:
            params["from"] = params.pop("from_")
        doubled = [name for name in fields[: len(args)] if name in params]
        if doubled:
            raise PresetError(f"{node}: {doubled[0]} is given twice")
        unknown = [name for name in params if name not in (*fields, "id", "from")]
        if unknown:
            raise PresetError(f"{node}: no parameter {unknown[0]!r}{did_you_mean(unknown[0], fields)}")
        values = _plain({**dict(zip(fields, args, strict=False)), **params})
        return replace(self, steps=(*self.steps, (node, values)))

    def __getattr__(self, node: str) -> Callable[..., Pipeline]:
        """Return the method of a node."""
        if node.startswith("_"):
            raise AttributeError(node)
        nodes = load_registry().nodes
        if node not in nodes:
            raise AttributeError(f"no node {node!r}{did_you_mean(node, nodes)}")
        return lambda *args, **params: self.step(node, *args, **params)

    def to_yaml(self) -> str:
        """Return the preset as YAML; `from_yaml` of it is equal to this pipeline."""
        from ruamel.yaml import YAML

        document: dict[str, Any] = {"name": self.name}
        if self.about:
            document["about"] = self.about
        if self.inputs:
            document["inputs"] = _mutable(self.inputs)
        document["steps"] = [{node: _mutable(params)} if params else node for node, params in self.steps]
        yaml, stream = YAML(), io.StringIO()
        yaml.width = 120
        yaml.dump(document, stream)
        return stream.getvalue()

    @classmethod
    def from_yaml(cls, source: str | Path) -> Pipeline:
        """Return the pipeline of a preset: a `Path`, or YAML as text.

        Raises:
            PresetError: it is no preset; has all problems. What a step's parameters mean is checked when it runs.
        """
        problems = Problems()
        name = str(source) if isinstance(source, Path) else "text"
        try:
            data = source.read_bytes() if isinstance(source, Path) else source.encode()
        except OSError as error:
            raise PresetError(f"{source}: cannot be read: {error.strerror or error}") from error
        tree = parse_yaml(data, name, Path.cwd(), problems)
        problems.raise_if_any()
        plain: Any = tree.plain if tree is not None else None
        if tree is None or not isinstance(plain, Mapping) or "steps" not in plain:
            raise PresetError(f"{name}: expected a preset, a mapping with `steps:`")
        preset = parse_preset(tree, source.stem if isinstance(source, Path) else "pipeline", problems)
        problems.raise_if_any()
        steps = tuple(_step_of(item) for item in plain["steps"])
        return cls(preset.name, preset.about, dict(plain.get("inputs") or {}), steps)

    def preset_text(self) -> PresetText:
        """Return it as a preset that a run can load."""
        return PresetText(self.name, self.to_yaml())


def _step_of(item: Any) -> Step:
    if isinstance(item, str):
        return item, {}
    ((node, params),) = item.items()
    return str(node), dict(params or {})


def _plain(value: Any) -> Any:
    """Return a value as YAML has it: models as mappings, paths as text, tuples as lists."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _mutable(value: Any) -> Any:
    """Return a copy, so that equal objects do not become YAML anchors."""
    if isinstance(value, Mapping):
        return {name: _mutable(item) for name, item in value.items()}
    return [_mutable(item) for item in value] if isinstance(value, list) else value
