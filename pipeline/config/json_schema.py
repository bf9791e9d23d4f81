"""JSON Schema (2020-12) of presets and jobs, for editors; what only a load can tell is left to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import TypeAdapter

from ..core.registry import NodeInfo, Registry
from .document_model import OnFailure
from .input_kinds import INPUT_KINDS, SPELLINGS
from .recipe import RESERVED
from .shipped import list_presets

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE: Schema = {"type": "string", "pattern": r"^\$[A-Za-z_][A-Za-z0-9_]*$", "description": "the value of an input"}


def preset_schema(registry: Registry) -> Schema:
    """Describe presets made of these nodes."""
    defs: Schema = {}
    nodes = {info.name: _node(info, defs) for info in registry.nodes.values()}
    alone = [info.name for info in registry.nodes.values() if not _required(info)]
    step = {"oneOf": [{"enum": sorted(alone)}, *(_long_form(name, schema) for name, schema in sorted(nodes.items()))]}
    return {
        "$schema": DIALECT,
        "title": "react1 preset",
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "about": {"type": "string", "description": "what the preset is for, in one line"},
            "inputs": {
                "type": "object",
                "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "not": {"enum": list(RESERVED)}},
                "additionalProperties": {"$ref": "#/$defs/Input"},
            },
            "steps": {"type": "array", "minItems": 1, "items": step},
        },
        "required": ["steps"],
        "additionalProperties": False,
        "$defs": {"Input": _input(), "From": _from(), **defs},
    }


def job_schema(_registry: Registry) -> Schema:
    """Describe jobs: exactly for the presets that ship, openly for others."""
    defs: Schema = {}
    rules = [_job_rule(one.name, one.inputs, defs) for one in list_presets()]
    return {
        "$schema": DIALECT,
        "title": "react1 job",
        "type": "object",
        "properties": {
            "preset": {
                "type": "string",
                "description": "a preset that ships, or the path of one, from this file's folder",
                "examples": [one.name for one in list_presets()],
            },
            "on_failure": {
                "enum": list(get_args(OnFailure)),
                "default": "stop",
                "description": "what becomes of a segment that fails",
            },
        },
        "required": ["preset"],
        "allOf": rules,
        "$defs": defs,
    }


def _node(info: NodeInfo, defs: Schema) -> Schema:
    schema = _described(info.ports.params, defs)
    properties = {key: _or_reference(child) for key, child in schema.get("properties", {}).items()}
    properties["id"] = {"type": "string", "description": "a name for the step (default: the node's)"}
    properties["from"] = {"$ref": "#/$defs/From"}
    made: Schema = {
        "description": info.about,
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    if schema.get("required"):
        made["required"] = schema["required"]
    return made


def _required(info: NodeInfo) -> bool:
    return any(field.is_required() for field in info.ports.params.model_fields.values())


def _long_form(name: str, schema: Schema) -> Schema:
    body = schema if schema.get("required") else {"anyOf": [schema, {"type": "null"}]}
    return {"type": "object", "properties": {name: body}, "required": [name], "additionalProperties": False}


def _or_reference(schema: Any) -> Schema:
    """Let `$name` stand for a value and for whatever a list holds."""
    if isinstance(schema, dict) and isinstance(schema.get("items"), dict):
        schema = {**schema, "items": _or_reference(schema["items"])}
    told = {key: schema[key] for key in ("description", "default") if key in schema}
    bare = {key: child for key, child in schema.items() if key not in (*told, "title")}
    return {**told, "anyOf": [bare, REFERENCE]}


def _input() -> Schema:
    return {
        "type": "object",
        "properties": {
            "kind": {"enum": list(INPUT_KINDS)},
            "about": {"type": "string"},
            "default": {"description": "the value where a job gives none; null leaves it open"},
            "choices": {"type": "array", "minItems": 1},
        },
        "required": ["kind"],
        "additionalProperties": False,
    }


def _from() -> Schema:
    steps = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    told = "the step that feeds this one, a list of steps, or a mapping of this node's inputs to steps"
    return {"description": told, "anyOf": [*steps["anyOf"], {"type": "object", "additionalProperties": steps}]}


def _job_rule(name: str, inputs: Mapping[str, Mapping[str, Any]], defs: Schema) -> Schema:
    values = {key: _value(spec, defs) for key, spec in inputs.items()}
    then: Schema = {"properties": {"preset": True, "on_failure": True, **values}, "additionalProperties": False}
    needed = [key for key, spec in inputs.items() if "default" not in spec]
    if needed:
        then["required"] = needed
    return {"if": {"properties": {"preset": {"const": name}}}, "then": then}


def _value(spec: Mapping[str, Any], defs: Schema) -> Schema:
    told = {key: spec[key] for key in ("about", "default") if spec.get(key) is not None}
    kind = spec["kind"]
    schema = (
        {"enum": list(spec["choices"])}
        if kind == "choice"
        else _described(SPELLINGS.get(kind, INPUT_KINDS[kind]), defs)
    )
    if "about" in told:
        schema["description"] = told["about"]
    if "default" in told:
        schema["default"] = told["default"]
    return schema


def _described(hint: Any, defs: Schema) -> Schema:
    schema = TypeAdapter(hint).json_schema(ref_template="#/$defs/{model}")
    defs.update(schema.pop("$defs", {}))
    if "Edit" in defs:
        properties = defs["Edit"]["properties"]
        properties.setdefault("emotion", {**properties["prompt"], "title": "Emotion"})
    return dict(schema)
