"""A contact sheet of takes: a row for each emotion and region, a column for each temperature, the source first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SIDE_PX = 300


def sheet(stills: Mapping[tuple[str, str, float], NDArray[np.uint8]], temperatures: Sequence[float]) -> Image.Image:
    """Draw equal-sized pictures by (emotion, region, temperature) on one sheet; ("source", "", 0) is the source."""
    rows = sorted({(region, emotion) for emotion, region, _ in stills if emotion != "source"})
    page = Image.new("RGB", (SIDE_PX * (1 + len(temperatures)), SIDE_PX * len(rows)), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(16)
    for place, (region, emotion) in enumerate(rows):
        cells = [stills["source", "", 0.0], *(stills[emotion, region, temperature] for temperature in temperatures)]
        for column, picture in enumerate(cells):
            page.paste(Image.fromarray(picture).resize((SIDE_PX, SIDE_PX)), (column * SIDE_PX, place * SIDE_PX))
        pen.text((4, place * SIDE_PX + 4), f"{emotion} {region}", fill="yellow", font=font)
    return page
