"""A spliced film against its source, as numbers: frames, times, packets, samples."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from numbered_clips import frame_number, make_clip, read_sound
from takes import TAKE_OFFSET, dialogue_line, film, numbered_take, packets, segment, shown

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing

pytestmark = pytest.mark.slow


def spliced(context, media, *spans, **edit):
    takes = [numbered_take(context, segment(media, start, end, head=1 if start else 0, **edit)) for start, end in spans]
    result = splicing.splice(context, ffmpeg_path(), media, takes)
    return result, context.path(media.file)


def numbers(path):
    return [frame_number(luma) for _, luma in shown(path)]


def expected(count, *spans):
    inside = {n for start, end in spans for n in range(start, end)}
    return [n + TAKE_OFFSET if n in inside else n for n in range(count)]


def times(listed):
    """All pts, rising, and all dts in order."""
    return sorted(pts for pts, _, _ in listed), [dts for _, dts, _ in listed]


SHAPES = {
    "closed groups": {},
    "one keyframe": {"gop": 250},
    "all intra": {"gop": 1, "bframes": 0},
    "no reordering": {"bframes": 0},
    "deep pyramid": {"bframes": 4, "options": {"x264-params": "b-pyramid=normal:open-gop=0"}},
    "ten bits": {"pix_fmt": "yuv420p10le"},
    "late picture": {"start_s": Fraction(1, 2)},
    "23.976": {"rate": Fraction(24000, 1001)},
    "variable rate": {"frames": 12, "pts": tuple(np.cumsum([0, 512, 300, 900, 512, 77, 2000, 512, 512, 640, 33, 512]))},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_only_the_edit_and_its_partial_group_are_re_encoded(context, shape, suffix):
    """Frames, times and every other packet are the source's; the edit shows the take."""
    media = film(context, suffix, audio_codec="aac", **{"gop": 4, "frames": 30, **SHAPES[shape]})
    span = (5, 8)

    result, source = spliced(context, media, span)

    assert result.metrics["way"] == "exact", result.metrics["reason"]
    assert numbers(result.path) == expected(media.video.frame_count, span)
    before, after = packets(source), packets(result.path)
    assert times(after) == times(before)
    same = sum(first == other for first, other in zip(before, after, strict=True))
    assert same >= result.metrics["copied_packets"] > 0
    assert packets(result.path, "audio") == packets(source, "audio")


@pytest.mark.parametrize("span", [(0, 1), (0, 30), (7, 8), (8, 9), (12, 30), (29, 30), (3, 13)])
def test_any_place_of_the_edit(context, span):
    """At the start, at the end, on a keyframe, over several, the whole film: always the same frames and times."""
    media = film(context, gop=4, frames=30, tracks=0)

    result, source = spliced(context, media, span)

    assert numbers(result.path) == expected(30, span)
    assert times(packets(result.path)) == times(packets(source))


@pytest.mark.parametrize("start", [2, 3, 4, 5, 6, 7, 8, 9])
def test_an_edit_just_before_a_keyframe_is_exact(context, start):
    """A reader that seeks by decode times would land behind the window's first picture."""
    media = film(context, gop=6, frames=24, tracks=0)

    result, _ = spliced(context, media, (start, start + 2))

    assert result.metrics["way"] == "exact", result.metrics["reason"]
    assert numbers(result.path) == expected(24, (start, start + 2))


@pytest.mark.parametrize("aspect", [None, Fraction(1), Fraction(4, 3)])
def test_a_twin_is_found_whether_the_film_states_its_pixels_shape_or_not(context, aspect):
    """The parameter sets are the source's own, so a decoder sees no change."""
    media = film(context, gop=6, frames=24, tracks=0, sar=aspect, options={"preset": "veryfast", "crf": "17"})

    result, _ = spliced(context, media, (5, 9))

    assert result.metrics["way"] == "exact" and result.metrics["twin"]


def test_several_takes_in_one_pass(context):
    """Two near edits share a window, a far one has its own."""
    media = film(context, gop=4, frames=40, tracks=0)
    spans = ((1, 2), (3, 6), (20, 22))

    result, _ = spliced(context, media, *spans)

    assert numbers(result.path) == expected(40, *spans)
    assert result.metrics["windows"] == 2


