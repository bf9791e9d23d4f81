"""`trim` keeps exactly the frames that were asked for, bit for bit, and their sound to the sample."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import odd
import pytest
from memory import MemoryGrowth
from numbered_clips import Recipe, click_times_s, frame_number, make_clip, read_sound, sound

from react1.nodes.trim import Trim, TrimParams
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.core.values import Segment
from react1.pipeline.media import trim
from react1.pipeline.media.frames import decode
from react1.pipeline.media.probe import probe, probe_path
from react1.pipeline.media.trim import build_command

pytestmark = pytest.mark.slow


def film(context, suffix=".mov", **recipe):
    file = context.add_external(make_clip(context.temp_path(f"film{suffix}"), **({"frames": 100} | recipe)))
    return probe(context.path(file), file)


def trimmed(context, media, *spans, **params):
    edits = [{"in": start, "out": end} for start, end in spans]
    return Trim().run(context, TrimParams(edits=edits, **params), media)


def numbers(context, media):
    return [frame_number(image) for _, image in decode.images(context.path(media.file), media.video)]


def planes(context, media, start=0, end=None):
    return [frame.to_ndarray() for _, frame in decode.exact_frames(context.path(media.file), media.video, start, end)]


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001)])
@pytest.mark.parametrize("suffix", [".mov", ".mkv", ".ts"])
def test_each_segment_holds_its_frames_and_handles(context, suffix, rate):
    """Several spans, B-frames and keyframes anywhere, containers with and without an index."""
    media = film(context, suffix, rate=rate, tracks=0)

    segments = trimmed(context, media, ("3f", "20f"), ("40f", "41f"), ("60f", "97f"))

    assert [numbers(context, segment.media) for segment in segments] == [
        list(range(28)),
        list(range(32, 49)),
        list(range(52, 100)),
    ]
    assert [segment.frames for segment in segments] == [tuple(numbers(context, segment.media)) for segment in segments]
    assert [(segment.head_frames, segment.tail_frames) for segment in segments] == [(3, 8), (8, 8), (8, 3)]
    assert Segment.model_validate_json(segments[0].model_dump_json(by_alias=True)) == segments[0]


@pytest.mark.parametrize(
    ("pix_fmt", "colour"),
    [
        ("yuv420p", (1, 1, 1, 1)),
        ("yuvj420p", (2, 1, 1, 1)),
        ("yuv422p", None),
        ("yuv444p", None),
        ("yuv420p10le", (1, 9, 16, 9)),
        ("yuv422p10le", None),
    ],
)
def test_pictures_are_the_source_s_bit_for_bit(context, pix_fmt, colour):
    """Format, depth and colour description are kept, at 8 and at 10 bits."""
    media = film(context, frames=30, tracks=0, pix_fmt=pix_fmt, colour=colour, options={"crf": "30"})

    (segment,) = trimmed(context, media, ("10f", "20f"), handles="3f")

    own, theirs = planes(context, segment.media), planes(context, media, 7, 23)
    stored = ("pix_fmt", "bit_depth", "color_range", "color_primaries", "color_transfer", "color_space")
    assert all(np.array_equal(a, b) for a, b in zip(own, theirs, strict=True))
    assert [getattr(segment.media.video, name) for name in stored] == [getattr(media.video, name) for name in stored]


def packets(context, media):
    with av.open(str(context.path(media.file))) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


CLOSED, OPEN = ({"x265-params": f"log-level=none:open-gop={number}:keyint=40:bframes=3:b-adapt=0"} for number in (0, 1))


@pytest.mark.parametrize(
    ("codec", "recipe", "hidden"),
    [
        ("libx264", {"gop": 40}, True),
        ("libx265", {"options": CLOSED, "pix_fmt": "yuv420p10le"}, True),
        ("prores_ks", {"pix_fmt": "yuv422p10le"}, False),
        ("dnxhd", {"pix_fmt": "yuv422p", "options": {"profile": "dnxhr_sq"}}, False),
        ("mjpeg", {"pix_fmt": "yuvj420p"}, False),
    ],
)
def test_packets_are_copied(context, codec, recipe, hidden):
    """Nothing is encoded: from the start of decoding on they are the film's, and what they show around is hidden."""
    media = film(context, tracks=1, codec=codec, **recipe)

    (segment,) = trimmed(context, media, ("50f", "53f"), handles="0f")

    own, theirs = packets(context, segment.media), packets(context, media)
    start = theirs.index(own[0])
    assert context.calls == []
    assert own == theirs[start : start + len(own)]
    assert segment.media.video.frame_count == 3
    assert len(own) > 3 if hidden else len(own) == 3
    assert all(map(np.array_equal, planes(context, segment.media), planes(context, media, 50, 53)))
    assert numbers(context, segment.media) == [50, 51, 52]
    assert read_sound(context.path(segment.media.file))[0].shape[1] == 3 * 1920


