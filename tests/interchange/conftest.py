"""A film with timecode for tests of edit lists."""

from __future__ import annotations

from pathlib import Path

import pytest

from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.media.tools.process import run_tool


@pytest.fixture(scope="session")
def reel(tmp_path_factory) -> Path:
    """`A001/A001C003_0101.mov`: 8 s of 64x48 at 25 frames/s from 01:00:00:00, with a tone."""
    path = tmp_path_factory.mktemp("media") / "A001" / "A001C003_0101.mov"
    path.parent.mkdir()
    picture = ["-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=8", "-f", "lavfi", "-i", "sine=f=300:r=8000:d=8"]
    coded = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-timecode", "01:00:00:00"]
    run_tool([ffmpeg_path(), "-v", "error", *picture, *coded, str(path)])
    return path
