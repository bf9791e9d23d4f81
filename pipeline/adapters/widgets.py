"""ComfyUI's inputs from a node's parameters, and back; pure.

Source  https://docs.comfy.org/custom-nodes/backend/datatypes
        A widget is `(type, options)`, a choice is `(list, options)`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..core.errors import PresetError
from ..core.node import Params

LEFT_OUT = "default"
"""The choice that stands for leaving a parameter out."""
_MOST = 2**31 - 1
"""ComfyUI ends numbers at 2048 where it is told nothing."""
_NUMBERS = {"integer": ("INT", 1, int), "number": ("FLOAT", 0.01, float)}

Widget = tuple[Any, dict[str, Any]]


def widgets(params: type[Params]) -> tuple[dict[str, Widget], dict[str, Widget]]:
    """Give the widgets of the parameters that must be given, and of those that may be left out."""
    schema = params.model_json_schema()
    made = {name: widget(about, name in schema.get("required", ())) for name, about in schema["properties"].items()}
    required = {name: made[name] for name in schema.get("required", ())}
    return required, {name: each for name, each in made.items() if name not in required}


def widget(about: Mapping[str, Any], required: bool) -> Widget:
    """Make one widget from the JSON Schema of a parameter."""
    options: dict[str, Any] = {"tooltip": about["description"]} if "description" in about else {}
    kind, may_be_none = _without_null(about)
    default = about.get("default")
    if choices := _choices(kind):
        choices = [LEFT_OUT, *choices] if may_be_none and not required else choices
        return choices, options | ({"default": _spelled(default)} if _spelled(default) in choices else {})
    if may_be_none and _type(kind) in _NUMBERS:
        return "STRING", options | {"default": "", "placeholder": "empty: left out"}
    if _type(kind) == "boolean":
        return "BOOLEAN", options | {"default": bool(default)}
    if _type(kind) in _NUMBERS:
        return _number(kind, default, options)
    if is_text(about):
        return "STRING", options | {"default": default if isinstance(default, str) else ""}
    shown = "" if default is None else json.dumps(default, ensure_ascii=False)
    return "STRING", options | {"default": shown, "multiline": True, "placeholder": "YAML"}


def _without_null(about: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    kinds = about.get("anyOf")
    if kinds is None:
        return about, False
    others = [kind for kind in kinds if kind.get("type") != "null"]
    return (others[0] if len(others) == 1 else {}), len(others) < len(kinds)


def _type(kind: Mapping[str, Any]) -> str:
    """Give the one JSON type; text where text is one of several, empty where there is none."""
    types = kind.get("type", "")
    if isinstance(types, str):
        return types
    return "string" if "string" in types else ""


def _choices(kind: Mapping[str, Any]) -> list[str]:
    if "const" in kind:
        return [str(kind["const"])]
    return [str(value) for value in kind.get("enum", ())]


def _spelled(default: Any) -> str:
    return LEFT_OUT if default is None else str(default)


def _number(kind: Mapping[str, Any], default: Any, options: dict[str, Any]) -> Widget:
    name, step, as_type = _NUMBERS[kind["type"]]
    low = kind.get("minimum", kind.get("exclusiveMinimum", -_MOST))
    high = kind.get("maximum", kind.get("exclusiveMaximum", _MOST))
    limits = {"min": as_type(low), "max": as_type(high), "step": step}
    return name, options | limits | {"default": as_type(default if default is not None else max(low, 0))}


def is_text(about: Mapping[str, Any]) -> bool:
    """Tell whether a parameter is written as plain text: a path, an address, a time."""
    return _type(_without_null(about)[0]) == "string"


def parameters(params: type[Params], given: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the values of widgets into parameters; what was left empty or at its default choice is left out.

    Raises:
        PresetError: a value that should be YAML is not.
    """
    schema = params.model_json_schema()["properties"]
    read = {name: _read(name, schema[name], value) for name, value in given.items() if name in schema}
    return {name: value for name, value in read.items() if value is not None}


def _read(name: str, about: Mapping[str, Any], value: Any) -> Any:
    kind, may_be_none = _without_null(about)
    if not isinstance(value, str):
        return value
    if not value.strip() or (may_be_none and value == LEFT_OUT and _choices(kind)):
        return None
    if is_text(about) or _choices(kind):
        return value
    return _yaml(name, value)


def _yaml(name: str, text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise PresetError(f"{name}: not YAML: {' '.join(str(error).split())}") from error
