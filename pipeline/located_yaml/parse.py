"""YAML text → a `Tree`; tags, duplicate keys, deep nests and alias bombs are refused with their place.

Takes   the bytes of a preset or a job, at most 1 MiB of UTF-8.
Gives   a `Tree`, or None where the text is no YAML; what is wrong goes to `Problems`.
Source  YAML 1.2.2, chapter 10.3 (core schema): only `true` and `false` are booleans, `12:30` is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from .located import Place, Problems, Scalar, Tree, shown

MOST_BYTES = 1 << 20
MOST_VALUES = 10_000
MOST_DEEP = 40

_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Scalar] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)


class _Stop(Exception):
    """The text cannot be read any further; why has been told."""


def read_tree(data: bytes, file: str, folder: Path, problems: Problems) -> Tree | None:
    """Read one document; `file` is how messages call it, `folder` is where its relative paths start from."""
    start = Place(file, folder)
    problems.reads(file)
    if len(data) > MOST_BYTES:
        problems.on(start, (), "is larger than 1 MiB, the most for a preset or a job")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        problems.on(start, (), f"not UTF-8 text: byte {wrong.start} is {data[wrong.start]:#04x}")
        return None
    try:
        return _Composer(text, start, problems).document()
    except _Stop:
        return None


class _Composer:
    """Builds the tree from parse events, counting as it goes, so that nothing grows before it is checked."""

    def __init__(self, text: str, start: Place, problems: Problems) -> None:
        self.start, self.problems = start, problems
        self.events = self._events(text)
        self.anchors: dict[str, Tree | None] = {}
        self.count = 0

    def _events(self, text: str) -> Iterator[Any]:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        try:
            yield from YAML(typ="safe", pure=True).parse(text)
        except YAMLError as wrong:
            place, message = self._syntax(wrong, text)
        except (ValueError, KeyError, IndexError, AttributeError, TypeError, AssertionError, NotImplementedError):
            place, message = self.start, "this is not YAML that can be read"
        else:
            return
        self.stop(place, (), message)

    def document(self) -> Tree:
        tree: Tree | None = None
        for event in self.events:
            kind = type(event).__name__
            if kind in ("StreamStartEvent", "DocumentEndEvent", "StreamEndEvent"):
                continue
            if kind == "DocumentStartEvent":
                if tree is not None:
                    self.stop(self.place(event), (), "a second document begins here; one file holds one")
                tree = self.node(next(self.events), (), 0)
        return tree or Tree(None, replace(self.start, line=1, column=1))

    def node(self, event: Any, path: tuple[str, ...], depth: int) -> Tree:
        place, kind = self.place(event), type(event).__name__
        self.count += 1
        if self.count > MOST_VALUES:
            self.stop(place, path, f"more than {MOST_VALUES:,} values; a preset or a job is never that large")
        if depth > MOST_DEEP:
            self.stop(place, path[:3], f"nested deeper than {MOST_DEEP} levels")
        if kind == "AliasEvent":
            return self.alias(event, path)
        if event.tag:
            self.problems.on(place, path, f"the YAML tag {event.tag!r} means nothing here; leave it out")
        if event.anchor:
            self.anchors[event.anchor] = None
        if kind == "ScalarEvent":
            tree = Tree(self.scalar(event, place, path), place, path)
        elif kind == "SequenceStartEvent":
            tree = self.sequence(place, path, depth)
        else:
            tree = self.mapping(place, path, depth)
        if tree.size > MOST_VALUES:
            self.stop(
                place, path, f"holds {tree.size:,} values when its aliases are written out; the most is {MOST_VALUES:,}"
            )
        if event.anchor:
            self.anchors[event.anchor] = tree
        return tree

    def alias(self, event: Any, path: tuple[str, ...]) -> Tree:
        place = self.place(event)
        if event.anchor not in self.anchors:
            self.stop(place, path, f"*{event.anchor} names nothing; there is no &{event.anchor} above")
        tree = self.anchors[event.anchor]
        if tree is None:
            self.stop(place, path, f"*{event.anchor} stands inside what it names")
            raise _Stop
        return tree

    def sequence(self, place: Place, path: tuple[str, ...], depth: int) -> Tree:
        entries: list[Tree] = []
        while type(event := next(self.events)).__name__ != "SequenceEndEvent":
            entries.append(self.node(event, (*path, str(len(entries))), depth + 1))
        return Tree(tuple(entries), place, path, size=1 + sum(entry.size for entry in entries))

    def mapping(self, place: Place, path: tuple[str, ...], depth: int) -> Tree:
        members: dict[str, Tree] = {}
        keys: dict[str, Place] = {}
        while type(event := next(self.events)).__name__ != "MappingEndEvent":
            key_place, key = self.place(event), getattr(event, "value", None)
            if not isinstance(key, str):
                self.stop(key_place, path, "a key must be plain text")
                raise _Stop
            self.count += 1
            value = self.node(next(self.events), (*path, key), depth + 1)
            if key in members:
                first = keys[key]
                self.problems.on(key_place, (*path, key), f"this key stands twice; the first is in line {first.line}")
                continue
            members[key], keys[key] = value, key_place
        return Tree(members, place, path, keys, size=1 + sum(member.size for member in members.values()))

    def scalar(self, event: Any, place: Place, path: tuple[str, ...]) -> Scalar:
        if event.style or event.tag:
            return str(event.value)
        value = _plain(event.value)
        if isinstance(value, str) and value.lower() in (".inf", "-.inf", "+.inf", ".nan"):
            self.problems.on(place, path, f"{value} is not a number that can be used")
        return value

    def place(self, event: Any) -> Place:
        return replace(self.start, line=event.start_mark.line + 1, column=event.start_mark.column + 1)

    def stop(self, place: Place, path: tuple[str, ...], message: str) -> None:
        self.problems.on(place, path, message)
        raise _Stop

    def _syntax(self, wrong: Any, text: str) -> tuple[Place, str]:
        position = getattr(wrong, "position", None)
        if isinstance(position, int):
            before = text[:position]
            line, column = before.count("\n"), position - (before.rfind("\n") + 1)
            return self._at(line, column), f"the character {shown(text[position : position + 1])} cannot stand in YAML"
        mark = getattr(wrong, "problem_mark", None) or getattr(wrong, "context_mark", None)
        place = self._at(mark.line, mark.column) if mark else self.start
        return place, _reworded(getattr(wrong, "problem", None) or "not YAML", getattr(wrong, "context", None) or "")

    def _at(self, line: int, column: int) -> Place:
        return replace(self.start, line=line + 1, column=column + 1)


def _plain(text: str) -> Scalar:
    """Read an unquoted scalar by the core schema; numbers beyond reason stay text."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > 40:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if abs(number) != float("inf") else text
    return text


def _reworded(problem: str, context: str) -> str:
    """Say what a syntax error means to someone who has not read the YAML specification."""
    if "'\\t'" in problem:
        return "a tab stands where YAML wants spaces"
    if "mapping values are not allowed" in problem:
        return "a colon stands where none can be: check the indentation, or quote text that holds ': '"
    if "expected <block end>" in problem:
        return "this line does not fit the ones above: check the indentation"
    if "found unexpected end of stream" in problem:
        return "a quotation that began earlier never ends"
    if "could not find expected ':'" in problem:
        return "a key without a colon after it"
    return f"{problem} ({context})" if context else problem
