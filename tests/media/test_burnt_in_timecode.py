"""Our labels and the ones that ffmpeg burns into a picture are the same, frame for frame."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFont

from react1.pipeline.core.times import frames_to_timecode, parse_time, timecode_to_frames
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.media.tools.process import run_tool

WIDTH, HEIGHT, FRAMES = 208, 32, 12


@pytest.fixture(scope="module")
def font(tmp_path_factory) -> Path:
    """The font that Pillow carries, as a file."""
    path = tmp_path_factory.mktemp("font") / "font.ttf"
    path.write_bytes(ImageFont.load_default(20).font_bytes)
    return path


@pytest.mark.parametrize(
    ("rate", "start"),
    [
        ("24000/1001", "00:00:59:19"),
        ("24", "23:59:59:18"),
        ("25", "09:59:59:20"),
        ("30000/1001", "00:00:59;24"),
        ("30000/1001", "00:09:59;24"),
        ("30000/1001", "00:00:59:24"),
        ("30", "01:00:00:00"),
        ("50", "00:59:59:44"),
        ("60000/1001", "10:58:59;54"),
        ("60", "00:00:59:54"),
    ],
)
def test_timecodes_equal_those_that_ffmpeg_burns_in(tmp_path, font, rate, start):
    """Twelve frames around a change, drawn by ffmpeg's own timecode and as the text of our labels."""
    first = timecode_to_frames(parse_time(start), Fraction(rate))
    day = timecode_to_frames(parse_time("23:59:59:" + str(round(Fraction(rate)) - 1)), Fraction(rate)) + 1
    labels = [str(frames_to_timecode((first + k) % day, Fraction(rate), drop=";" in start)) for k in range(FRAMES)]

    burnt = _drawn(tmp_path, font, rate, [f"timecode='{_plain(start)}':rate={rate}:tc24hmax=1"])
    drawn = _drawn(tmp_path, font, rate, [f"text='{_plain(t)}':enable='eq(n,{k})'" for k, t in enumerate(labels)])

    assert len({frame.tobytes() for frame in burnt}) == FRAMES
    assert [k for k in range(FRAMES) if not np.array_equal(burnt[k], drawn[k])] == []


def _plain(text: str) -> str:
    return text.replace(":", r"\:")


def _drawn(folder: Path, font: Path, rate: str, texts: list[str]) -> np.ndarray:
    path = folder / "burnt.gray"
    drawn = ",".join(f"drawtext=fontfile={font}:fontsize=20:fontcolor=white:x=4:y=4:{text}" for text in texts)
    source = f"color=black:s={WIDTH}x{HEIGHT}:r={rate},format=gray,{drawn}"
    sink = ["-frames:v", str(FRAMES), "-f", "rawvideo", str(path)]
    run_tool([ffmpeg_path(), "-v", "error", "-y", "-f", "lavfi", "-i", source, *sink])
    return np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, HEIGHT, WIDTH)
