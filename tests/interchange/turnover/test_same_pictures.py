"""An original is held against its proxy: the same picture, whole, at the same time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from made import make_clip

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.interchange.turnover.originals import frame_offset
from react1.pipeline.interchange.turnover.same_pictures import check_same_pictures
from react1.pipeline.media.probe import probe_outside


def proxy_of(path: Path, to: Path, first: int, timecode: str, *, enlarged: int = 0, burnt: bool = False) -> Path:
    """Make a small proxy from a frame on; `enlarged` cuts so many pixels off every side first."""
    with av.open(str(path)) as source, av.open(str(to), "w") as out:
        out.metadata["timecode"] = timecode
        seen = source.streams.video[0]
        stream = out.add_stream("libx264", rate=seen.average_rate, options={"crf": "24", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number, frame in enumerate(source.decode(seen)):
            if number < first:
                continue
            shown = frame.to_ndarray(format="rgb24")
            shown = shown[enlarged : shown.shape[0] - enlarged, enlarged : shown.shape[1] - enlarged].copy()
            if burnt:
                shown[-40:-10, 150:-150] = 255 * (number % 2)
            made = av.VideoFrame.from_ndarray(shown, format="rgb24").reformat(320, 180, "yuv420p")
            made.pts, made.time_base = number - first, Fraction(1) / seen.average_rate
            out.mux(stream.encode(made))
        out.mux(stream.encode(None))
    return to


def checked(original: Path, proxy: Path) -> None:
    """Hold the two against each other, the original's clock beginning at one hour."""
    theirs = probe_outside(original).model_copy(update={"start_timecode": "01:00:00:00"})
    ours = probe_outside(proxy)
    check_same_pictures(proxy, ours, original, theirs, frame_offset(ours, theirs))


def test_a_proxy_with_a_burnt_in_clock_is_taken(talking_clip, tmp_path):
    """Small, coded hard, five frames in, with letters that change on every frame."""
    checked(talking_clip, proxy_of(talking_clip, tmp_path / "p.mp4", 5, "01:00:00:05", burnt=True))


@pytest.mark.parametrize(("label", "told"), [("01:00:00:04", "1 frame later"), ("01:00:00:02", "3 frames later")])
def test_a_clock_that_is_off_is_refused(talking_clip, tmp_path, label, told):
    """The takes would lie that much beside their place."""
    with pytest.raises(InputMediaError, match=told):
        checked(talking_clip, proxy_of(talking_clip, tmp_path / "p.mp4", 5, label))


def test_a_proxy_of_a_part_of_the_picture_is_refused(talking_clip, tmp_path):
    """Enlarged by some 5 %, which would put every take beside its face."""
    with pytest.raises(InputMediaError, match="does not show what frame"):
        checked(talking_clip, proxy_of(talking_clip, tmp_path / "p.mp4", 5, "01:00:00:05", enlarged=6))


def test_a_proxy_that_begins_after_midnight_is_placed(tmp_path):
    """The original runs over midnight: 10 frames after 23:59:59:20 is 00:00:00:05."""
    original = probe_outside(make_clip(tmp_path / "long.mov", frames=40, tracks=0, timecode="23:59:59:20"))
    proxy = probe_outside(make_clip(tmp_path / "short.mov", frames=20, tracks=0, timecode="00:00:00:05"))

    assert frame_offset(proxy, original) == 10
