"""Make docs/emotions.jpg, all six emotions on the demo clip, and docs/weak.jpg, weaknesses of the local engine.

    .venv/bin/python benchmarks/emotions.py

Each row is a run of the complete pipeline with six segments of one second; it shows the middle frame of each.
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import get_args

import av
from PIL import Image, ImageDraw, ImageFont

from react1.pipeline.api import run
from react1.pipeline.core.edits.choices import Prompt
from react1.pipeline.demo.demo_clip import make_demo_clip

DOCS = Path(__file__).resolve().parent.parent / "docs"
SHEET, WEAK_SHEET = DOCS / "emotions.jpg", DOCS / "weak.jpg"
TEMPERATURES = (0.5, 1.0)
RATE, CELL_PX, LABEL_PX = 25, 300, 26
FACE_BOX_PX = (390, 60, 850, 520)
"""Left, top, right, bottom of the face in the demo clip."""


def middles(film: Path) -> list[Image.Image]:
    """Return the frame in the middle of every second."""
    with av.open(str(film)) as container:
        frames = [frame.to_image() for frame in container.decode(video=0)]
    return [frames[second * RATE + RATE // 2].crop(FACE_BOX_PX) for second in range(len(get_args(Prompt)))]


def sheet(rows: dict[str, list[Image.Image]], names: list[str]) -> Image.Image:
    """Draw labelled rows of faces on one sheet."""
    font = ImageFont.load_default(16)
    page = Image.new("RGB", (CELL_PX * len(names), (CELL_PX + LABEL_PX) * len(rows)), "white")
    pen = ImageDraw.Draw(page)
    for row, (label, faces) in enumerate(rows.items()):
        top = row * (CELL_PX + LABEL_PX)
        for column, (name, face) in enumerate(zip(names, faces, strict=True)):
            page.paste(face.resize((CELL_PX, CELL_PX)), (column * CELL_PX, top + LABEL_PX))
            pen.text((column * CELL_PX + 6, top + 3), label.format(name=name), fill="black", font=font)
    return page


WEAK = (
    ("sad 1: theatrical", {"prompt": "sad", "temperature": 1}),
    ("surprised 1: staring eyes", {"prompt": "surprised", "temperature": 1}),
    ("disgusted 1, head: hair bends", {"prompt": "disgusted", "temperature": 1, "model_mode": "head"}),
    ("happy 1, head: what is near leans", {"prompt": "happy", "temperature": 1, "model_mode": "head"}),
    ("happy 1, a bar all the while", {"prompt": "happy", "temperature": 1}),
    ("the same, looked for", {"prompt": "happy", "temperature": 1, "occlusion_detection_enabled": True}),
)
BAR_PX, SKIN_YUV = (572, 372, 672, 440), (168, 112, 146)
"""A bar over the mouth of the demo clip in the last two seconds, in the colour of the face."""


def edited(clip: Path, expressions: list[dict[str, object]], home: str) -> list[Image.Image]:
    """Run an edit with one expression per second; return the middle frames of the result."""
    film = clip.with_name(f"{clip.stem}-film.mp4")
    edits = [{"in": second, "out": second + 1, **expression} for second, expression in enumerate(expressions)]
    result = run("emotion-edit", source=clip, edits=edits, provider="local", out=film, yes=True, home=home)
    print(f"{clip.stem}: {result.status}, {result.checks.get('way')}")
    return middles(film)


def with_bar(clip: Path, out: Path) -> Path:
    """Draw the bar over the clip's last two seconds."""
    left, top, right, bottom = BAR_PX
    with av.open(str(clip)) as source, av.open(str(out), "w") as target:
        video = source.streams.video[0]
        stream = target.add_stream("libx264", rate=RATE, options={"crf": "12", "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        for number, frame in enumerate(source.decode(video)):
            planes = frame.to_ndarray()
            if number >= 4 * RATE:
                height, half = video.height, video.width // 2
                planes[top:bottom, left:right] = SKIN_YUV[0]
                chroma = planes[height:].reshape(2, height // 2, half)
                for plane, value in zip(chroma, SKIN_YUV[1:], strict=True):
                    plane[top // 2 : bottom // 2, left // 2 : right // 2] = value
            covered = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            covered.pts, covered.time_base = number, Fraction(1, RATE)
            target.mux(stream.encode(covered))
        target.mux(stream.encode(None))
    return out


def main() -> None:
    """Write the sheets."""
    with tempfile.TemporaryDirectory() as folder:
        clip, home = Path(folder) / "talking.mp4", f"{folder}/home"
        make_demo_clip(clip, progress=lambda _: None)
        names = {name: name for name in get_args(Prompt)}
        rows = {"before": middles(clip)}
        for temperature in TEMPERATURES:
            expressions: list[dict[str, object]] = [{"prompt": name, "temperature": temperature} for name in names]
            rows[f"{{name}} {temperature}"] = edited(clip, expressions, home)
        sheet(rows, list(names)).save(SHEET, quality=85, optimize=True)
        covered = with_bar(clip, clip.with_name("covered.mp4"))
        weak = {"before": middles(covered), "{name}": edited(covered, [expression for _, expression in WEAK], home)}
        sheet(weak, [label for label, _ in WEAK]).save(WEAK_SHEET, quality=85, optimize=True)
    print(f"wrote {SHEET.name} and {WEAK_SHEET.name}")


if __name__ == "__main__":
    main()
