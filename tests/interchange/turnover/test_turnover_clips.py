"""Clips and folders of a turnover: pictures, audio, labels, and versions that are never overwritten."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import odd
import pytest
from av.codec.context import Flags
from numbered_clips import click_times_s, frame_number, read_sound
from seen import planes, psnr
from takes import film, numbered_take, segment, shown

from react1.nodes.timeline import Timeline, TimelineParams
from react1.pipeline.api import plan, run
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.core.times import Frames
from react1.pipeline.core.values import Take, Turnover
from react1.pipeline.interchange.turnover.layout import build_layout
from react1.pipeline.media.probe import probe
from react1.pipeline.runner.deliveries import turnover_targets
from react1.pipeline.splicing.pictures.fields import field_order
from react1.pipeline.store.export import export
from react1.pipeline.store.store import Store

pytest.importorskip("opentimelineio", reason="timelines need the extra timeline")
SPAN, HANDLE = (10, 22), 4


def run_timeline(context, params: TimelineParams | None = None, **changes) -> tuple[Turnover, object]:
    """Build a turnover of one named and one unnamed edit; the source pictures stand in for the finished ones."""
    media = film(context, frames=40, gop=10, **changes).model_copy(update={"start_timecode": "01:00:00:00"})
    takes = [
        numbered_take(context, segment(media, *SPAN, name="line3", prompt="sad", temperature=0.6)),
        numbered_take(context, segment(media, 30, 36)),
    ]
    params = params or TimelineParams(source="films/cut.mp4", handles=Frames(HANDLE))
    return Timeline().run(context, params, media, takes), media


@pytest.mark.slow
@pytest.mark.parametrize(("codec", "suffix", "coded"), [("prores", ".mov", "prores"), ("source", ".mp4", "h264")])
def test_clip_has_the_film_frames_with_handles(context, codec, suffix, coded):
    """Frames, labels, rate and audio are the film's from `start - handle` to `end + handle`."""
    params = TimelineParams(source="cut.mp4", handles=Frames(HANDLE), codec=codec)
    turnover, media = run_timeline(context, params, audio_codec="aac")
    clip = turnover.clips[0]
    clip_media = probe(context.path(clip.file), clip.file)

    assert (clip.file.suffix, clip_media.video.codec, clip_media.video.rate) == (suffix, coded, media.video.rate)
    numbers = [frame_number(luma) for _, luma in shown(context.path(clip.file))]
    assert numbers == list(range(SPAN[0] - HANDLE, SPAN[1] + HANDLE))
    assert clip_media.start_timecode == "01:00:00:06"
    duration_s = (SPAN[1] - SPAN[0] + 2 * HANDLE) / media.video.rate
    assert abs(clip_media.audio[0].duration_s - duration_s) < 0.03
    assert (clip.head_frames, clip.tail_frames) == (HANDLE, HANDLE)


@pytest.mark.slow
def test_clip_keeps_pictures_and_colour_tags(context):
    """ProRes has a PSNR above 45 dB on every plane and the same colour tags."""
    turnover, media = run_timeline(context)
    clip = turnover.clips[0]
    film_frames = decoded(context.path(media.file))[SPAN[0] - HANDLE : SPAN[1] + HANDLE]
    clip_frames = decoded(context.path(clip.file))
    tags = ("color_range", "color_primaries", "color_transfer", "color_space")
    clip_media = probe(context.path(clip.file), clip.file).video

    assert min(psnr(planes(a), planes(b)) for a, b in zip(film_frames, clip_frames, strict=True)) > 45
    film_tags = {name: getattr(media.video, name) for name in tags if getattr(media.video, name)}
    assert {name: getattr(clip_media, name) for name in film_tags} == film_tags


def test_red_green_and_blue_become_video_levels_of_bt709(context):
    """ProRes has neither; its tags say what the colors mean, and by them they are what they were."""
    orange = (200, 80, 20)
    path = context.temp_path("film.mov")
    with av.open(str(path), "w") as out:
        stream = out.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        for _ in range(8):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), orange, np.uint8), format="rgb24")))
        out.mux(stream.encode(None))
    file = context.store(path)
    media = probe(context.path(file), file)
    take = Take(segment=segment(media, 2, 6), media=media, provider="local", request={}, conformed=True)

    turnover = Timeline().run(context, TimelineParams(source="cut.mov", handles=Frames(0)), media, [take])

    clip = turnover.clips[0].file
    video = probe(context.path(clip), clip).video
    shown_as = decoded(context.path(clip))[0].reformat(format="rgb24", src_colorspace=1, src_color_range=1)
    assert (video.color_space, video.color_range) == ("bt709", "tv")
    assert np.abs(shown_as.to_ndarray()[24, 32].astype(int) - orange).max() <= 2


def one_clip(context, span=(20, 26), codec="prores", **changes):
    """Build a turnover of one edit; return it, the clip's path and its probe result."""
    media = film(context, **{"frames": 40, "gop": 10, "tracks": 0, **changes})
    params = TimelineParams(source="cut.mp4", handles=Frames(HANDLE), codec=codec)
    turnover = Timeline().run(context, params, media, [numbered_take(context, segment(media, *span, name="line3"))])
    path = context.path(turnover.clips[0].file)
    return turnover, path, probe(path, turnover.clips[0].file)


