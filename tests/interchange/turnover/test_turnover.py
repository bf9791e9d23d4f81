"""Clips and folders of a turnover: pictures, samples, labels, and versions that are never written over."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.context import Flags
from made import click_times_s, frame_number, read_sound
from seen import planes, psnr
from takes import film, numbered_take, segment, shown

from react1.nodes.timeline import Timeline, TimelineParams
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.core.times import Frames
from react1.pipeline.core.values import Turnover
from react1.pipeline.interchange.turnover.layout import build_layout
from react1.pipeline.media.probe import probe
from react1.pipeline.runner.deliveries import turnover_targets
from react1.pipeline.splicing.pictures.fields import field_order
from react1.pipeline.store.export import export
from react1.pipeline.store.store import Store

pytest.importorskip("opentimelineio", reason="timelines need the extra timeline")
SPAN, HANDLE = (10, 22), 4


def turned_over(context, params: TimelineParams | None = None, **changes) -> tuple[Turnover, object]:
    """Hand over one named and one nameless edit of a made film, whose own pictures stand for the finished ones."""
    media = film(context, frames=40, gop=10, **changes).model_copy(update={"start_timecode": "01:00:00:00"})
    takes = [
        numbered_take(context, segment(media, *SPAN, name="line3", prompt="sad", temperature=0.6)),
        numbered_take(context, segment(media, 30, 36)),
    ]
    params = params or TimelineParams(source="films/cut.mp4", handles=Frames(HANDLE))
    return Timeline().run(context, params, media, takes), media


@pytest.mark.parametrize(("codec", "suffix", "coded"), [("prores", ".mov", "prores"), ("source", ".mp4", "h264")])
def test_a_clip_shows_the_films_frames_with_handles(context, codec, suffix, coded):
    """Frame numbers, labels, rate and sound are the film's from `start - handle` to `end + handle`."""
    params = TimelineParams(source="cut.mp4", handles=Frames(HANDLE), codec=codec)
    made, media = turned_over(context, params, audio_codec="aac")
    clip = made.clips[0]
    given = probe(context.path(clip.file), clip.file)

    assert (clip.file.suffix, given.video.codec, given.video.rate) == (suffix, coded, media.video.rate)
    numbers = [frame_number(luma) for _, luma in shown(context.path(clip.file))]
    assert numbers == list(range(SPAN[0] - HANDLE, SPAN[1] + HANDLE))
    assert given.start_timecode == "01:00:00:06"
    lasts_s = (SPAN[1] - SPAN[0] + 2 * HANDLE) / media.video.rate
    assert abs(given.audio[0].duration_s - lasts_s) < 0.03
    assert (clip.head_frames, clip.tail_frames) == (HANDLE, HANDLE)


def test_a_clip_keeps_the_films_pictures_and_colours(context):
    """ProRes lies above 45 dB of the film on every plane, and says the same colours."""
    made, media = turned_over(context)
    clip = made.clips[0]
    theirs = decoded(context.path(media.file))[SPAN[0] - HANDLE : SPAN[1] + HANDLE]
    ours = decoded(context.path(clip.file))
    tags = ("color_range", "color_primaries", "color_transfer", "color_space")
    given = probe(context.path(clip.file), clip.file).video

    assert min(psnr(planes(a), planes(b)) for a, b in zip(theirs, ours, strict=True)) > 45
    said = {name: getattr(media.video, name) for name in tags if getattr(media.video, name)}
    assert {name: getattr(given, name) for name in said} == said


def one_clip(context, span=(20, 26), codec="prores", **changes):
    """Hand over one edit; give the turnover, the clip's path, and what a probe finds in it."""
    media = film(context, **{"frames": 40, "gop": 10, "tracks": 0, **changes})
    params = TimelineParams(source="cut.mp4", handles=Frames(HANDLE), codec=codec)
    made = Timeline().run(context, params, media, [numbered_take(context, segment(media, *span, name="line3"))])
    path = context.path(made.clips[0].file)
    return made, path, probe(path, made.clips[0].file)


def test_a_film_that_stands_on_its_head_is_turned_once(context):
    """The pictures are upright, and nothing asks a player to turn them again."""
    _, path, given = one_clip(context, rotation_deg=180)

    assert [frame_number(luma) for _, luma in shown(path)] == list(range(16, 30))
    assert given.video.rotation_deg == 0


@pytest.mark.parametrize("codec", ["prores", "source"])
def test_a_rate_that_matroska_rounds_is_exact(context, codec):
    """Times of whole milliseconds become frames of 1001/24000 s again, and the sound keeps its place."""
    changes = {"suffix": ".mkv", "rate": Fraction(24000, 1001), "tracks": 1}
    _, path, given = one_clip(context, codec=codec, **changes)

    assert (given.video.rate, given.video.constant_rate) == (Fraction(24000, 1001), True)
    samples, _ = read_sound(path)
    assert click_times_s(samples[0]) == pytest.approx([1 - 16 * 1001 / 24000], abs=0.002)


