"""The nodes that presets may name: the modules of `nodes/`, and entry points of the group `react1.nodes`.

A node that cannot be loaded is listed in `Registry.broken` with the reason; the others are not affected.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import Any, get_args

from ..errors import PresetError, list_available
from .node import Node, Ports, Workload, check_optional_members, ports
from .plugins import NODES, PluginError, describe_failure, entry_origin, load_entry, plugin_entries, printable

SHIPPED = "react1"
_NODE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class NodeInfo:
    """A node and what its class declares."""

    name: str
    cls: type[Node]
    ports: Ports
    origin: str
    """`react1`, or the name and version of another distribution."""
    about: str
    """The first line of the class's docstring."""
    fn: str
    """`module:Class`, for import in a worker process."""


@dataclass(frozen=True)
class BrokenNode:
    """A node that could not be loaded."""

    name: str
    origin: str
    why: str


@dataclass(frozen=True)
class Registry:
    """All nodes by name; shipped ones first."""

    nodes: Mapping[str, NodeInfo]
    broken: tuple[BrokenNode, ...] = field(default=())

    @classmethod
    def of(cls, *classes: type[Any]) -> Registry:
        """Build a registry of these classes only."""
        return cls({info.name: info for info in (describe(node_class, SHIPPED) for node_class in classes)})

    def get(self, name: str) -> NodeInfo:
        """Return a node by its name.

        Raises:
            PresetError: there is no such node, or it cannot be loaded; the message says why.
        """
        if name in self.nodes:
            return self.nodes[name]
        for item in self.broken:
            if item.name == name:
                raise PresetError(f"the node {name!r} ({item.origin}) cannot be loaded: {item.why}")
        raise PresetError(f"no node {name!r}; {list_available(name, self.nodes)}")


@functools.cache
def load_registry() -> Registry:
    """Load all nodes, once per process."""
    nodes: dict[str, NodeInfo] = {}
    broken: list[BrokenNode] = []
    for name in shipped_modules():
        module = partial(importlib.import_module, f"....nodes.{name}", __package__)
        _add(nodes, broken, name, SHIPPED, module)
    for entry in plugin_entries(NODES):
        _add(nodes, broken, printable(entry.name), entry_origin(entry), partial(load_entry, entry))
    return Registry(nodes, tuple(broken))


def shipped_modules() -> list[str]:
    """Return the modules of the sibling package `nodes`, wherever this package was loaded from."""
    package = importlib.import_module("....nodes", __package__)
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_"))


def _add(nodes: dict[str, NodeInfo], broken: list[BrokenNode], name: str, origin: str, load: Callable[[], Any]) -> None:
    """Load one node; whatever goes wrong is recorded, never raised."""
    try:
        info = describe(_resolve_class(load()), origin)
    except PluginError as failure:
        broken.append(BrokenNode(name, origin, str(failure)))
    except BaseException as failure:
        if isinstance(failure, KeyboardInterrupt) and origin == SHIPPED:
            raise
        broken.append(BrokenNode(name, origin, describe_failure(failure)))
    else:
        if info.name in nodes:
            owner = nodes[info.name].origin
            broken.append(BrokenNode(printable(info.name), origin, f"the name {info.name!r} is taken by {owner}"))
        else:
            nodes[info.name] = info


def describe(cls: type[Any], origin: str) -> NodeInfo:
    """Read what a node class declares.

    Raises:
        TypeError: the class breaks the contract; the message says where.
    """
    expected: tuple[tuple[str, type], ...] = (("name", str), ("version", int), ("workload", str), ("tools", tuple))
    for attribute, kind in expected:
        if not isinstance(getattr(cls, attribute, None), kind):
            raise TypeError(f"{cls.__qualname__} needs a class variable `{attribute}` of type {kind.__name__}")
    if cls.workload not in get_args(Workload):
        raise TypeError(
            f"{cls.__qualname__}.workload is {cls.workload!r}; expected one of {', '.join(get_args(Workload))}"
        )
    if not _NODE_NAME.fullmatch(cls.name):
        raise TypeError(f"{cls.__qualname__}.name is {cls.name!r}; expected letters, digits, `_`, `-` and `.`")
    wires = ports(cls)
    check_optional_members(cls, wires)
    about = printable((cls.__doc__ or "").strip().partition("\n")[0])
    return NodeInfo(cls.name, cls, wires, origin, about, f"{cls.__module__}:{cls.__qualname__}")


def _resolve_class(item: Any) -> type[Any]:
    if isinstance(item, type):
        return item
    if not isinstance(item, ModuleType):
        raise TypeError(f"expected a node class or its module, not {type(item).__name__}")
    node_classes = _node_classes_of(item)
    if len(node_classes) != 1:
        names = ", ".join(node_class.__name__ for node_class in node_classes) or "none"
        raise TypeError(f"{item.__name__} must define one node class (with `name` and `run`), found {names}")
    return node_classes[0]


def _node_classes_of(module: ModuleType) -> list[type[Any]]:
    owned: Iterable[Any] = (node_class for node_class in vars(module).values() if isinstance(node_class, type))
    return [
        node_class
        for node_class in owned
        if node_class.__module__ == module.__name__ and "run" in vars(node_class) and hasattr(node_class, "name")
    ]
