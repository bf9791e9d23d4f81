"""Put the values of inputs where a step says `$name`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..suggest import none_called
from .tree import Problems, Tree

_REFERENCE = re.compile(r"\$([A-Za-z_]\w*)")


def substitute(tree: Tree, inputs: Mapping[str, Tree], problems: Problems) -> Tree:
    """Replace every whole value `$name`; `$$` begins a text with one dollar. Values are never looked into again.

    A key whose input is left open goes away, so that the node's own default holds.
    """
    if isinstance(tree.value, Mapping):
        members = {}
        for key, child in tree.members.items():
            put = substitute(child, inputs, problems)
            if not (put is not child and put.value is None and not put.void):
                members[key] = put
        return tree.with_value(members)
    if isinstance(tree.value, tuple):
        return tree.with_value(tuple(substitute(child, inputs, problems) for child in tree.entries))
    if not isinstance(tree.value, str) or not tree.value.startswith("$"):
        return tree
    return _reference(tree, tree.value, inputs, problems)


def _reference(tree: Tree, text: str, inputs: Mapping[str, Tree], problems: Problems) -> Tree:
    if text.startswith("$$"):
        return tree.with_value(text[1:])
    match = _REFERENCE.fullmatch(text)
    if match is None:
        problems.at(tree, f"{text!r} mixes an input with text; only a whole value can be $name ($$ is a plain dollar)")
        return Tree(None, tree.place, tree.path, void=True)
    if match[1] not in inputs:
        problems.at(tree, f"no input ${match[1]}; {none_called(match[1], inputs)}")
        return Tree(None, tree.place, tree.path, void=True)
    return inputs[match[1]]