def test_sound_keeps_its_place_in_an_mp4(context):
    """The click at 1 s of the film is heard at 1 s less the clip's start, coded as AAC, too."""
    _, path, _ = one_clip(context, codec="source", tracks=1, audio_codec="aac")

    samples, _ = read_sound(path)
    assert click_times_s(samples[0]) == pytest.approx([1 - 16 / 25], abs=0.002)


def test_a_clip_after_midnight_begins_in_the_new_day(context):
    """No clock shows 24:00:00;08; the file and the timelines say 00:00:00;08."""
    made, _, given = one_clip(context, (22, 28), rate=Fraction(30000, 1001), timecode="23:59:59;20")
    sheet = build_layout(made, Path("folder"), 1)

    assert given.start_timecode == "00:00:00;08"
    assert sheet.clips[0].start == 8
    assert sheet.label(sheet.film.start + sheet.clips[0].place) == "00:00:00;12"


def test_fields_and_their_colours_stay_apart(context):
    """Red lines over blue ones stay so, from 4:2:0 to 4:2:2; the field that is first stays the first."""
    made = woven(context.temp_path("woven.mp4"))
    file = context.store(made)
    media = probe(context.path(file), file)
    for codec in ("prores", "source"):
        params = TimelineParams(source="cut.mp4", handles=Frames(0), codec=codec)
        (clip,) = Timeline().run(context, params, media, [numbered_take(context, segment(media, 2, 4))]).clips
        with av.open(str(context.path(clip.file))) as container:
            frame = next(container.decode(video=0))
        colours = frame.reformat(format="yuv422p", interpolation="POINT").to_ndarray()[96:144].reshape(96, 80)
        lines = colours[:, 40].astype(int) if codec == "prores" else None

        assert field_order(frame) == "bottom first"
        assert lines is None or (abs(lines[0::2] - 60).max() < 12 and abs(lines[1::2] - 200).max() < 12)


def woven(path):
    """Write a film whose fields differ in colour, the lower one first."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"x264-params": "bff=1", "crf": "4", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.codec_context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        for number in range(6):
            frame = av.VideoFrame(160, 96, "yuv420p")
            luma, colour = np.full((96, 160), 100 + number, np.uint8), np.full((48, 80), 60, np.uint8)
            colour[1::2] = 200
            for plane, values in zip(frame.planes, (luma, colour, np.full_like(colour, 128)), strict=True):
                rows = np.zeros((plane.height, plane.line_size), np.uint8)
                rows[:, : plane.width] = values
                plane.update(rows.tobytes())
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def test_handles_end_with_the_film(context):
    """The second edit ends four frames before the film: its tail is no longer than that."""
    made, _ = turned_over(context, TimelineParams(source="cut.mp4", handles=Frames(12)))

    assert [(clip.name, clip.head_frames, clip.tail_frames) for clip in made.clips] == [
        ("line3", 10, 12),
        ("cut_s30", 12, 4),
    ]


def test_a_film_of_varying_rate_is_refused(context):
    """No timecode counts it; the message says what to do."""
    media = film(context, frames=20, tracks=0)
    loose = media.model_copy(update={"video": media.video.model_copy(update={"constant_rate": False})})

    with pytest.raises(InputMediaError, match="rate varies"):
        Timeline().run(context, TimelineParams(source="cut.mp4"), loose, [numbered_take(context, segment(media, 5, 7))])


def test_nothing_that_was_handed_over_is_written_over(context, tmp_path):
    """The same turnover stays v001; another one beside it is v002, and v001 keeps its bytes."""
    made, _ = turned_over(context)
    store, folder = Store(tmp_path / "home"), tmp_path / "turnover"
    made = kept_in(store, context, made)
    first = handed_over(store, made, folder)
    again = handed_over(store, made, folder)
    bytes_of = {path: path.read_bytes() for path in first}
    other = handed_over(store, made.model_copy(update={"reel": "B002"}), folder)

    assert again == first and {path.name for path in first} >= {"line3_react1_v001.mov", "cut_react1_v001.avid.edl"}
    assert all("_v002" in path.name for path in other)
    assert {path: path.read_bytes() for path in first} == bytes_of
    assert b"line3_react1_v002.mov" in next(path for path in other if path.name.endswith("avid.edl")).read_bytes()


def decoded(path) -> list[av.VideoFrame]:
    """Decode a film to 8 bits 4:2:0."""
    with av.open(str(path)) as container:
        return [frame.reformat(format="yuv420p") for frame in container.decode(video=0)]


def kept_in(store: Store, context, made: Turnover) -> Turnover:
    """Move a turnover's clips into a store."""
    clips = []
    for clip in made.clips:
        copy = store.room_folder() / f"clip{clip.file.suffix}"
        copy.write_bytes(context.path(clip.file).read_bytes())
        clips.append(clip.model_copy(update={"file": store.add_file(copy)}))
    return made.model_copy(update={"clips": tuple(clips)})


def handed_over(store: Store, made: Turnover, folder) -> list:
    """Deliver a turnover as a run does; give its files."""
    wanted = list(turnover_targets(store, made, folder))
    for file, place in wanted:
        if not place.exists():
            export(store, file, place, "job", replace=False)
    assert np.all([place.is_file() for _, place in wanted])
    return [place for _, place in wanted]
