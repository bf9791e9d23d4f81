"""The contact sheet of a segment's takes: the source at the head of each row, then its takes, all at one moment.

The first axis that varies gives the rows, the others the columns.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from ..core.edits.takes import Choice, Combination, Matrix, take_name, value_text
from .stills import Picture

_PAPER, _INK, _GREY = (251, 250, 248), (28, 27, 26), (104, 100, 95)
_GAP_PX, _LABEL_PX, _SIDE_PX = 8, 22, 96


@dataclass(frozen=True)
class Grid:
    """The labels, and the takes row by row."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    takes: tuple[tuple[Combination, ...], ...]
    same: str
    """What all takes have in common, such as `model_mode face`; may be empty."""


def grid_of(matrix: Matrix) -> Grid:
    """Arrange a matrix in rows and columns; if only one axis varies, there is a single row."""
    axes = matrix.axes
    varying = [name for name, values in axes.items() if len(values) > 1]
    across = varying[1:] if len(varying) > 1 else varying
    down = varying[:1] if len(varying) > 1 else []
    order = [*down, *across]
    columns = [dict(zip(across, values, strict=True)) for values in product(*(axes[name] for name in across))]
    rows = [dict(zip(down, values, strict=True)) for values in product(*(axes[name] for name in down))]
    ranked = sorted(matrix.takes, key=lambda take: [axes[name].index(take.choices[name]) for name in order])
    width = prod(len(axes[name]) for name in across)
    return Grid(
        tuple(map(_axis_label, rows)),
        tuple(map(_axis_label, columns)),
        tuple(tuple(ranked[start : start + width]) for start in range(0, len(ranked), width)),
        ", ".join(f"{name} {value_text(values[0])}" for name, values in axes.items() if len(values) == 1),
    )


def _axis_label(choices: Mapping[str, Choice]) -> str:
    """Format the values of a row or a column as in the names of takes."""
    words = [
        take_name({name: value}) if isinstance(value, bool) else value_text(value) for name, value in choices.items()
    ]
    return " · ".join(words)


def contact_sheet(source: Picture, takes: Mapping[str, Picture], grid: Grid, title: str) -> bytes:
    """Draw the sheet as a JPEG; a take without a picture is shown as failed.

    Args:
        source: the source's picture.
        takes: pictures of the same size, by the names of the takes.
        grid: labels and positions.
        title: the heading.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width = source.shape[:2]
    step_x, step_y = width + _GAP_PX, height + _LABEL_PX + _GAP_PX
    side = _SIDE_PX if any(grid.rows) else _GAP_PX
    columns, rows = len(grid.columns) + 1, len(grid.takes)
    size = (side + columns * step_x, 2 * _LABEL_PX + _GAP_PX + rows * step_y)
    page = Image.new("RGB", size, _PAPER)
    draw, font, small_font = ImageDraw.Draw(page), ImageFont.load_default(15), ImageFont.load_default(12)
    draw.text((_GAP_PX, 4), title, _INK, font)
    for column, label in enumerate(("source", *grid.columns)):
        draw.text((side + column * step_x, _LABEL_PX + 4), label, _INK, font)
    for row, row_takes in enumerate(grid.takes):
        top = 2 * _LABEL_PX + row * step_y
        _draw_label(draw, (_GAP_PX, top + height // 2 - 8), grid.rows[row], font, side)
        page.paste(Image.fromarray(source), (side, top))
        for column, take in enumerate(row_takes, 1):
            left = side + column * step_x
            picture = takes.get(take.name)
            if picture is None:
                draw.rectangle((left, top, left + width - 1, top + height - 1), outline=_GREY)
                draw.text((left + 6, top + 6), "failed", _GREY, small_font)
            else:
                page.paste(Image.fromarray(picture), (left, top))
            _draw_label(draw, (left, top + height + 3), f"{take.number}  {take.name}", small_font, width)
    content = io.BytesIO()
    page.save(content, "JPEG", quality=88, optimize=True)
    return content.getvalue()


def _draw_label(draw: Any, position: tuple[int, int], text: str, font: Any, max_width_px: int) -> None:
    """Draw a label, shortened to the available width."""
    while text and draw.textlength(text, font) > max_width_px - 4:
        text = text[:-2].rstrip("…") + "…" if len(text) > 2 else ""
    draw.text(position, text, _INK, font)
