"""Make docs/emotions.jpg: all six emotions on the demo clip, before and after, through the whole pipeline.

    .venv/bin/python benchmarks/emotions.py

One run per temperature, with six segments of one second each; the frame in the middle of each is shown.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import get_args

import av
from PIL import Image, ImageDraw, ImageFont

from react1.pipeline.api import run
from react1.pipeline.demo.clip import make_demo_clip
from react1.pipeline.edit import Prompt

SHEET = Path(__file__).resolve().parent.parent / "docs" / "emotions.jpg"
TEMPERATURES = (0.5, 1.0)
RATE, CELL_PX, LABEL_PX = 25, 300, 26
FACE_BOX_PX = (390, 60, 850, 520)
"""Left, top, right, bottom of the face in the demo clip."""


def middles(film: Path) -> list[Image.Image]:
    """Give the frame in the middle of every second."""
    with av.open(str(film)) as container:
        frames = [frame.to_image() for frame in container.decode(video=0)]
    return [frames[second * RATE + RATE // 2].crop(FACE_BOX_PX) for second in range(len(get_args(Prompt)))]


def sheet(rows: dict[str, list[Image.Image]]) -> Image.Image:
    """Put labelled rows of faces on one sheet."""
    names, font = get_args(Prompt), ImageFont.load_default(18)
    made = Image.new("RGB", (CELL_PX * len(names), (CELL_PX + LABEL_PX) * len(rows)), "white")
    pen = ImageDraw.Draw(made)
    for row, (label, faces) in enumerate(rows.items()):
        top = row * (CELL_PX + LABEL_PX)
        for column, (name, face) in enumerate(zip(names, faces, strict=True)):
            made.paste(face.resize((CELL_PX, CELL_PX)), (column * CELL_PX, top + LABEL_PX))
            pen.text((column * CELL_PX + 6, top + 3), label.format(name=name), fill="black", font=font)
    return made


def main() -> None:
    """Write the sheet."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "talking.mp4"
        make_demo_clip(clip, progress=lambda _: None)
        rows = {"before": middles(clip)}
        for temperature in TEMPERATURES:
            film = clip.with_name(f"film-{temperature}.mp4")
            edits = [f"{second}-{second + 1}:{name}:{temperature}" for second, name in enumerate(get_args(Prompt))]
            result = run("emotion-edit", source=clip, edits=edits, provider="local", out=film, home=f"{folder}/home")
            print(f"temperature {temperature}: {result.status}, {result.checks}")
            rows[f"{{name}} {temperature}"] = middles(film)
        sheet(rows).save(SHEET, quality=85, optimize=True)
    print(f"wrote {SHEET.name}, {SHEET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
