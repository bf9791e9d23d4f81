"""Make docs/demo.webp, the moving picture of README: the demo clip before and after, side by side.

    python docs/moving_picture.py react1-demo

The argument is the folder that `react1 demo` made.
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
from PIL import Image, ImageDraw

FIRST_S, LAST_S = 1.6, 4.8
"""The edit of the demo is 2 to 4.4 s."""
SIZE_PX = (320, 320)
EVERY = 2
"""Every second frame, to keep the file small."""


def frames(film: Path) -> tuple[list[Image.Image], float]:
    """Return the square middles of the frames from `FIRST_S` to `LAST_S`, and their rate in frames/s."""
    pictures = []
    with av.open(str(film)) as container:
        rate = float(container.streams.video[0].average_rate or 25)
        for frame in container.decode(video=0):
            if frame.time is not None and FIRST_S <= frame.time < LAST_S:
                picture = frame.to_image()
                edge = min(picture.size)
                left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
                pictures.append(
                    picture.crop((left, top, left + edge, top + edge)).resize(SIZE_PX, Image.Resampling.LANCZOS)
                )
    return pictures[::EVERY], rate / EVERY


def main(folder: Path, out: Path) -> None:
    """Write the animation."""
    before, rate = frames(folder / "talking.mp4")
    after, _ = frames(folder / "talking.react1.mp4")
    pages = []
    for left, right in zip(before, after, strict=True):
        page = Image.new("RGB", (SIZE_PX[0] * 2 + 4, SIZE_PX[1] + 20), "white")
        page.paste(left, (0, 20))
        page.paste(right, (SIZE_PX[0] + 4, 20))
        text = ImageDraw.Draw(page)
        text.text((6, 4), "before", fill="black")
        text.text((SIZE_PX[0] + 10, 4), "after: happy 0.8, from 2.0 to 4.4 s", fill="black")
        pages.append(page)
    pages[0].save(
        out, save_all=True, append_images=pages[1:], duration=round(1000 / rate), loop=0, quality=60, method=6
    )
    print(f"{out}: {len(pages)} frames, {out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).parent / "demo.webp")