@pytest.mark.parametrize(
    ("suffix", "changes"),
    [
        (".mkv", {"codec": "mpeg4", "audio_codec": "mp2", "time_base": Fraction(1, 25)}),
        (".mov", {"codec": "mpeg4", "audio_codec": "aac", "time_base": Fraction(1, 25)}),
        (".mp4", {"codec": "mpeg4", "audio_codec": "aac"}),
    ],
)
def test_what_cannot_be_exact_is_re_encoded_and_reported(context, suffix, changes):
    """Other codecs and containers: all frames and times, the sound packet for packet, and the reason told."""
    media = film(context, suffix, frames=20, **changes)

    result, source = spliced(context, media, (5, 9))

    assert result.metrics["way"] == "reencoded-picture"
    assert result.metrics["reason"] and any(result.metrics["reason"] in text for text in result.notes)
    assert numbers(result.path) == expected(20, (5, 9))
    assert [pts for pts, _ in shown(result.path)] == [pts for pts, _ in shown(source)]
    assert [p[2] for p in packets(result.path, "audio")] == [p[2] for p in packets(source, "audio")]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_frames_that_an_edit_list_hides_do_not_shift_the_edit(context, codec):
    """A film cut without re-encoding stores pictures before its first shown one, at the same even spacing."""
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    complete = make_clip(context.temp_path("whole.mp4"), frames=30, gop=12, tracks=0, codec=codec, options=options)
    cut = context.temp_path("cut.mp4")
    context.run_tool([ffmpeg_path(), "-v", "error", "-ss", "0.3", "-i", str(complete), "-c", "copy", str(cut)])
    file = context.store(cut)
    media = probe(context.path(file), file)
    first = numbers(context.path(media.file))[0]
    assert media.video.frame_count == 30 - first < len(packets(context.path(media.file))) == 30

    result, source = spliced(context, media, (9, 13))

    inside = {n + first: n + TAKE_OFFSET for n in range(9, 13)}
    assert numbers(result.path) == [inside.get(n, n) for n in range(first, 30)]
    assert times(packets(result.path)) == times(packets(source))
    assert result.metrics["way"] == "exact", result.metrics["reason"]


def test_open_groups_resume_at_no_picture_that_is_not_idr(context):
    """Without an IDR after the edit the tail is re-encoded to the end, and still every frame is there."""
    media = film(context, frames=30, gop=6, tracks=0, options={"x264-params": "open-gop=1:bframes=2"})

    result, _ = spliced(context, media, (10, 12))

    assert numbers(result.path) == expected(30, (10, 12))


def test_rotation_timecode_and_every_track_are_kept(context):
    """Two sound tracks, a timecode track, a display matrix and colours come out as they went in."""
    media = film(
        context, ".mov", tracks=2, timecode="01:00:00:00", rotation_deg=90, colour=(1, 1, 1, 1), sar=Fraction(4, 3)
    )

    result, source = spliced(context, media, (5, 9))

    assert result.notes == ()
    with av.open(str(source)) as first, av.open(str(result.path)) as other:
        assert [s.type for s in first.streams] == [s.type for s in other.streams]
        assert [s.metadata for s in first.streams] == [s.metadata for s in other.streams]
        assert next(first.decode(video=0)).rotation == next(other.decode(video=0)).rotation == -90
        pictures = first.streams.video[0].codec_context, other.streams.video[0].codec_context
        assert pictures[0].sample_aspect_ratio == pictures[1].sample_aspect_ratio
        assert pictures[0].color_primaries == pictures[1].color_primaries
    for place in (0, 1):
        assert packets(result.path, "audio", place) == packets(source, "audio", place)


def test_a_new_line_changes_only_its_own_packets(context):
    """AAC: samples outside the span and its margin are the source's, the second track is untouched."""
    media = film(context, audio_codec="aac", tracks=2, frames=75)

    result, source = spliced(context, media, (25, 35), audio=dialogue_line(context))

    assert result.metrics["sound_way"] == "packets"
    was, rate = read_sound(source)
    came, _ = read_sound(result.path)
    assert was.shape == came.shape
    changed = np.flatnonzero(np.abs(was - came).max(0) > 1e-4) / rate
    assert 1.0 - 0.1 < changed[0] <= 1.01 and 1.19 < changed[-1] < 1.4 + 0.1
    assert packets(result.path, "audio", 1) == packets(source, "audio", 1)


def test_a_new_line_in_pcm_is_exact_to_the_sample(context):
    """PCM: not one sample outside the span differs, and inside the line stands at the in point."""
    media = film(context, ".mov", audio_codec="pcm_s16le", frames=50)

    result, source = spliced(context, media, (25, 30), audio=dialogue_line(context))

    was, came = read_sound(source)[0], read_sound(result.path)[0]
    assert was.shape == came.shape
    changed = np.flatnonzero(np.abs(was - came).max(0) > 0)
    assert 48000 <= changed[0] < 48100 and 57500 < changed[-1] < 57600
    line = np.sin((np.arange(4800) + 2400) / 48000 * 2 * np.pi * 1000) * 12000 / 32768
    line *= 10 ** (result.metrics["sound_gain_db"] / 20)
    assert np.abs(came[0, 50400:55200] - line).max() < 0.01


def test_a_take_that_is_too_short_gives_no_film(context):
    """A take without enough frames ends in an error, never in a film with other frames."""
    media = film(context, frames=20, tracks=0)
    take = numbered_take(context, segment(media, 5, 9))
    longer = take.model_copy(update={"segment": segment(media, 5, 12)})

    with pytest.raises(Exception, match="too few frames"):
        splicing.splice(context, ffmpeg_path(), media, [longer])


def test_a_film_without_picture_is_refused(context):
    """There is nothing to splice into."""
    media = film(context, tracks=1).model_copy(update={"video": None})

    with pytest.raises(InputMediaError, match="no picture"):
        splicing.splice(context, ffmpeg_path(), media, [])
