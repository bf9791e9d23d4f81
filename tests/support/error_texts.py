"""Every error text that the package can raise outside its other surfaces, from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import react1

ROOT = Path(react1.__file__).parent
_OTHER_SURFACES = ("cli", "server", "farm", "adapters", "scripting", "demo")
_CALLS = frozenset({"add", "add_at", "Problem", "append", "note", "Message", "ValueError"})
"""What texts are given to besides errors: problems of a job, notes of a run, and checks of models."""


def error_texts() -> dict[str, str]:
    """Return each text, with `X` in place of its values, and where it stands."""
    texts: dict[str, str] = {}
    for folder in ("pipeline", "nodes"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            place = path.relative_to(ROOT)
            if not set(place.parts[1:2]) & set(_OTHER_SURFACES):
                for line, text in _texts(ast.parse(path.read_text("utf-8"))):
                    texts.setdefault(text, f"{place}:{line}")
    return texts


def _texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_told(node.func):
            for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
                text = _text(argument)
                if " " in text.strip("X "):
                    yield node.lineno, text
        elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.Return)) and node.value is not None:
            text = _text(node.value)
            if text.count(" ") > 3 and "\n" not in text:
                yield node.lineno, text


def _is_told(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name.endswith(("Error", "Failed", "OverBudget", "MissingExtra", "Conflict")) or name in _CALLS


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "X" for part in node.values)
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.IfExp):
        return _text(node.body)
    return "X"
