"""Edits at random: whatever the film, the spans, their order and their handles, the same things hold."""

from __future__ import annotations

import os
import subprocess
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invariants import PYRAMID, check, most_coded
from numbered_clips import make_clip
from seen import look_once
from takes import numbered_take, segment

from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing
from react1.testing import FolderContext

pytestmark = pytest.mark.slow

_UNEVEN = (512, 300, 900, 512, 77, 2000, 640, 33)
_X265 = {"preset": "ultrafast", "x265-params": "log-level=none:bframes=2:open-gop=0"}
_OPEN_X265 = {"preset": "ultrafast", "x265-params": "log-level=none:bframes=3:open-gop=1"}
_AV1 = {"preset": "11", "crf": "20", "svtav1-params": "lp=1"}
_VP9 = {"deadline": "realtime", "cpu-used": "8", "crf": "10", "b": "0"}
SHAPES = {
    "closed": (".mp4", {}),
    "long pyramid": (".mov", {"bframes": 4, "gop": 11, "options": {"x264-params": "b-pyramid=normal:open-gop=0"}}),
    "no reordering": (".mp4", {"bframes": 0, "gop": 5, "rate": Fraction(30000, 1001)}),
    "all intra": (".mov", {"bframes": 0, "gop": 1}),
    "ten bits, uneven": (".mp4", {"pix_fmt": "yuv420p10le", "pts": tuple(sum((_UNEVEN * 3)[:n]) for n in range(24))}),
    "one keyframe": (".mp4", {"gop": 250}),
    "open": (".mp4", {"options": {"x264-params": "open-gop=1"}}),
    "cut": (".mp4", {"frames": 32}),
    "without a twin": (".mp4", {"options": {"x264-params": "open-gop=0:cqm=jvt"}}),
    "Matroska": (".mkv", {"rate": Fraction(24000, 1001)}),
    "transport stream": (".ts", {"start_s": Fraction(1, 2)}),
    "HEVC": (".mp4", {"codec": "libx265", "options": _X265}),
    "HEVC, open, transport stream": (".ts", {"codec": "libx265", "options": _OPEN_X265}),
    "interlaced": (".mp4", {"options": {"x264-params": "open-gop=0:tff=1"}}),
    "AV1": (".webm", {"codec": "libsvtav1", "audio_codec": "libopus", "options": _AV1}),
    "VP9": (".webm", {"codec": "libvpx-vp9", "audio_codec": "libopus", "options": _VP9}),
}
CLOSED = ("closed", "long pyramid", "no reordering", "all intra", "ten bits, uneven", "one keyframe")
"""Films in which nothing but an edit and its groups has to be coded."""


@cache
def shape(folder: Path, name: str) -> Path:
    """Make a film, once."""
    suffix, changes = SHAPES[name]
    plain = {"frames": 24, "size": (128, 64), "gop": 6, "audio_codec": "aac"}
    path = make_clip(folder / f"{name}{suffix}", **{**plain, **changes})
    if name != "cut":
        return path
    result = path.with_name(f"{name}, done{suffix}")
    argv = [ffmpeg_path(), "-v", "error", "-ss", "0.3", "-i", str(path), "-map", "0", "-c", "copy", str(result)]
    subprocess.run(argv, check=True, capture_output=True)
    return result


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the films are kept; SVT-AV1 writes its settings to the terminal unless told not to."""
    os.environ.setdefault("SVT_LOG", "1")
    return tmp_path_factory.mktemp("random")


@st.composite
def edits(draw):
    """Give a film's name and up to three spans as shares of its frames, with the handles of each, in any order."""
    name = draw(st.sampled_from(sorted(SHAPES)))
    cuts = sorted(draw(st.lists(st.integers(0, 24), min_size=2, max_size=6, unique=True)))
    spans = [tuple(cuts[at : at + 2]) for at in range(0, len(cuts) - 1, draw(st.sampled_from([1, 2])))][:3]
    handles = [(draw(st.integers(0, 3)), draw(st.integers(0, 3))) for _ in spans]
    return name, draw(st.permutations(list(zip(spans, handles, strict=True))))


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(requested=edits())
def test_any_edits_of_any_film_keep_all_else(folder, requested):
    """The grid's invariants, and in a film of closed groups a bound on what is re-encoded."""
    name, wanted = requested
    path = shape(folder, name)
    with TemporaryDirectory() as place:
        context = FolderContext(Path(place))
        file = context.add_external(path)
        media = probe(context.path(file), file)
        was = look_once(path, media.video.index)
        count = len(was.frames)
        spans = [span for span, _ in wanted if span[1] <= count]
        takes = [
            numbered_take(context, segment(media, start, end, min(head, start), min(tail, count - end)))
            for (start, end), (head, tail) in wanted
            if end <= count
        ]
        if not takes:
            return

        result = splicing.splice(context, ffmpeg_path(), media, takes)

        is_exact = result.metrics["way"] == "exact"
        boxed = path.suffix in (".mp4", ".mov")
        way = "exact" if is_exact else "reencode"
        stored = check(was, result, media.video.index, spans, way, same_dts=is_exact or boxed)
        if name in CLOSED:
            most = most_coded(was, spans, PYRAMID)
            assert stored.packets - stored.identical <= most and (is_exact or most == count)