@pytest.mark.slow
def test_rotated_film_becomes_upright(context):
    """The pictures are upright, and the clip has no rotation."""
    _, path, clip_media = one_clip(context, rotation_deg=180)

    assert [frame_number(luma) for _, luma in shown(path)] == list(range(16, 30))
    assert clip_media.video.rotation_deg == 0


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["prores", "source"])
def test_rate_rounded_by_matroska_is_exact(context, codec):
    """Millisecond timestamps become frames of 1001/24000 s again, and the audio stays in sync."""
    changes = {"suffix": ".mkv", "rate": Fraction(24000, 1001), "tracks": 1}
    _, path, clip_media = one_clip(context, codec=codec, **changes)

    assert (clip_media.video.rate, clip_media.video.constant_rate) == (Fraction(24000, 1001), True)
    samples, _ = read_sound(path)
    assert click_times_s(samples[0]) == pytest.approx([1 - 16 * 1001 / 24000], abs=0.002)


@pytest.mark.slow
def test_audio_stays_in_sync_in_mp4(context):
    """A click at 1 s of the film is at 1 s minus the clip's start, also in AAC."""
    _, path, _ = one_clip(context, codec="source", tracks=1, audio_codec="aac")

    samples, _ = read_sound(path)
    assert click_times_s(samples[0]) == pytest.approx([1 - 16 / 25], abs=0.002)


def test_clip_after_midnight_has_a_label_of_the_new_day(context):
    """The file and the timelines have 00:00:00;08, not 24:00:00;08."""
    turnover, _, clip_media = one_clip(context, (22, 28), rate=Fraction(30000, 1001), timecode="23:59:59;20")
    layout = build_layout(turnover, Path("folder"), 1)

    assert clip_media.start_timecode == "00:00:00;08"
    assert layout.clips[0].start == 8
    assert layout.label(layout.film.start + layout.clips[0].place) == "00:00:00;12"


@pytest.mark.slow
def test_interlaced_fields_stay_separate(context):
    """Chroma of the two fields is not mixed from 4:2:0 to 4:2:2, and the field order is kept."""
    path = interlaced_film(context.temp_path("interlaced.mp4"))
    file = context.store(path)
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


def interlaced_film(path):
    """Write a film whose fields differ in chroma, bottom field first."""
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


@pytest.mark.slow
def test_handles_end_with_the_film(context):
    """The second edit ends four frames before the film, so its tail has four frames."""
    turnover, _ = run_timeline(context, TimelineParams(source="cut.mp4", handles=Frames(12)))

    assert [(clip.name, clip.head_frames, clip.tail_frames) for clip in turnover.clips] == [
        ("line3", 10, 12),
        ("cut_s30", 12, 4),
    ]


def test_variable_rate_is_refused(context):
    """Timecode cannot count it."""
    media = film(context, frames=20, tracks=0)
    loose = media.model_copy(update={"video": media.video.model_copy(update={"constant_rate": False})})

    with pytest.raises(InputMediaError, match="rate varies"):
        Timeline().run(context, TimelineParams(source="cut.mp4"), loose, [numbered_take(context, segment(media, 5, 7))])


@pytest.mark.slow
def test_variable_rate_is_refused_by_the_plan_and_before_a_take_is_made(tmp_path):
    """Also with the local engine, whose takes cost time only."""
    times = "setts=ts=if(gt(N\\,12)\\,TS+N*N\\,TS)"
    loose = odd.copied(tmp_path, "-map", "-0:a", "-bsf:v", times, size=(240, 136), bframes=0)
    home, options = tmp_path / "home", {"edits": ["0.1-0.4:sad"], "out": tmp_path / "out.mp4", "provider": "local"}

    with pytest.raises(InputMediaError, match=r"timeline: .*rate varies"):
        plan("turnover", source=loose, home=home, **options)
    with pytest.raises(InputMediaError, match=r"timeline: .*rate varies"):
        run("turnover", source=loose, home=home, yes=True, **options)

    results = [json.loads(path.read_text()) for path in (home / "results").rglob("*.json")]
    nodes = {result["parts"]["node"] for result in results if "node" in result["parts"]}
    assert "trim" in nodes and not nodes & {"react1", "conform"}


@pytest.mark.slow
def test_delivered_files_are_never_overwritten(context, tmp_path):
    """The same turnover stays v001; another one becomes v002, and v001 keeps its bytes."""
    turnover, _ = run_timeline(context)
    store, folder = Store(tmp_path / "home"), tmp_path / "turnover"
    turnover = move_to_store(store, context, turnover)
    first = deliver_turnover(store, turnover, folder)
    again = deliver_turnover(store, turnover, folder)
    bytes_of = {path: path.read_bytes() for path in first}
    other = deliver_turnover(store, turnover.model_copy(update={"reel": "B002"}), folder)

    assert again == first and {path.name for path in first} >= {"line3_react1_v001.mov", "cut_react1_v001.avid.edl"}
    assert all("_v002" in path.name for path in other)
    assert {path: path.read_bytes() for path in first} == bytes_of
    assert b"line3_react1_v002.mov" in next(path for path in other if path.name.endswith("avid.edl")).read_bytes()


def decoded(path) -> list[av.VideoFrame]:
    """Decode a film to 8-bit 4:2:0."""
    with av.open(str(path)) as container:
        return [frame.reformat(format="yuv420p") for frame in container.decode(video=0)]


def move_to_store(store: Store, context, turnover: Turnover) -> Turnover:
    """Move a turnover's clips to a store."""
    clips = []
    for clip in turnover.clips:
        copy = store.scratch_folder() / f"clip{clip.file.suffix}"
        copy.write_bytes(context.path(clip.file).read_bytes())
        clips.append(clip.model_copy(update={"file": store.add_file(copy)}))
    return turnover.model_copy(update={"clips": tuple(clips)})


def deliver_turnover(store: Store, turnover: Turnover, folder) -> list:
    """Deliver a turnover as a run does; return its files."""
    targets = list(turnover_targets(store, turnover, folder))
    for file, place in targets:
        if not place.exists():
            export(store, file, place, "job", replace=False)
    assert np.all([place.is_file() for _, place in targets])
    return [place for _, place in targets]
