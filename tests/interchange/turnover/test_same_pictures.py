"""An original is compared with its proxy: the same full picture at the same time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from numbered_clips import make_clip

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.interchange.turnover.originals import check_same_pictures, frame_offset
from react1.pipeline.media.probe import probe_path


def proxy_of(path: Path, to: Path, first: int, timecode: str, *, enlarged: int = 0, burnt: bool = False) -> Path:
    """Write a small proxy from frame `first` on; `enlarged` crops that many pixels on every side first."""
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
            small_frame = av.VideoFrame.from_ndarray(shown, format="rgb24").reformat(320, 180, "yuv420p")
            small_frame.pts, small_frame.time_base = number - first, Fraction(1) / seen.average_rate
            out.mux(stream.encode(small_frame))
        out.mux(stream.encode(None))
    return to


def compare(original: Path, proxy: Path) -> None:
    """Compare the two, with the original's timecode set to start at one hour."""
    original_media = probe_path(original).model_copy(update={"start_timecode": "01:00:00:00"})
    proxy_media = probe_path(proxy)
    check_same_pictures(proxy, proxy_media, original, original_media, frame_offset(proxy_media, original_media))


@pytest.mark.slow
def test_proxy_with_a_burnt_in_clock_is_accepted(talking_clip, tmp_path):
    """The proxy is small, strongly compressed, starts five frames in, and has text that changes every frame."""
    compare(talking_clip, proxy_of(talking_clip, tmp_path / "p.mp4", 5, "01:00:00:05", burnt=True))


def shifted_proxy(path: Path, to: Path, shows) -> Path:
    """Write a proxy as long as its film, with the same timecode, whose frame n shows frame `shows(n)` of it."""
    with av.open(str(path)) as source:
        seen = source.streams.video[0]
        rate, pictures = seen.average_rate, [frame.reformat(320, 180, "yuv420p") for frame in source.decode(seen)]
    with av.open(str(to), "w") as out:
        out.metadata["timecode"] = "01:00:00:00"
        stream = out.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(len(pictures)):
            picture = pictures[min(max(shows(number), 0), len(pictures) - 1)]
            frame = av.VideoFrame.from_ndarray(picture.to_ndarray(), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1) / rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return to


@pytest.mark.slow
@pytest.mark.parametrize(
    ("late", "message"),
    [(1, "1 frame later"), (-1, "1 frame earlier"), (5, "5 frames later"), (-6, "6 frames earlier")],
)
def test_a_proxy_as_long_as_its_film_is_checked_at_every_shift(talking_clip, tmp_path, late, message):
    """Its label is right and its pictures are not: the shift is found, whichever way it goes."""
    with pytest.raises(InputMediaError, match=message):
        compare(talking_clip, shifted_proxy(talking_clip, tmp_path / "p.mp4", lambda number: number + late))


@pytest.mark.slow
def test_a_proxy_as_long_as_its_film_is_accepted_where_it_is_right(talking_clip, tmp_path):
    """The same pictures at the same time."""
    compare(talking_clip, shifted_proxy(talking_clip, tmp_path / "p.mp4", lambda number: number))


@pytest.mark.slow
def test_a_proxy_that_drifts_is_refused(talking_clip, tmp_path):
    """It is right at its beginning and three frames early at its end."""
    with pytest.raises(InputMediaError, match=r"at its beginning, .* at its end"):
        compare(talking_clip, shifted_proxy(talking_clip, tmp_path / "p.mp4", lambda number: number + number // 13))


@pytest.mark.slow
@pytest.mark.parametrize(("label", "message"), [("01:00:00:04", "1 frame later"), ("01:00:00:02", "3 frames later")])
def test_wrong_timecode_is_refused(talking_clip, tmp_path, label, message):
    """The message gives the offset in frames."""
    with pytest.raises(InputMediaError, match=message):
        compare(talking_clip, proxy_of(talking_clip, tmp_path / "p.mp4", 5, label))


@pytest.mark.slow
def test_cropped_proxy_is_refused(talking_clip, tmp_path):
    """A proxy enlarged by about 5 % would misplace every take."""
    with pytest.raises(InputMediaError, match="does not show what frame"):
        compare(talking_clip, proxy_of(talking_clip, tmp_path / "p.mp4", 5, "01:00:00:05", enlarged=6))


def test_proxy_after_midnight_is_placed(tmp_path):
    """The original crosses midnight: 10 frames after 23:59:59:20 is 00:00:00:05."""
    original = probe_path(make_clip(tmp_path / "long.mov", frames=40, tracks=0, timecode="23:59:59:20"))
    proxy = probe_path(make_clip(tmp_path / "short.mov", frames=20, tracks=0, timecode="00:00:00:05"))

    assert frame_offset(proxy, original) == 10
