"""A browser plays a spliced film over its seams, seeks to either side of them, and shows the right frames."""

from __future__ import annotations

import pytest
from browser import Screen, find_browser
from seen import strict_decode
from takes import TAKE_OFFSET, film, numbered_take, segment

from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing

pytestmark = pytest.mark.slow

FRAMES, EDIT, GROUP = 50, (14, 21), 12
SEAMS = [0, 11, 12, 13, 14, 15, 17, 20, 21, 22, 23, 24, 25, 49]
"""Either side of the key frames, of the edit and of its window, and the ends of the film."""
VP9 = {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "crf": "10", "b": "0"}}
AV1 = {"codec": "libsvtav1", "options": {"preset": "11", "crf": "20", "svtav1-params": "lp=1"}}
HEVC = {"codec": "libx265", "options": {"preset": "ultrafast", "x265-params": "log-level=none:open-gop=0"}}
H264 = 'video/mp4; codecs="avc1.64001f, mp4a.40.2"'
# Scaling matrices are what no twin is searched for.
FILMS = {
    "twin": (".mp4", H264, {}, True),
    "two parameter sets": (".mp4", H264, {"options": {"x264-params": "open-gop=0:cqm=jvt"}}, False),
    "ten bits": (".mp4", 'video/mp4; codecs="avc1.6e001f, mp4a.40.2"', {"pix_fmt": "yuv420p10le"}, True),
    "HEVC": (".mp4", 'video/mp4; codecs="hvc1.1.6.L60.90, mp4a.40.2"', HEVC, None),
    "VP9": (".webm", 'video/webm; codecs="vp9, opus"', {**VP9, "audio_codec": "libopus"}, None),
    "VP9 in MP4": (".mp4", 'video/mp4; codecs="vp09.00.10.08, mp4a.40.2"', VP9, None),
    "AV1": (".mp4", 'video/mp4; codecs="av01.0.00M.08, mp4a.40.2"', AV1, None),
}


@pytest.fixture(scope="module")
def screen(tmp_path_factory):
    """The browser of this machine, started once; without one nothing can be told."""
    browser = find_browser()
    if browser is None:
        pytest.skip("no chromium or chrome on the PATH: whether a browser plays the seams was not looked at")
    result = Screen(browser, tmp_path_factory.mktemp("profiles"))
    yield result
    result.close()


def source(context, suffix, **changes):
    """Make a film of groups of 12 pictures."""
    return film(context, suffix, frames=FRAMES, gop=GROUP, size=(192, 128), **{"audio_codec": "aac", **changes})


@pytest.mark.parametrize("name", FILMS)
def test_a_browser_shows_every_frame_beside_and_inside_an_edit(context, screen, monkeypatch, name):
    """After a seek and while playing: the source's numbers outside, the take's inside, and no MediaError."""
    monkeypatch.setenv("SVT_LOG", "1")
    suffix, mime, changes, twin = FILMS[name]
    media = source(context, suffix, **changes)
    result = splicing.splice(context, ffmpeg_path(), media, [numbered_take(context, segment(media, *EDIT))])
    assert twin is None or (result.metrics["way"], result.metrics["twin"]) == ("exact", twin)
    assert strict_decode(result.path) == ""

    text = screen.watch(result.path, mime, SEAMS, 25)

    if not text.plays:
        pytest.skip(f"this browser does not play {mime}")
    assert text.error == ""
    assert text.seeks == [shown(number) for number in SEAMS]
    assert text.ended and text.size == (192, 128)
    assert abs(text.duration_s - FRAMES / 25) < 0.1
    played = {number % TAKE_OFFSET for _, number in text.played}
    assert [number % TAKE_OFFSET for _, number in text.played] == sorted(
        number % TAKE_OFFSET for _, number in text.played
    )
    assert played & set(range(*EDIT)) and max(played) >= GROUP * 2
    assert all(number == shown(number % TAKE_OFFSET) for _, number in text.played)
    assert all(abs(at * 25 - number % TAKE_OFFSET) <= 1.01 for at, number in text.played)


def shown(number: int) -> int:
    """Give the number that film frame `number` shows."""
    return number + TAKE_OFFSET if EDIT[0] <= number < EDIT[1] else number
