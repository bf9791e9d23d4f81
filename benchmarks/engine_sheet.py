"""A contact sheet of takes: a row for each emotion and region, a column for each temperature, the source first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SIDE_PX = 300


def sheet(looks: Mapping[tuple[str, str, float], NDArray[np.uint8]], temperatures: Sequence[float]) -> Image.Image:
    """Lay out pictures of one size: (emotion, region, temperature) → picture, ("source", "", 0) the source."""
    rows = sorted({(region, emotion) for emotion, region, _ in looks if emotion != "source"})
    made = Image.new("RGB", (SIDE_PX * (1 + len(temperatures)), SIDE_PX * len(rows)), "white")
    pen, font = ImageDraw.Draw(made), ImageFont.load_default(16)
    for place, (region, emotion) in enumerate(rows):
        cells = [looks["source", "", 0.0], *(looks[emotion, region, temperature] for temperature in temperatures)]
        for column, picture in enumerate(cells):
            made.paste(Image.fromarray(picture).resize((SIDE_PX, SIDE_PX)), (column * SIDE_PX, place * SIDE_PX))
        pen.text((4, place * SIDE_PX + 4), f"{emotion} {region}", fill="yellow", font=font)
    return made
