"""Names made of other names: `{source.stem}.react1{source.suffix}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..suggest import one_of
from .shape import is_address
from .tree import Problems, Tree

PARTS = ("stem", "suffix", "name", "parent")
_WORD = re.compile(r"\{([A-Za-z_]\w*)(?:\.(\w+))?\}")
_UNSAFE = re.compile(r"[^\w.-]+")


def fill_template(tree: Tree, inputs: Mapping[str, Tree], base: Path, problems: Problems) -> str | None:
    """Fill in a text's `{input.part}`; other braces stay. None where it cannot be filled.

    Args:
        tree: the text.
        inputs: the values of the inputs that are known so far.
        base: what `parent` means for an address.
        problems: where complaints go.
    """
    whole = True

    def value(match: re.Match[str]) -> str:
        nonlocal whole
        name, part = match.groups()
        if part is None and name not in inputs:
            return match[0]
        if name not in inputs or part not in PARTS:
            wrong = one_of(name, inputs) if name not in inputs else one_of(part or "", PARTS)
            problems.at(tree, f"{match[0]}: {wrong}; write {{INPUT.PART}}")
            whole = False
            return ""
        source = inputs[name]
        if source.void or not isinstance(source.value, str):
            if not source.void:
                problems.at(tree, f"{match[0]}: the input {name!r} is no file")
            whole = False
            return ""
        return parts_of(source.value, base)[part]

    text = _WORD.sub(value, str(tree.value))
    return text if whole else None


def parts_of(source: str, base: Path) -> dict[str, str]:
    """Take a path or an address apart; an address without a usable name is called `video.mp4`."""
    if is_address(source):
        path = Path(base / (_UNSAFE.sub("_", Path(unquote(urlsplit(source).path)).name) or "video"))
        suffix = path.suffix if re.fullmatch(r"\.[A-Za-z][A-Za-z0-9]{1,4}", path.suffix) else ".mp4"
        stem = path.name.removesuffix(suffix).strip(".-") or "video"
    else:
        path = Path(source)
        stem, suffix = path.stem, path.suffix
    return {"stem": stem, "suffix": suffix, "name": stem + suffix, "parent": str(path.parent)}
