"""Describe a box of the node editor once: its inputs, outputs, checks and work.

`interfaces.py` turns a box into a class of either of ComfyUI's interfaces. Nothing here imports ComfyUI.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ...core.errors import PresetError

if TYPE_CHECKING:
    from .work import BoxCall

VIDEO, AUDIO, IMAGE = "VIDEO", "AUDIO", "IMAGE"
"""ComfyUI's own types, which the boxes of every pack share."""
EDITS, TAKES, MATRIX = "REACT1_EDITS", "REACT1_TAKES", "REACT1_TAKES_TO_TRY"
MAIN, STEPS = "react1", "react1/steps"
SocketValue = TypeVar("SocketValue")


@dataclass(frozen=True)
class Input:
    """A socket or a widget of a box."""

    name: str
    type: str
    """ComfyUI's type; `COMBO` for a choice, with `options` among its options."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """As ComfyUI's interface reads them: `default`, `min`, `max`, `step`, `tooltip`, `display_name`, …"""
    optional: bool = False


@dataclass(frozen=True)
class Output:
    """An output socket."""

    type: str
    name: str
    tooltip: str = ""
    is_list: bool = False
    """Whether it gives a list, so that ComfyUI runs the next box once per item."""


@dataclass(frozen=True)
class BoxResult:
    """What a box gives: a value per output, and what the interface and the history show."""

    outputs: tuple[Any, ...]
    ui: Mapping[str, Any] = field(default_factory=dict)


class Box:
    """Base class of all boxes; a subclass is one box."""

    id: ClassVar[str]
    """Its name in workflow files: never changed once it is released."""
    title: ClassVar[str]
    about: ClassVar[str]
    category: ClassVar[str] = MAIN
    is_output: ClassVar[bool] = False
    """Whether ComfyUI runs it even if nothing is connected to its outputs."""
    takes_lists: ClassVar[bool] = False
    """Whether every input arrives as a list."""
    outputs: ClassVar[tuple[Output, ...]] = ()
    checked: ClassVar[tuple[str, ...]] = ()
    """The inputs that `check` gets; ComfyUI repeats its message for each of them."""
    has_fingerprint: ClassVar[bool] = False

    @classmethod
    def inputs(cls) -> tuple[Input, ...]:
        """Return the sockets and widgets, with the choices of now.

        A saved workflow has the values of widgets without their names, so a new widget goes to the end once a box is
        released.
        """
        return ()

    @classmethod
    def check(cls, values: Mapping[str, Any]) -> None:
        """Refuse values before the workflow is queued; connected inputs are missing or None.

        Raises:
            React1Error: the box could not run.
        """

    @classmethod
    def fingerprint(cls, values: Mapping[str, Any], node_id: str) -> str:
        """Return a text that changes when the box has to run again although its inputs did not change.

        Connected inputs are None.
        """
        del values, node_id
        return ""

    @classmethod
    def run(cls, call: BoxCall, values: Mapping[str, Any]) -> BoxResult:
        """Do the work.

        Raises:
            React1Error: it failed; the message is one line.
        """
        raise NotImplementedError


def read_socket(
    values: Mapping[str, Any], name: str, kind: type[SocketValue], wanted: str, connect: str
) -> SocketValue | None:
    """Return the value of a socket, None if nothing is connected; outputs of any type may give it another.

    Args:
        values: of all inputs.
        name: the socket's.
        kind: the type that it takes.
        wanted: that type in words, such as `list of edits`.
        connect: the boxes that give it.

    Raises:
        PresetError: it is a value of another type.
    """
    value = values.get(name)
    if value is None or isinstance(value, kind):
        return value
    raise PresetError(f"{name}: {type(value).__name__} is no {wanted}; connect {connect}")


def read_number(values: Mapping[str, Any], name: str, usual: float) -> float:
    """Return the number of a widget, which may be connected to an output of any type.

    Raises:
        PresetError: it is none.
    """
    value = values.get(name)
    try:
        number = float(usual if value is None or value == "" else value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise PresetError(f"{name}: {value!r:.60} is not a number")
    return number