@pytest.mark.slow
def test_a_span_is_copied_in_little_memory(tmp_path, monkeypatch):
    """A minute of ProRes has gigabytes."""
    picture, path = tmp_path / "picture.mov", tmp_path / "film.mov"
    noise = "nullsrc=s=1280x720:r=25,geq=random(1)*255:128:128"
    odd.ffmpeg("-f", "lavfi", "-i", noise, "-frames:v", 1, "-c:v", "mjpeg", "-q:v", 1, picture)
    odd.ffmpeg("-stream_loop", 79, "-i", picture, "-c", "copy", path)
    size_bytes = path.stat().st_size
    assert size_bytes > 40_000_000
    media, growth = probe_path(path), MemoryGrowth()

    def sampled(packets):
        for packet in packets:
            growth()
            yield packet

    monkeypatch.setattr(trim, "stoppable", sampled)

    assert trim.copy_span(path, media, (2, 78), [], tmp_path / "span.mov", 12_800)
    growth()
    assert growth.samples > 150 and growth.most_bytes < size_bytes / 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no file that is always full")
def test_a_full_disk_ends_a_copy(tmp_path):
    """The film is neither damaged nor encoded again instead: other bytes would make another take, paid for again."""
    path = make_clip(tmp_path / "film.mov", frames=8, gop=4, size=(96, 64), tracks=0)

    with pytest.raises(OSError, match="No space left"):
        trim.copy_span(path, probe_path(path), (0, 8), [], Path("/dev/full"), 12_800)


def test_pictures_that_decoders_skip_are_not_copied(context):
    """In an open GOP of HEVC some packets after a keyframe show pictures before it, and refer further back."""
    media = film(context, tracks=0, codec="libx265", options=OPEN)

    (segment,) = trimmed(context, media, ("50f", "53f"), handles="0f")

    own, theirs = packets(context, segment.media), packets(context, media)
    start = theirs.index(own[0])
    assert context.calls == []
    assert theirs[start + 1] not in own
    assert set(own) < set(theirs[start:])
    assert all(map(np.array_equal, planes(context, segment.media), planes(context, media, 50, 53)))


@pytest.mark.parametrize(
    ("suffix", "recipe"),
    [
        (".mov", {"options": {"x264-params": "open-gop=1"}}),
        (".mkv", {}),
        (".avi", {"codec": "mjpeg", "pix_fmt": "yuvj422p"}),
        (".mkv", {"codec": "ffv1", "size": (641, 359)}),
    ],
)
def test_other_films_are_cut_by_encoding(context, suffix, recipe):
    """Where decoding cannot begin exactly, or no edit list can hide anything."""
    media = film(context, suffix, frames=40, tracks=0, **recipe)

    (segment,) = trimmed(context, media, ("30f", "33f"), handles="0f")

    assert len(context.calls) == 1
    assert numbers(context, segment.media) == [30, 31, 32]


@pytest.mark.parametrize(
    ("suffix", "codec", "rate"),
    [(".mxf", "mpeg2video", Fraction(24000, 1001)), (".avi", "ffv1", Fraction(30000, 1001))],
)
def test_spans_begin_and_end_exactly_where_a_tick_is_a_frame(context, suffix, codec, rate):
    """The middle between two frames is half a tick there, which no number of microseconds meets."""
    options = {"b": "4M"} if codec == "mpeg2video" else {}
    clip = {"rate": rate, "time_base": 1 / rate, "size": (320, 192), "frames": 40, "bframes": 0, "options": options}
    media = film(context, suffix, codec=codec, tracks=0, **clip)
    spans = [(start, start + 7) for start in range(3, 31, 9)]

    segments = trimmed(context, media, *((f"{start}f", f"{end}f") for start, end in spans), handles="0f")

    assert media.video.time_base == 1 / rate
    assert [numbers(context, segment.media) for segment in segments] == [list(range(*span)) for span in spans]


