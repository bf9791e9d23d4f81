"""Convert a node's parameters to ComfyUI widgets, and the widgets' values back to parameters.

A widget is `(type, options)`, a choice is `(list, options)`: https://docs.comfy.org/custom-nodes/backend/datatypes
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..core.errors import PresetError
from ..core.node import Params

UNSET_CHOICE = "default"
"""The choice for a parameter without a value."""
_MAX_NUMBER = 2**31 - 1
"""Without a maximum ComfyUI limits numbers to 2048."""
_NUMBERS = {"integer": ("INT", 1, int), "number": ("FLOAT", 0.01, float)}

Widget = tuple[Any, dict[str, Any]]


def widgets(params: type[Params]) -> tuple[dict[str, Widget], dict[str, Widget]]:
    """Return the widgets of required parameters and those of optional ones."""
    schema = params.model_json_schema()
    required_names = schema.get("required", ())
    by_name = {name: widget(part, name in required_names) for name, part in schema["properties"].items()}
    required = {name: by_name[name] for name in required_names}
    return required, {name: part for name, part in by_name.items() if name not in required}


def widget(schema: Mapping[str, Any], required: bool) -> Widget:
    """Build a widget from the JSON Schema of a parameter."""
    options: dict[str, Any] = {"tooltip": schema["description"]} if "description" in schema else {}
    value_schema, optional = _without_null(schema)
    default = schema.get("default")
    if choices := _choices(value_schema):
        choices = [UNSET_CHOICE, *choices] if optional and not required else choices
        return choices, options | ({"default": _default_text(default)} if _default_text(default) in choices else {})
    if optional and _json_type(value_schema) in _NUMBERS:
        return "STRING", options | {"default": "", "placeholder": "empty: default"}
    if _json_type(value_schema) == "boolean":
        return "BOOLEAN", options | {"default": bool(default)}
    if _json_type(value_schema) in _NUMBERS:
        return _number(value_schema, default, options)
    if is_text(schema):
        return "STRING", options | {"default": default if isinstance(default, str) else ""}
    shown = "" if default is None else json.dumps(default, ensure_ascii=False)
    return "STRING", options | {"default": shown, "multiline": True, "placeholder": "YAML"}


def _without_null(schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    alternatives = schema.get("anyOf")
    if alternatives is None:
        return schema, False
    non_null = [alternative for alternative in alternatives if alternative.get("type") != "null"]
    return (non_null[0] if len(non_null) == 1 else {}), len(non_null) < len(alternatives)


def _json_type(value_schema: Mapping[str, Any]) -> str:
    """Return the JSON type; `string` if it is one of several, empty if there is no single type."""
    types = value_schema.get("type", "")
    if isinstance(types, str):
        return types
    return "string" if "string" in types else ""


def _choices(value_schema: Mapping[str, Any]) -> list[str]:
    if "const" in value_schema:
        return [str(value_schema["const"])]
    return [str(value) for value in value_schema.get("enum", ())]


def _default_text(default: Any) -> str:
    return UNSET_CHOICE if default is None else str(default)


def _number(value_schema: Mapping[str, Any], default: Any, options: dict[str, Any]) -> Widget:
    name, step, as_type = _NUMBERS[value_schema["type"]]
    minimum = value_schema.get("minimum", value_schema.get("exclusiveMinimum", -_MAX_NUMBER))
    maximum = value_schema.get("maximum", value_schema.get("exclusiveMaximum", _MAX_NUMBER))
    limits = {"min": as_type(minimum), "max": as_type(maximum), "step": step}
    return name, options | limits | {"default": as_type(default if default is not None else max(minimum, 0))}


def is_text(schema: Mapping[str, Any]) -> bool:
    """Return whether a parameter is plain text: a path, a URL or a time."""
    return _json_type(_without_null(schema)[0]) == "string"


def parameters(params: type[Params], values: Mapping[str, Any]) -> dict[str, Any]:
    """Convert widget values to parameters; omit empty values and default choices.

    Raises:
        PresetError: a value is not YAML where YAML is expected.
    """
    schema = params.model_json_schema()["properties"]
    read = {name: _read(name, schema[name], value) for name, value in values.items() if name in schema}
    return {name: value for name, value in read.items() if value is not None}


def _read(name: str, schema: Mapping[str, Any], value: Any) -> Any:
    value_schema, optional = _without_null(schema)
    if not isinstance(value, str):
        return value
    if not value.strip() or (optional and value == UNSET_CHOICE and _choices(value_schema)):
        return None
    if is_text(schema) or _choices(value_schema):
        return value
    return _yaml(name, value)


def _yaml(name: str, text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise PresetError(f"{name}: not YAML: {' '.join(str(error).split())}") from error
