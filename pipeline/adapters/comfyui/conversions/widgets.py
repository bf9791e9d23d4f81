"""Turn a pydantic model into widgets, and the widgets' values back into its fields.

A field becomes one widget, and a field that is a model becomes one per part. Nothing is described a second time: type,
range, default and tooltip are the model's.

A value that may be left out is `default` in a list of choices, an empty text, or a number below the range: ComfyUI has
no empty number and no third state of a switch.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from ....core.errors import PresetError
from ....core.file import Deliver, Ingest, LocalOnly, is_marked
from ....located_yaml.located import Problems, parse_yaml
from ..box import Input
from ..work import in_box_terms

UNSET_CHOICE = "default"
OFF_CHOICE = "off"
_MAX_NUMBER = 2**31 - 1
"""Without a maximum ComfyUI limits numbers to 2048."""
_SLIDER_STEPS = 100
_PLACES = re.compile(r"\s*[.\d][^@:]*[@:]")
"""How a point `0.31,0.42@320f` and an envelope `0f:0,12f:1` begin, which are texts; `en, de` is a list."""
Kind = Literal["choice", "switch", "number", "text", "list", "path", "local", "out", "yaml"]

_MARKED_KINDS: tuple[tuple[type, Kind], ...] = ((Deliver, "out"), (Ingest, "path"), (LocalOnly, "local"))


@dataclass(frozen=True)
class Widget:
    """One widget, and the field of a model that it sets."""

    path: tuple[str, ...]
    """The keys to the field, as they are written in a preset."""
    kind: Kind
    input: Input
    unset: Any = None
    """The value that leaves the field out; None if there is none."""
    null: Any = None
    """The value that stands for `null` in a field with a default, such as a check that is switched off."""
    is_integer: bool = False
    """Whether numbers are integers."""


def widgets_of(
    model: type[BaseModel],
    *,
    leave_out: Collection[str] = (),
    always_set: Mapping[str, Any] | None = None,
    prefix: tuple[str, ...] = (),
) -> tuple[Widget, ...]:
    """Return the widgets of a model, in its order, required ones first.

    Args:
        model: the model.
        leave_out: fields that are sockets or have no widget.
        always_set: fields that always get a value, with the default of their widget.
        prefix: the keys to the model itself; with some, no widget is required.
    """
    schema = _schema_of(model)
    widgets = list(_widgets(model, schema, schema.get("$defs", {}), prefix, leave_out, always_set or {}))
    return tuple(sorted(widgets, key=lambda widget: widget.input.optional))


def advanced(widget: Widget) -> Widget:
    """Return a widget that the interface shows only on request."""
    return replace(widget, input=replace(widget.input, options={**widget.input.options, "advanced": True}))


@lru_cache(maxsize=256)
def _schema_of(model: type[BaseModel]) -> Mapping[str, Any]:
    """Return the JSON Schema of a model, which takes longer than the widgets: ComfyUI asks for them again and again."""
    return model.model_json_schema()


def _widgets(
    model: type[BaseModel],
    schema: Mapping[str, Any],
    definitions: Mapping[str, Any],
    prefix: tuple[str, ...],
    leave_out: Collection[str],
    always_set: Mapping[str, Any],
    parent: BaseModel | None = None,
) -> Iterable[Widget]:
    required = schema.get("required", ())
    for name, field in model.model_fields.items():
        if name in leave_out:
            continue
        key = field.alias or name
        part = schema["properties"][key]
        usual = getattr(parent, name) if parent is not None else None if field.is_required() else field.get_default()
        inner, nullable = _simplest(part, definitions)
        inner_model = _model_in(field.annotation)
        if "const" in inner and not nullable and not field.is_required():
            continue  # the only value there is
        if inner_model is not None and "properties" in inner:
            yield from _widgets(inner_model, inner, definitions, (*prefix, key), (), {}, _as_model(usual, inner_model))
            continue
        marked = next((kind for mark, kind in _MARKED_KINDS if is_marked(field, mark)), None)
        about = part.get("description", "")
        widget = _widget((*prefix, key), inner, nullable, usual, about, marked)
        if name in always_set:
            widget = _always_set(widget, always_set[name])
        yield replace(widget, input=replace(widget.input, optional=key not in required or bool(prefix)))


def _widget(
    path: tuple[str, ...], schema: Mapping[str, Any], nullable: bool, usual: Any, about: str, marked: Kind | None
) -> Widget:
    name = "_".join(path)
    options: dict[str, Any] = {"tooltip": in_box_terms(about)} if about else {}
    if len(path) > 1:
        options["display_name"] = f"{path[0]}: {' '.join(path[1:])}"
    if marked:
        return Widget(path, marked, Input(name, "STRING", {**options, "default": ""}), "")
    choices = [str(value) for value in schema.get("enum", [schema["const"]] if "const" in schema else [])]
    if choices:
        return _choice(path, choices, nullable, usual, options)
    kind = schema.get("type")
    if kind == "boolean":
        return _switch(path, nullable, usual, options)
    if kind in ("integer", "number"):
        return _number(path, schema, nullable, usual, options)
    if kind == "array":
        text = ", ".join(map(str, usual or ()))
        box = Input(name, "STRING", {**options, "default": text, "placeholder": "a, b, c"})
        return Widget(path, "list", box, "" if schema.get("minItems") else text)
    if kind == "string" or (isinstance(kind, list) and "string" in kind):
        text = "" if usual is None else str(usual)
        return Widget(path, "text", Input(name, "STRING", {**options, "default": text}), "")
    text = "" if usual is None else str(usual).lower() if isinstance(usual, bool) else str(usual)
    options["display_name"] = options.get("display_name", f"{name} (YAML)")
    return Widget(path, "yaml", Input(name, "STRING", {**options, "default": text}), "")


def _choice(path: tuple[str, ...], choices: list[str], nullable: bool, usual: Any, options: dict[str, Any]) -> Widget:
    unset = UNSET_CHOICE if nullable and usual is None else None
    null = OFF_CHOICE if nullable and usual is not None else None
    listed = [*([unset] if unset else []), *choices, *([null] if null else [])]
    chosen = unset or (str(usual) if usual is not None else choices[0])
    box = Input("_".join(path), "COMBO", {**options, "options": listed, "default": chosen})
    return Widget(path, "choice", box, unset, null)


def _switch(path: tuple[str, ...], nullable: bool, usual: Any, options: dict[str, Any]) -> Widget:
    if nullable:
        listed = [UNSET_CHOICE, "true", "false"]
        box = Input("_".join(path), "COMBO", {**options, "options": listed, "default": UNSET_CHOICE})
        return Widget(path, "switch", box, UNSET_CHOICE)
    return Widget(path, "switch", Input("_".join(path), "BOOLEAN", {**options, "default": bool(usual)}))


def _number(
    path: tuple[str, ...], schema: Mapping[str, Any], nullable: bool, usual: Any, options: dict[str, Any]
) -> Widget:
    is_integer = schema["type"] == "integer"
    as_type = int if is_integer else float
    minimum = schema.get("minimum", schema.get("exclusiveMinimum", -_MAX_NUMBER))
    maximum = schema.get("maximum", schema.get("exclusiveMaximum", _MAX_NUMBER))
    step = 1 if is_integer else 0.01
    below = as_type(0 if minimum > 0 else minimum - 1) if nullable else None
    unset, null = (below, None) if usual is None else (None, below)
    if below is not None:
        meaning = "default" if unset is not None else "off"
        options = {**options, "tooltip": f"{options.get('tooltip', '')} ({below:g}: {meaning})".strip()}
    default = as_type(usual if usual is not None else below if below is not None else max(minimum, 0))
    limits: dict[str, Any] = {
        "min": below if below is not None else as_type(minimum),
        "max": as_type(maximum),
        "step": step,
    }
    if below is None and (maximum - minimum) / step <= _SLIDER_STEPS:
        limits["display"] = "slider"
    name = "INT" if is_integer else "FLOAT"
    box = Input("_".join(path), name, {**options, "default": default, **limits})
    return Widget(path, "number", box, unset, null, is_integer)


def _always_set(widget: Widget, value: Any) -> Widget:
    """Return a widget without its value for "left out"."""
    options = {**widget.input.options, "default": value}
    if widget.kind == "choice":
        options["options"] = [choice for choice in options["options"] if choice != widget.unset]
    if widget.kind == "number" and widget.unset is not None:
        options["min"] = type(widget.unset)(widget.unset + 1 if widget.unset < 0 else 0)
        options["tooltip"] = str(options.get("tooltip", "")).rsplit(" (", 1)[0]
        options["display"] = "slider"
    return replace(widget, unset=None, input=replace(widget.input, options=options))


def read_widgets(widgets: Iterable[Widget], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the values set, nested as in a preset; what is left out is missing.

    Raises:
        PresetError: a value is not YAML where YAML is expected.
    """
    fields: dict[str, Any] = {}
    for widget in widgets:
        value = values.get(widget.input.name)
        is_emptied_list = widget.kind == "list" and widget.unset  # `disclose: []` discloses nothing, not the default
        is_empty = isinstance(value, str) and not value.strip() and not is_emptied_list
        if value is None or value == widget.unset or is_empty:
            continue
        *parents, key = widget.path
        target = fields
        for parent in parents:
            target = target.setdefault(parent, {})
        target[key] = None if widget.null is not None and value == widget.null else _read(widget, value)
    return fields


