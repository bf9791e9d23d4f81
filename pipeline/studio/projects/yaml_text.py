"""YAML that is read and written with a person's comments, order, quotes and indentation kept."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from ...core.errors import PresetError
from ...located_yaml.located import Problems, parse_yaml

Indent = tuple[int, int, int]
_INDENTS: tuple[Indent, ...] = ((2, 4, 2), (2, 2, 0), (4, 4, 2), (4, 4, 0))
"""Mapping, sequence and offset of the dash: the styles that are tried until one gives the text back unchanged."""


def _yaml(indent: Indent, text: str) -> YAML:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=indent[0], sequence=indent[1], offset=indent[2])
    yaml.line_break = "\r\n" if "\r\n" in text else "\n"  # type: ignore[assignment]
    return yaml


def parse_text(text: str, name: str) -> CommentedMap:
    """Return the mapping of a YAML text with its comments; `name` is the file's in messages.

    Raises:
        PresetError: it is not YAML with a mapping at its top, or larger or nested deeper than a job may be.
    """
    problems = Problems()
    if parse_yaml(text.encode(), name, Path(), problems) is None:  # ruamel's loader has no limits
        first = next(iter(problems))
        raise PresetError(f"{name}:{first.line}: not valid YAML: {first.message}")
    try:
        document = _yaml(_INDENTS[0], text).load(text)
    except (YAMLError, ValueError) as error:  # such as a date that is none
        mark = getattr(error, "problem_mark", None)
        place = f"{name}:{mark.line + 1}" if mark is not None else name
        raise PresetError(f"{place}: not valid YAML: {getattr(error, 'problem', None) or error}") from error
    if not isinstance(document, CommentedMap):
        raise PresetError(f"{name} is not a job: it names no preset")
    return document


def indent_of(text: str) -> Indent:
    """Return the indentation in which a text, which `parse_text` takes, is written again as it is; else the usual."""
    for indent in _INDENTS:
        if dump_text(_yaml(indent, text).load(text), indent, text) == text:
            return indent
    return _INDENTS[0]


def dump_text(document: CommentedMap, indent: Indent, before: str) -> str:
    """Write a document in an indentation, with the line ends of its text."""
    stream = io.StringIO(newline="")
    _yaml(indent, before).dump(document, stream)
    return stream.getvalue()


def plain_value(value: Any) -> Any:
    """Return plain values of what ruamel has read."""
    if isinstance(value, Mapping):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain_value(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


def yaml_value(value: Any) -> Any:
    """Return a value for ruamel; mappings and lists stay on one line."""
    if isinstance(value, Mapping):
        mapping = CommentedMap({key: yaml_value(item) for key, item in value.items()})
        mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, (list, tuple)):
        sequence = CommentedSeq([yaml_value(item) for item in value])
        sequence.fa.set_flow_style()
        return sequence
    return value


def value_text(value: Any) -> str:
    """Return a value as one line of YAML; a text that reads as itself has no quotes."""
    if isinstance(value, (Mapping, list, tuple)):
        yaml = YAML(typ="rt")
        yaml.width = 4096
        stream = io.StringIO()
        yaml.dump(yaml_value(value), stream)
        return stream.getvalue().strip()
    return value if isinstance(value, str) else json.dumps(value)