def test_h264_in_avi_is_refused_with_what_helps(context, tmp_path):
    """Readers guess its times, not all alike: its edits were planned, and then failed without advice."""
    media = film(context, ".avi", frames=40, tracks=0, bframes=0, time_base=Fraction(1, 25))

    with pytest.raises(InputMediaError, match=r"AVI stores no times for H\.264") as caught:
        trimmed(context, media, ("30f", "33f"), handles="0f")

    copy = tmp_path / "film.mkv"
    words = caught.value.message.partition("(ffmpeg ")[2].rpartition(")")[0].split()
    odd.ffmpeg(*({"film": context.path(media.file), "film.mkv": copy}.get(word, word) for word in words))
    copied = context.store(copy)
    (segment,) = trimmed(context, probe(context.path(copied), copied), ("30f", "33f"), handles="0f")
    assert numbers(context, segment.media) == [30, 31, 32]


def test_uneven_times_are_kept(context):
    """Rebased to 0, on the same time base, held frames held."""
    pts = (0, 40, 80, 120, 400, 440, 480, 900, 940, 1000)
    media = film(context, frames=10, tracks=0, time_base=Fraction(1, 1000), pts=pts)

    (segment,) = trimmed(context, media, ("3f", "8f"), handles="1f")

    video = segment.media.video
    shown_s = [tick * video.time_base for tick in video.timestamps.array.tolist()]
    assert shown_s == [Fraction(ms - 80, 1000) for ms in pts[2:9]]
    assert video.time_base == media.video.time_base
    assert segment.media.duration_s == Fraction(1000 - 80, 1000)


