"""Every codec in every container, group of pictures, rate and place of an edit: all pairs of them, not all products.

`way` is how a film is spliced: `exact` (only the edit and its partial groups are coded) or `reencode` (the complete
picture stream, where no keyframe lies outside the edit and its group).
`open` of VP9 stands for alternate reference frames, and the picture of a MOV is turned by 180 degrees.
"""

from __future__ import annotations

import itertools
import os

import pytest
from invariants import PYRAMID, check, most_coded
from seen import look_once
from shapes import FRAMES, PLACES, shaped
from takes import numbered_take, segment

from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing

pytestmark = pytest.mark.slow

TABLE = """
h264     mkv  open   23.976 start    reencode
h264     mov  intra  vfr    one      exact
h264     mp4  closed 25     whole    exact
h264     mp4  intra  vfr    adjacent exact
h264     ts   closed 29.97  end      exact
h264     ts   one    29.97  over-key exact
h264-10  mkv  one    vfr    whole    exact
h264-10  mov  closed 29.97  over-key exact
h264-10  mov  intra  25     start    exact
h264-10  mp4  intra  23.976 end      exact
h264-10  mp4  one    25     adjacent exact
h264-10  ts   open   25     one      exact
h264-422 mkv  closed 23.976 adjacent exact
h264-422 mkv  closed 23.976 one      exact
h264-422 mov  closed 29.97  start    exact
h264-422 mov  one    25     end      exact
h264-422 mp4  open   vfr    over-key exact
h264-422 ts   intra  29.97  whole    exact
hevc     mkv  one    29.97  one      exact
hevc     mov  open   25     adjacent exact
hevc     mp4  closed 23.976 whole    exact
hevc     mp4  intra  vfr    over-key exact
hevc     ts   closed 23.976 end      exact
hevc     ts   intra  23.976 start    exact
hevc-10  mkv  closed 25     start    exact
hevc-10  mov  intra  25     over-key exact
hevc-10  mov  open   29.97  whole    exact
hevc-10  mp4  intra  23.976 one      exact
hevc-10  ts   one    vfr    adjacent exact
hevc-10  ts   one    vfr    end      exact
prores   mkv  intra  25     over-key exact
prores   mkv  intra  29.97  adjacent exact
prores   mkv  intra  vfr    whole    exact
prores   mov  intra  23.976 start    exact
prores   mov  intra  vfr    end      exact
prores   mov  intra  vfr    one      exact
mjpeg    mkv  intra  vfr    end      exact
mjpeg    mkv  intra  vfr    whole    exact
mjpeg    mov  intra  23.976 adjacent exact
mjpeg    mp4  intra  25     start    exact
mjpeg    mp4  intra  29.97  over-key exact
mjpeg    mp4  intra  vfr    one      exact
dnxhr    mkv  intra  25     adjacent exact
dnxhr    mkv  intra  29.97  whole    exact
dnxhr    mov  intra  23.976 one      exact
dnxhr    mov  intra  25     end      exact
dnxhr    mov  intra  25     over-key exact
dnxhr    mov  intra  vfr    start    exact
ffv1     mkv  closed 29.97  start    exact
ffv1     mkv  closed vfr    over-key exact
ffv1     mov  closed vfr    one      exact
ffv1     mov  intra  23.976 whole    exact
ffv1     mov  one    25     adjacent exact
ffv1     mov  one    25     end      exact
av1      mkv  open   29.97  whole    exact
av1      mp4  one    25     start    reencode
av1      webm closed vfr    one      exact
av1      webm intra  23.976 over-key exact
av1      webm intra  25     adjacent exact
av1      webm open   29.97  end      exact
vp9      mkv  one    25     one      exact
vp9      mkv  open   vfr    end      exact
vp9      mp4  closed 25     over-key exact
vp9      mp4  intra  29.97  adjacent exact
vp9      webm closed 25     start    exact
vp9      webm one    23.976 whole    exact
"""
ROWS = [tuple(line.split()) for line in TABLE.strip().splitlines()]


def _cells():
    for codec, suffix, *rest in ROWS:
        yield codec, f".{suffix}", *rest


@pytest.fixture(scope="session")
def shapes(tmp_path_factory):
    """Where the films are kept; SVT-AV1 writes its settings to the terminal unless told not to."""
    os.environ.setdefault("SVT_LOG", "1")
    return tmp_path_factory.mktemp("shapes")


@pytest.mark.parametrize(("codec", "suffix", "groups", "rate", "place", "way"), list(_cells()))
def test_a_cell_of_the_grid(context, shapes, codec, suffix, groups, rate, place, way):
    """Frames, times, packets, pictures, samples, clicks and all that the film says of itself."""
    source = shaped(shapes, codec, suffix, groups, rate)
    file = context.add_external(source)
    media = probe(context.path(file), file)
    index, spans = media.video.index, PLACES[place]
    was = look_once(source, index)
    takes = [
        numbered_take(context, segment(media, start, end, int(start > 0), int(end < FRAMES))) for start, end in spans
    ]

    result = splicing.splice(context, ffmpeg_path(), media, takes)

    assert result.metrics["way"] == ("exact" if way == "exact" else "reencoded-picture"), result.metrics["reason"]
    stored = check(was, result, index, spans, way, same_dts=way == "exact" and suffix in (".mp4", ".mov", ".ts"))
    if way == "exact":
        assert not result.notes
        if groups in ("closed", "intra"):
            assert stored.packets - stored.identical <= most_coded(was, spans, 0 if groups == "intra" else PYRAMID)


def test_the_table_has_every_pair():
    """Of every two columns all values meet, but for what no film can be."""
    columns = list(zip(*(row[:5] for row in ROWS), strict=True))

    for item, other in itertools.combinations(range(5), 2):
        met = set(zip(columns[item], columns[other], strict=True))
        missing = set(itertools.product(set(columns[item]), set(columns[other]))) - met
        assert {pair for pair in missing if not _impossible(*pair)} == set()


_NOT_IN = {
    "mp4": {"prores", "dnxhr", "ffv1"},
    "mov": {"av1", "vp9"},
    "ts": {"prores", "mjpeg", "dnxhr", "ffv1", "av1", "vp9"},
    "webm": {"h264", "h264-10", "h264-422", "hevc", "hevc-10", "prores", "mjpeg", "dnxhr", "ffv1"},
}
_ONLY = {"prores": {"intra"}, "mjpeg": {"intra"}, "dnxhr": {"intra"}, "ffv1": {"closed", "one", "intra"}}


def _impossible(item: str, other: str) -> bool:
    """Tell whether a container does not take a codec, or a codec has no such groups."""
    return item in _NOT_IN.get(other, ()) or (
        item in _ONLY and other in {"closed", "open", "one", "intra"} - _ONLY[item]
    )
