"""How the takes of a matrix stand: the first list that varies makes the rows, the others the columns.

The contact sheet of a matrix: the source at the head of each row, then its takes, all at one moment.

Takes   pictures of one size, and the grid that they stand in.
Gives   a JPEG.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from ..core.takes import Choice, Combination, Matrix, take_name, value_text
from .stills import Picture


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


_PAPER, _INK, _SOFT = (251, 250, 248), (28, 27, 26), (104, 100, 95)
_GAP_PX, _LABEL_PX, _SIDE_PX = 8, 22, 96


def sheet(source: Picture, takes: Mapping[str, Picture], grid: Grid, title: str) -> bytes:
    """Draw it; a take that has no picture leaves its place empty."""
    from PIL import Image, ImageDraw, ImageFont

    high, wide = source.shape[:2]
    step_x, step_y = wide + _GAP_PX, high + _LABEL_PX + _GAP_PX
    side = _SIDE_PX if any(grid.rows) else _GAP_PX
    columns, rows = len(grid.columns) + 1, len(grid.takes)
    size = (side + columns * step_x, 2 * _LABEL_PX + _GAP_PX + rows * step_y)
    page = Image.new("RGB", size, _PAPER)
    draw, font, small = ImageDraw.Draw(page), ImageFont.load_default(15), ImageFont.load_default(12)
    draw.text((_GAP_PX, 4), title, _INK, font)
    for column, label in enumerate(("source", *grid.columns)):
        draw.text((side + column * step_x, _LABEL_PX + 4), label, _INK, font)
    for row, line in enumerate(grid.takes):
        top = 2 * _LABEL_PX + row * step_y
        _write(draw, (_GAP_PX, top + high // 2 - 8), grid.rows[row], font, side)
        page.paste(Image.fromarray(source), (side, top))
        for column, take in enumerate(line, 1):
            left = side + column * step_x
            picture = takes.get(take.name)
            if picture is None:
                draw.rectangle((left, top, left + wide - 1, top + high - 1), outline=_SOFT)
                draw.text((left + 6, top + 6), "failed", _SOFT, small)
            else:
                page.paste(Image.fromarray(picture), (left, top))
            _write(draw, (left, top + high + 3), f"{take.number}  {take.name}", small, wide)
    made = io.BytesIO()
    page.save(made, "JPEG", quality=88, optimize=True)
    return made.getvalue()


def _write(draw: Any, place: tuple[int, int], text: str, font: Any, room_px: int) -> None:
    """Write a label, shortened to the room that it has."""
    while text and draw.textlength(text, font) > room_px - 4:
        text = text[:-2].rstrip("…") + "…" if len(text) > 2 else ""
    draw.text(place, text, _INK, font)