def _read(widget: Widget, value: Any) -> Any:
    if widget.kind == "switch" and isinstance(value, str):
        return value == "true"
    if widget.kind == "list":
        return [item.strip() for item in str(value).split(",") if item.strip()]
    if widget.kind == "yaml":
        return _yaml(widget.input.name, str(value))
    if widget.kind == "number" and widget.is_integer:
        return int(value)
    return value.strip() if isinstance(value, str) else value


def _yaml(name: str, text: str) -> Any:
    problems = Problems()
    tree = parse_yaml(text.encode("utf-8", "replace"), name, Path(), problems)
    for problem in problems:
        raise PresetError(f"{name}: not YAML: {problem.message}")
    value = tree.plain if tree is not None else None
    if isinstance(value, str) and "," in value and not _PLACES.match(value):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


def _simplest(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """Return the part of a schema that has the simplest widget, and whether null is allowed."""
    if "$ref" in schema:
        return _simplest(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    alternatives = schema.get("anyOf")
    if alternatives is None:
        return schema, False
    parts = [_simplest(part, definitions)[0] for part in alternatives if part.get("type") != "null"]
    nullable = len(parts) < len(alternatives)
    with_fields = [part for part in parts if "properties" in part and len(part["properties"]) > 1]
    long_form = [part for part in with_fields if part.get("maxProperties") != 1]
    if long_form:
        return long_form[0], nullable
    simple = [part for part in parts if "enum" in part or part.get("type") in ("string", "number", "integer")]
    if len(parts) == 1 or (simple and len(parts) == len(simple) + len(with_fields)):
        return (simple or parts)[0], nullable
    return {}, nullable


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a field that may also be None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    models = [model for part in getattr(annotation, "__args__", ()) if (model := _model_in(part)) is not None]
    return models[0] if len(models) == 1 and not hasattr(annotation, "__origin__") else None


def _as_model(value: Any, model: type[BaseModel]) -> BaseModel | None:
    return value if isinstance(value, model) else None
