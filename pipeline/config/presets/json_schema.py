"""JSON Schema (2020-12) of presets and jobs, for editors; a load checks more than a schema can."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import TypeAdapter

from ...core.nodes.registry import NodeInfo, Registry
from ..checked_job import OnFailure
from .raw_preset import INPUT_KINDS, JOB_TYPES, RESERVED
from .shipped import list_presets

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
JOB_OPTIONS: Schema = {
    "on_failure": {
        "enum": list(get_args(OnFailure)),
        "default": "stop",
        "description": "what to do if a segment fails: stop, or keep its original footage",
    },
    "project": {
        "type": ["string", "integer"],
        "description": "the project that paid calls count for in `react1 spend --by project`",
    },
}
"""What a job of any preset may say besides the preset and its inputs."""
ENVELOPE_TEXT = "^[0-9f:;., ]+$"
"""A strength as text, over a span such as `0f:0,12f:1`."""
SHORT_FORMS: Schema = {
    "FacePoint": {"type": "string", "pattern": "^[0-9. ]+,[0-9. ]+@.+$", "examples": ["0.31,0.42@320f"]},
    "StrengthPoint": {
        "type": "array",
        "prefixItems": [{"type": ["string", "number"]}, {"type": "number", "minimum": 0, "maximum": 1}],
        "minItems": 2,
        "maxItems": 2,
    },
}
"""What else an edit may have in the place of a model; the model's own validators read it."""
REFERENCE: Schema = {"type": "string", "pattern": r"^\$[A-Za-z_][A-Za-z0-9_]*$", "description": "the value of an input"}


def preset_schema(registry: Registry) -> Schema:
    """Build the schema of presets with these nodes."""
    defs: Schema = {}
    nodes = {info.name: _node_schema(info, defs) for info in registry.nodes.values()}
    without_params = [info.name for info in registry.nodes.values() if not _has_required(info)]
    step = {
        "oneOf": [
            {"enum": sorted(without_params)},
            *(_mapping_form(name, schema) for name, schema in sorted(nodes.items())),
        ]
    }
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
        "$defs": {"Input": _input_schema(), "From": _from_schema(), **defs},
    }


def job_schema(_registry: Registry) -> Schema:
    """Build the schema of jobs: exact for shipped presets, open for others."""
    defs: Schema = {}
    rules = [_job_rule(preset.name, preset.inputs, defs) for preset in list_presets()]
    return {
        "$schema": DIALECT,
        "title": "react1 job",
        "type": "object",
        "properties": {
            "preset": {
                "type": "string",
                "description": "the name of a shipped preset, or the path of a preset, relative to this file",
                "examples": [preset.name for preset in list_presets()],
            },
            **JOB_OPTIONS,
        },
        "required": ["preset"],
        "allOf": rules,
        "$defs": defs,
    }


def _node_schema(info: NodeInfo, defs: Schema) -> Schema:
    schema = _type_schema(info.ports.params, defs)
    properties = {key: _or_reference(child) for key, child in schema.get("properties", {}).items()}
    properties["id"] = {"type": "string", "description": "the step's ID (default: the node's name)"}
    properties["from"] = {"$ref": "#/$defs/From"}
    result: Schema = {
        "description": info.about,
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    if schema.get("required"):
        result["required"] = schema["required"]
    return result


def _has_required(info: NodeInfo) -> bool:
    return any(field.is_required() for field in info.ports.params.model_fields.values())


def _mapping_form(name: str, schema: Schema) -> Schema:
    body = schema if schema.get("required") else {"anyOf": [schema, {"type": "null"}]}
    return {"type": "object", "properties": {name: body}, "required": [name], "additionalProperties": False}


def _or_reference(schema: Any) -> Schema:
    """Allow `$name` in place of a value, and of each item of a list."""
    if isinstance(schema, dict) and isinstance(schema.get("items"), dict):
        schema = {**schema, "items": _or_reference(schema["items"])}
    annotations = {key: schema[key] for key in ("description", "default") if key in schema}
    bare_schema = {key: child for key, child in schema.items() if key not in (*annotations, "title")}
    return {**annotations, "anyOf": [bare_schema, REFERENCE]}


def _input_schema() -> Schema:
    return {
        "type": "object",
        "properties": {
            "kind": {"enum": list(INPUT_KINDS)},
            "about": {"type": "string"},
            "default": {"description": "the value if a job sets none; null makes the input optional"},
            "choices": {"type": "array", "minItems": 1},
            "requires": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        },
        "required": ["kind"],
        "additionalProperties": False,
    }


def _from_schema() -> Schema:
    steps = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    about = "the step that feeds this one, a list of steps, or a mapping of this node's inputs to steps"
    return {"description": about, "anyOf": [*steps["anyOf"], {"type": "object", "additionalProperties": steps}]}


def _job_rule(name: str, inputs: Mapping[str, Mapping[str, Any]], defs: Schema) -> Schema:
    values = {key: _input_value_schema(spec, defs) for key, spec in inputs.items()}
    own = {"preset": True, **dict.fromkeys(JOB_OPTIONS, True)}
    then: Schema = {"properties": {**own, **values}, "additionalProperties": False}
    required = [key for key, spec in inputs.items() if "default" not in spec]
    if required:
        then["required"] = required
    return {"if": {"properties": {"preset": {"const": name}}}, "then": then}


def _input_value_schema(spec: Mapping[str, Any], defs: Schema) -> Schema:
    annotations = {key: spec[key] for key in ("about", "default") if spec.get(key) is not None}
    kind = spec["kind"]
    schema = (
        {"enum": list(spec["choices"])}
        if kind == "choice"
        else _type_schema(JOB_TYPES.get(kind, INPUT_KINDS[kind]), defs)
    )
    if "about" in annotations:
        schema["description"] = annotations["about"]
    if "default" in annotations:
        schema["default"] = annotations["default"]
    return schema


def _type_schema(hint: Any, defs: Schema) -> Schema:
    schema = TypeAdapter(hint).json_schema(ref_template="#/$defs/{model}")
    models: Schema = schema.pop("$defs", {})
    if "Edit" in models:
        properties = models["Edit"]["properties"]
        properties["emotion"] = {**properties["prompt"], "title": "Emotion"}
        properties["strength"]["anyOf"].append({"type": "string", "pattern": ENVELOPE_TEXT})
    for name in SHORT_FORMS.keys() & models.keys():
        models[name] = {"anyOf": [models[name], SHORT_FORMS[name]]}
    defs.update(models)
    return dict(schema)
