"""Rules of wording for names, docstrings, messages and documents; each rule yields its violations."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from layers import every_node

BANNED_NAMES = frozenset(
    {"anew", "apart", "asked", "beside", "desk", "enamel", "fault", "found", "gate", "given"}
    | {"house", "kept", "lone", "made", "meddle", "mend", "one", "ones", "ours", "room", "rooms", "said", "shelf"}
    | {"spelt", "stranger", "telling", "tells", "told", "twist", "whole"}
)
"""Names of variables, parameters, attributes and functions that say nothing of their content, or are metaphors."""

CONTRACTS = frozenset({("pipeline/interchange/turnover/check_returned.py", "found")})
"""Fields whose names stand in `--json`, and so may not change."""

BANNED_FIRST_WORDS = frozenset(
    {"Be", "Complain", "Cook", "Give", "Gives", "Hear", "Know", "Knows", "Lay", "Part"}
    | {"Say", "Says", "Spell", "Spells", "Tell", "Tells"}
)
"""First words of docstrings that are not the verb of the field, as Return, Build, Parse, Report, Check are."""

BANNED_PHRASES = tuple(
    re.compile(rf"\b(?:{phrase})\b", re.IGNORECASE)
    for phrase in (
        "anew",
        "laid onto",
        "lays? (?:it|them) onto",
        "parted",
        "mend(?:s|ed)?",
        "stands? twice",
        "held against",
        "holds? (?:it|them)? ?against",
        "(?:it|that|which) is told",
        "made good",
        "a fault of ours",
        "has it not",
        "spel[lt](?:s|ed)?",
        "looks? for naught",
        "as a whole",
        "nobody knows",
        "the house",
    )
)
"""Phrases that a reader of a message, a report or the docs must not have to decode."""

PARALLEL = frozenset({"read", "write", "client", "storage", "responses", "history", "__init__"})
"""Module names that may repeat: one role in parallel folders."""


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every docstring of functions and classes."""
    for node in every_node(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            text = ast.get_docstring(node)
            if text:
                yield node.lineno, text


def descriptions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of all docstrings, and of the names of functions as words."""
    yield 1, ast.get_docstring(tree) or ""
    yield from docstrings(tree)
    for node in every_node(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name.replace("_", " ")


def vague_docstrings(path: str, tree: ast.Module) -> Iterator[str]:
    """A docstring begins with a verb that is not the field's."""
    for line, text in docstrings(tree):
        first = re.match(r"[\w']+", text)
        if first and first.group() in BANNED_FIRST_WORDS:
            yield f"{path}:{line}: docstring begins with {first.group()!r}: {text.splitlines()[0][:60]}"


def vague_names(path: str, tree: ast.Module) -> Iterator[str]:
    """A function, parameter, variable or attribute has a banned name."""
    for node in every_node(tree):
        names: list[str] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name.strip("_").lower()]
        elif isinstance(node, ast.arg):
            names = [node.arg]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names = [node.id.lower()]
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names = [node.attr]
        elif isinstance(node, ast.alias) and node.asname:
            names = [node.asname]
        for name in names:
            if name.strip("_") in BANNED_NAMES and (path, name) not in CONTRACTS:
                yield f"{path}:{getattr(node, 'lineno', 0)}: the name {name!r} does not say what the value is"


def message_texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every string that is not a docstring, f-strings without their values."""
    skip = {
        id(node.value)
        for node in every_node(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    for node in every_node(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skip:
            yield node.lineno, node.value


def vague_texts(path: str, texts: Iterable[tuple[int, str]]) -> Iterator[str]:
    """A message, a page or a document uses a banned phrase."""
    for line, text in texts:
        for phrase in BANNED_PHRASES:
            match = phrase.search(text)
            if match:
                yield f"{path}:{line}: says {match.group()!r}: {text[max(0, match.start() - 30) : match.end() + 30]!r}"


def repeated_modules(paths: Iterable[str]) -> Iterator[str]:
    """Two modules below `pipeline/` have one name, and are not the same role in parallel folders."""
    places = defaultdict(list)
    for path in paths:
        name = path.rpartition("/")[2].removesuffix(".py")
        if path.startswith("pipeline/") and not path.startswith("pipeline/cli/commands/") and name not in PARALLEL:
            places[name].append(path)
    for name, same in sorted(places.items()):
        if len(same) > 1:
            yield f"{name}: {', '.join(same)}"
