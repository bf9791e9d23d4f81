"""The kinds of input that a preset can ask a job for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.edit import Edit
from ..core.file import Address, OutPath
from ..interchange.list_options import ListFile

INPUT_KINDS: Mapping[str, Any] = {
    "media": Address,
    "edits": list[Edit],
    "timeline": ListFile,
    "path": OutPath,
    "file": Address,
    "text": str,
    "number": float,
    "integer": int,
    "boolean": bool,
    "choice": str,
    "options": dict[str, Any] | str,
}
"""Name → the type that a value must have; `choice` is checked against its `choices` besides.

`options` are a mapping for a parameter that has parts of its own, or its short form, a word; the node checks them.
"""

SPELLINGS: Mapping[str, Any] = {"edits": list[Edit] | ListFile | str, "timeline": ListFile | str}
"""Name → all that a job may write, where it is more than the type: edits may stand in a file of their own."""

VERBATIM = ("media", "path", "file", "text", "choice")
"""Kinds whose value is the text of `--set` as it stands; the others are read as YAML."""
