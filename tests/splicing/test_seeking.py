"""A player may seek anywhere in a spliced film: what it shows is what it would have shown on the way there."""

from __future__ import annotations

import av
import numpy as np
import pytest
from takes import film, numbered_take, segment

from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.packet_index import index_film
from react1.pipeline.splicing.reencode_ranges import ReencodeRange
from react1.pipeline.splicing.verification.verify import ranges_to_decode

pytestmark = pytest.mark.slow

OPEN = {"codec": "libx265", "options": {"preset": "superfast", "x265-params": "log-level=none:open-gop=1:bframes=3"}}


def decoded(path, start=None):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if start is not None:
            container.seek(start, stream=stream)
        return {frame.pts: frame.to_ndarray(format="gray") for frame in container.decode(stream)}


@pytest.mark.parametrize("span", [(10, 12), (9, 10), (16, 18), (3, 5)])
@pytest.mark.parametrize(
    ("suffix", "changes"),
    [(".mp4", OPEN), (".mkv", OPEN), (".mp4", {}), (".webm", {"codec": "libvpx-vp9", "options": {"cpu-used": "8"}})],
    ids=["hevc mp4", "hevc mkv", "h264", "vp9"],
)
def test_every_seek_shows_the_same_pictures(context, suffix, changes, span):
    """Also to the keyframe right before the first new picture, whose leading pictures a player leaves out."""
    media = film(context, suffix, frames=28, gop=8, size=(96, 64), tracks=0, **changes)

    result = splicing.splice(context, ffmpeg_path(), media, [numbered_take(context, segment(media, *span))])

    assert result.metrics["way"] == "exact", result.metrics["reason"]
    complete = decoded(result.path)
    for start in sorted(complete)[::2]:
        shown, in_source = decoded(result.path, start), decoded(context.path(media.file), start)
        assert set(complete) - set(shown) == {pts for pts in complete if pts < min(shown)}
        # Readers seek by decode times, and may land on a keyframe that is shown later: as in the source, no worse.
        assert min(shown) <= max(start, min(in_source))
        assert all(np.array_equal(luma, complete[pts]) for pts, luma in shown.items())


def test_a_strict_decode_covers_the_window_and_a_group_on_either_side(context):
    """From the keyframe before the window to the one after the next."""
    media = film(context, frames=40, gop=8, size=(96, 64), tracks=0)
    index = index_film(context.path(media.file), media)

    assert ranges_to_decode(index.grid, [ReencodeRange(18, 24, ())]) == (range(16, 32),)
    assert ranges_to_decode(index.grid, [ReencodeRange(0, 8, ()), ReencodeRange(33, 40, ())]) == (
        range(16),
        range(32, 40),
    )
    assert ranges_to_decode(index.grid, [ReencodeRange(16, 24, ())]) == (range(8, 32),)