def test_every_track_spans_exactly_the_picture(context):
    """Two tracks, each a slice of what was written, to the sample."""
    recipe = Recipe(frames=100, tracks=2)
    media = film(context, frames=100, tracks=2)

    (segment,) = trimmed(context, media, ("30f", "60f"), handles="5f")

    for track in range(2):
        samples, rate_hz = read_sound(context.path(segment.media.file), track)
        expected = sound(recipe, track)[48000 : 48000 + 40 * 1920]
        assert samples.shape == (2, 40 * rate_hz // 25)
        assert np.abs(samples[0] - expected).max() < 1e-4


def test_sound_that_starts_late_is_padded(context):
    """The picture's first frame has no sound yet: silence, then the click at its time."""
    media = film(context, audio_start_s=Fraction(1, 2))

    (segment,) = trimmed(context, media, ("0f", "50f"), handles="0f")

    samples, _ = read_sound(context.path(segment.media.file))
    assert samples.shape[1] == 2 * 48000
    assert not samples[:, :23999].any()
    assert click_times_s(samples[0]) == [1.0]


def test_a_picture_that_starts_late_keeps_its_sound_in_step(context):
    """The first frame is shown at 0.8 s, so the click of 1 s comes 0.2 s into the segment."""
    media = film(context, start_s=Fraction(4, 5), frames=50)

    (segment,) = trimmed(context, media, ("0f", "25f"), handles="0f")

    samples, _ = read_sound(context.path(segment.media.file))
    assert numbers(context, segment.media) == list(range(25))
    assert click_times_s(samples[0]) == pytest.approx([0.2], abs=1 / 48000)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_film_stays_as_coded(context, turn):
    """The turn is told, not done: numbers read right once it is applied."""
    media = film(context, frames=20, tracks=0, rotation_deg=turn, mirrored=True, sar=Fraction(4, 3))

    (segment,) = trimmed(context, media, ("5f", "10f"), handles="0f")

    video = segment.media.video
    assert (video.width_px, video.height_px, video.sample_aspect) == (320, 180, Fraction(4, 3))
    assert (video.rotation_deg, video.mirrored) == (turn, True)
    assert numbers(context, segment.media) == [5, 6, 7, 8, 9]


def test_a_seek_that_misses_is_done_again_from_the_start(context, monkeypatch):
    """The check of the first try fails, so the second reads from the first frame."""
    from react1.pipeline.media import trim

    media = film(context, ".mkv", tracks=0)
    checks = iter([lambda *_: None, trim._probe_exact])
    monkeypatch.setattr(trim, "_probe_exact", lambda *cut: next(checks)(*cut))

    trimmed(context, media, ("90f", "95f"))

    assert ["-ss" in call for call in context.calls] == [True, False]


def test_the_check_sees_a_shift_by_one(context):
    """A file of the right length whose frames are one too late is refused."""
    from react1.pipeline.media.trim import _probe_exact

    media = film(context, tracks=0)
    path, result = context.path(media.file), context.temp_path("shifted.mov")
    context.run_tool(build_command(path, media, (21, 31), [], result, seek=True))

    assert _probe_exact(result, path, media.video, 21, 31)
    assert not _probe_exact(result, path, media.video, 20, 30)
    assert not _probe_exact(result, path, media.video, 21, 32)


def test_the_call_is_written_with_middles_of_frames():
    """Cuts lie half way between two frames, so rounding cannot move them."""
    from react1.pipeline.core.values import Media, Timestamps, VideoStream

    video = VideoStream(
        index=3,
        codec="h264",
        width_px=64,
        height_px=48,
        pix_fmt="yuv420p",
        bit_depth=8,
        time_base=Fraction(1, 25),
        rate=Fraction(25),
        constant_rate=True,
        timestamps=Timestamps.of(list(range(500)), 1),
    )
    media = Media(
        file={"digest": "0" * 64, "suffix": ".mp4", "size_bytes": 1},
        container="mp4",
        start_s=Fraction(0),
        duration_s=Fraction(20),
        video=video,
    )

    call = build_command("/a/b.mp4", media, (250, 300), [], "/a/c.mov", seek=True)

    graph = call[call.index("-filter_complex") + 1]
    assert graph.startswith("[0:3]trim=end=11.980000:start=9.980000")
    assert call[call.index("-ss") + 1] == "7.980000"
    assert call.index("-noautorotate") < call.index("-i")


def test_a_damaged_frame_in_the_span_is_named(context, media_folder):
    """Outside the span it does not matter."""
    file = context.add_external(media_folder / "damaged" / "decord_corrupted.mp4")
    media = probe(context.path(file), file)

    with pytest.raises(InputMediaError, match="frame 30 of the film"):
        trimmed(context, media, ("28f", "33f"))
    assert trimmed(context, media, ("5f", "15f"))[0].frames == tuple(range(23))


@pytest.mark.parametrize(
    "name",
    [
        "faces/talk_h264_700x700_vfr_6s.mp4",
        "faces/cuts_crowd_handmic_video_starts_late_10s.mp4",
        "faces/talk_mpeg1_360x288_3s.mpg",
        "faces/face_vp8_400x300_31s_no_audio.webm",
        "timing/edit_list_hlg10_hevc_rot90.mp4",
        "timing/trim_optimization_failure.mp4",
    ],
)
def test_real_footage_is_cut_bit_for_bit(context, media_folder, name):
    """Ten-bit, uneven, late, edited by an edit list: the frames are the source's."""
    file = context.add_external(media_folder / name)
    media = probe(context.path(file), file)
    start = media.video.frame_count * 2 // 5

    (segment,) = trimmed(context, media, (f"{start}f", f"{start + 4}f"), handles="1f")

    own, theirs = planes(context, segment.media), planes(context, media, start - 1, start + 5)
    assert all(np.array_equal(a, b) for a, b in zip(own, theirs, strict=True))


def test_progress_ends_at_one(context):
    """A bar that stops short looks broken."""
    trimmed(context, film(context, frames=20, tracks=0), ("2f", "4f"), ("10f", "12f"))

    assert context.shares == sorted(context.shares)
    assert context.shares[-1] == 1


def test_sound_alone_has_nothing_to_trim(context):
    """One line says so."""
    media = film(context, frames=20).model_copy(update={"video": None})

    with pytest.raises(InputMediaError, match="has no video"):
        trimmed(context, media, ("0f", "5f"))
