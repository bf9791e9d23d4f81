"""How the takes of a matrix stand: the first list that varies makes the rows, the others the columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import prod

from ..takes import Choice, Combination, Matrix, take_name, value_text


@dataclass(frozen=True)
class Grid:
    """The labels, and the takes row by row."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    takes: tuple[tuple[Combination, ...], ...]
    same: str
    """What all takes have in common, such as `model_mode face`; empty where there is nothing."""


def grid_of(matrix: Matrix) -> Grid:
    """Lay out a matrix; one list that varies makes a single row."""
    axes = matrix.axes
    varying = [name for name, values in axes.items() if len(values) > 1]
    across = varying[1:] if len(varying) > 1 else varying
    down = varying[:1] if len(varying) > 1 else []
    order = [*down, *across]
    columns = [dict(zip(across, values, strict=True)) for values in product(*(axes[name] for name in across))]
    rows = [dict(zip(down, values, strict=True)) for values in product(*(axes[name] for name in down))]
    ranked = sorted(matrix.takes, key=lambda take: [axes[name].index(take.choices[name]) for name in order])
    wide = prod(len(axes[name]) for name in across)
    return Grid(
        tuple(map(_label, rows)),
        tuple(map(_label, columns)),
        tuple(tuple(ranked[place : place + wide]) for place in range(0, len(ranked), wide)),
        ", ".join(f"{name} {value_text(values[0])}" for name, values in axes.items() if len(values) == 1),
    )


def _label(choices: Mapping[str, Choice]) -> str:
    """Spell the values of a row or a column as the names of takes do."""
    words = [
        take_name({name: value}) if isinstance(value, bool) else value_text(value) for name, value in choices.items()
    ]
    return " · ".join(words)
