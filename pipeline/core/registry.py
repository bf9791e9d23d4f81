"""The nodes that presets may name: those that ship, and those of other packages.

Takes   the modules of the sibling package `nodes`, and the entry points of the group `react1.nodes`.
Gives   a `Registry`; what cannot be loaded stands in `broken` with the reason, and harms nothing else.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, get_args

from .errors import PresetError
from .node import Node, Ports, Workload, ports
from .suggest import none_called

GROUP = "react1.nodes"
SHIPPED = "react1"


@dataclass(frozen=True)
class NodeInfo:
    """One node as the pipeline sees it."""

    name: str
    cls: type[Node]
    ports: Ports
    origin: str
    """`react1`, or the distribution's name and version."""
    about: str
    """The first line of the class's docstring."""
    fn: str
    """`module:Class`, importable on a worker."""


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
        """Make a registry of these classes alone."""
        return cls({info.name: info for info in (describe(one, SHIPPED) for one in classes)})

    def get(self, name: str) -> NodeInfo:
        """Give a node by its name.

        Raises:
            PresetError: there is none; a broken one is told with its reason.
        """
        if name in self.nodes:
            return self.nodes[name]
        for item in self.broken:
            if item.name == name:
                raise PresetError(f"the node {name!r} ({item.origin}) cannot be loaded: {item.why}")
        raise PresetError(f"no node {name!r}; {none_called(name, self.nodes)}")


@functools.cache
def load_registry() -> Registry:
    """Load all nodes, once per process."""
    shelf = _Shelf()
    for name in shipped_modules():
        shelf.load(name, SHIPPED, lambda name=name: importlib.import_module(f"...nodes.{name}", __package__))
    for entry in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda found: found.name):
        origin = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown"
        shelf.load(entry.name, origin, entry.load)
    return Registry(shelf.nodes, tuple(shelf.broken))


def shipped_modules() -> list[str]:
    """Name the modules of the sibling package `nodes`, wherever this package was loaded from."""
    package = importlib.import_module("...nodes", __package__)
    return sorted(found.name for found in pkgutil.iter_modules(package.__path__) if not found.name.startswith("_"))


class _Shelf:
    def __init__(self) -> None:
        self.nodes: dict[str, NodeInfo] = {}
        self.broken: list[BrokenNode] = []

    def load(self, name: str, origin: str, load: Any) -> None:
        """Load one node; whatever goes wrong is written down, never raised."""
        try:
            info = describe(_node_class(load()), origin)
        except (Exception, SystemExit) as failure:
            self.broken.append(BrokenNode(name, origin, _why(failure)))
            return
        if info.name in self.nodes:
            taken = self.nodes[info.name].origin
            self.broken.append(BrokenNode(info.name, origin, f"the name {info.name!r} is taken by {taken}"))
            return
        self.nodes[info.name] = info


def describe(cls: type[Any], origin: str) -> NodeInfo:
    """Read a node class.

    Raises:
        TypeError: it does not follow the contract; the message says where.
    """
    expected: tuple[tuple[str, type], ...] = (("name", str), ("version", int), ("workload", str), ("tools", tuple))
    for attribute, kind in expected:
        if not isinstance(getattr(cls, attribute, None), kind):
            raise TypeError(f"{cls.__qualname__} needs a class variable `{attribute}` of type {kind.__name__}")
    if cls.workload not in get_args(Workload):
        raise TypeError(
            f"{cls.__qualname__}.workload is {cls.workload!r}; expected one of {', '.join(get_args(Workload))}"
        )
    about = (cls.__doc__ or "").strip().partition("\n")[0]
    return NodeInfo(cls.name, cls, ports(cls), origin, about, f"{cls.__module__}:{cls.__qualname__}")


def _node_class(found: Any) -> type[Any]:
    if isinstance(found, type):
        return found
    if not isinstance(found, ModuleType):
        raise TypeError(f"expected a node class or its module, not {type(found).__name__}")
    here = _classes(found)
    if len(here) != 1:
        names = ", ".join(one.__name__ for one in here) or "none"
        raise TypeError(f"{found.__name__} must define one node class (with `name` and `run`), found {names}")
    return here[0]


def _classes(module: ModuleType) -> list[type[Any]]:
    owned: Iterable[Any] = (one for one in vars(module).values() if isinstance(one, type))
    return [one for one in owned if one.__module__ == module.__name__ and "run" in vars(one) and hasattr(one, "name")]


def _why(failure: BaseException) -> str:
    text = " ".join(str(failure).split())
    return text if isinstance(failure, TypeError) and text else f"{type(failure).__name__}: {text}".rstrip(": ")
