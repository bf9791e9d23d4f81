"""Cuts by the frame: the pure function, the cached reading of a film, and that every part of the package agrees."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from av.video.frame import VideoFrame
from speech import speaking_film

from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.core.file import File
from react1.pipeline.core.times import Frames
from react1.pipeline.interchange.places import PlaceFinder, PlaceOptions
from react1.pipeline.media.frames import decode, shots
from react1.pipeline.media.frames.shots import find_cuts, hidden_by_flash, split_at_cuts, thumbnail
from react1.pipeline.media.probe import probe
from react1.pipeline.media.timing import edit_spans
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.preflight.clip_checks import check_span

pytestmark = pytest.mark.slow

NOISE = np.random.default_rng(3)
STREET, KITCHEN = (np.kron(NOISE.integers(20, 230, (9, 16)), np.ones((40, 40))).astype(np.uint8) for _ in range(2))
WHITE = np.full((36, 64), 250, np.uint8)


def small(picture: np.ndarray) -> np.ndarray:
    return thumbnail(VideoFrame.from_ndarray(np.ascontiguousarray(picture), "gray"))


def probed(path):
    return probe(path, File(digest="0" * 64, suffix=path.suffix, size_bytes=path.stat().st_size))


def test_a_cut_separates_two_shots() -> None:
    """Ten frames of one picture, five of another, one of a third: three shots that hold every frame."""
    frames = [small(STREET)] * 10 + [small(KITCHEN)] * 5 + [small(255 - STREET)]

    assert split_at_cuts(frames) == [(0, 10), (10, 15), (15, 16)]
    assert split_at_cuts(frames[:1]) == [(0, 1)]
    assert split_at_cuts([]) == []


@pytest.mark.parametrize("length", [1, 2, 3])
def test_white_frames_between_like_pictures_are_no_cut(length) -> None:
    """Up to three white frames, after which the picture is what it was."""
    frames = [small(STREET)] * 10 + [WHITE] * length + [small(STREET)] * 10

    assert find_cuts(frames) == []


def test_fades_and_pans_are_no_cuts() -> None:
    """A fade to another picture in 12 frames, and a pan at a steady 30 pixels a frame."""
    fade = [small((STREET * (1 - k / 12) + KITCHEN * (k / 12)).astype(np.uint8)) for k in range(13)]
    pan = [small(np.roll(STREET, 30 * k, axis=1)) for k in range(12)]

    assert find_cuts(fade) == []
    assert find_cuts(pan) == []


def test_frames_hidden_by_a_flash_differ_from_missed_detections() -> None:
    """Of two frames in which a face is not found one is white, and the other looks as those around it do."""
    frames = [small(STREET)] * 12
    frames[4], frames[8] = WHITE, small(STREET + 3)

    assert hidden_by_flash(frames, [number not in (0, 4, 8) for number in range(12)]) == {4}


def test_cuts_are_found_at_their_frames(context):
    """The frame that begins the shot is given; one at the span's own start or end is none inside it."""
    media = speaking_film(context, 120, None, cuts=(30, 55, 90))
    path = context.path(media.file)

    assert shots.cuts_between(path, media, 0, 120, context) == [30, 55, 90]
    assert shots.cuts_between(path, media, 30, 90, context) == [55]
    assert shots.cuts_between(path, media, 29, 91) == [30, 55, 90]
    assert shots.cuts_between(path, media, 60, 61, context) == []


@pytest.mark.parametrize("last", [40, 42])
def test_a_flash_is_no_cut(context, last):
    """Of one and of three frames: the picture comes back; a real cut beside it is still found."""
    media = speaking_film(context, 100, None, cuts=(70,), flashes=((40, last),))

    assert shots.cuts_between(context.path(media.file), media, 0, 100, context) == [70]


@pytest.mark.parametrize("block_frames", [7, 30, 250])
def test_cuts_do_not_depend_on_blocks_or_spans(context, monkeypatch, block_frames):
    """Cuts at and beside the borders of blocks, and a flash over one, read in blocks and in spans of their own."""
    monkeypatch.setattr(shots, "BLOCK_FRAMES", block_frames)
    media = speaking_film(context, 120, None, cuts=(1, 29, 60, 91, 118), flashes=((76, 77),))
    path = context.path(media.file)

    cuts = shots.cuts_between(path, media, 0, 120, context)

    assert cuts == [1, 29, 60, 91, 118]
    for start, end in ((0, 120), (28, 30), (59, 92), (60, 119), (86, 93)):
        inside = [cut for cut in cuts if start < cut < end]
        assert shots.cuts_between(path, media, start, end) == inside
        assert shots.cuts_between(path, media, start, end, context) == inside


def test_a_film_is_decoded_once(context, monkeypatch):
    """Cuts are cached by content; a cached file that is damaged is decoded again."""
    media = speaking_film(context, 120, None, cuts=(30, 55, 90))
    path = context.path(media.file)
    wanted = shots.cuts_between(path, media, 0, 120, context)
    read = decode.exact_frames
    decoded: list[int] = []
    monkeypatch.setattr(decode, "exact_frames", lambda *span: decoded.append(1) or read(*span))

    assert shots.cuts_between(path, media, 20, 100, context) == wanted
    assert shots.nth_shot(context, media, 2) == (30, 55)
    assert decoded == []

    for damaged in ("", "[30, 55, 900]", json.dumps({"cuts": [1]})):
        context.cache_get(shots._parts(media, 0)).write_text(damaged)
        assert shots.cuts_between(path, media, 0, 120, context) == wanted
    assert len(decoded) == 3


def test_shots_are_counted_from_1(context):
    """The film is read only up to the end of the shot; where there are fewer shots their number is given."""
    media = speaking_film(context, 120, None, cuts=(30, 90))

    assert [shots.nth_shot(context, media, number) for number in (1, 2, 3, 4)] == [(0, 30), (30, 90), (90, 120), 3]


def test_the_cuts_of_a_real_film_are_found(media_folder):
    """Three dark shots; the picture starts late, so numbers and times differ."""
    path = media_folder / "faces" / "cuts_crowd_handmic_video_starts_late_10s.mp4"
    media = probed(path)

    assert shots.cuts_between(path, media, 0, media.video.frame_count) == [20, 82, 211]
    assert shots.cuts_between(path, media, 100, 260) == [211]


@pytest.mark.parametrize("name", ["talk_h264_700x700_vfr_6s.mp4", "hand_over_face_23976_silent.mp4"])
def test_one_shot_has_no_cut(media_folder, name):
    """A hand that moves over the face, and uneven times."""
    path = media_folder / "faces" / name
    media = probed(path)

    assert shots.cuts_between(path, media, 0, media.video.frame_count) == []


def test_a_damaged_frame_is_named(media_folder, context):
    """As `trim` does it; frames that are damaged outside the span do not matter."""
    path = media_folder / "damaged" / "decord_corrupted.mp4"
    media = probe(path, context.add_external(path))

    for node_context in (None, context):
        with pytest.raises(InputMediaError, match="frame 30 of the film"):
            shots.cuts_between(path, media, 20, 40, node_context)
        assert shots.cuts_between(path, media, 0, 29, node_context) == []


def test_steady_motion_is_no_cut(context):
    """Every picture differs as much from the one before, at the start of the span too."""
    path = context.temp_path("motion.mov")
    moving = "geq=lum='mod(X*3+N*13,220)':cb=128:cr=128"
    coded = ["-frames:v", "60", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "10"]
    context.run_tool(
        [ffmpeg_path(), "-v", "error", "-f", "lavfi", "-i", "color=s=128x72:r=25", "-vf", moving, *coded, str(path)]
    )
    file = context.store(path)
    media = probe(context.path(file), file)

    assert shots.cuts_between(context.path(file), media, 20, 50, context) == []


@pytest.fixture
def reel(context):
    """120 frames: cuts at 20 and 60, a flash of 2 frames at 40, and a dissolve from 80 to 92."""
    bars, noise = "smptebars=s=320x180:r=25", "testsrc2=s=320x180:r=25"
    path = context.temp_path("reel.mp4")
    graph = (
        f"{bars},trim=end_frame=20[a];mandelbrot=s=320x180:r=25,trim=end_frame=40,loop=0:1:0,"
        "drawbox=t=fill:color=white:enable='between(n,20,21)'[b];"
        f"{bars},hflip,trim=end_frame=32,settb=AVTB[c];{noise},trim=end_frame=40,settb=AVTB[d];"
        "[c][d]xfade=duration=0.48:offset=0.8[e];[a][b][e]concat=n=3,format=yuv420p[v]"
    )
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "16"]
    context.run_tool([ffmpeg_path(), "-v", "error", "-filter_complex", graph, "-map", "[v]", *coded, str(path)])
    file = context.store(path)
    return probe(context.path(file), file)


def test_every_part_of_the_package_finds_the_same_shots(context, reel):
    """One film with cuts, a flash and a dissolve: parts, checks before payment, `at: shot` and `snap: shot`."""
    path, count = context.path(reel.file), reel.video.frame_count
    assert count == 120

    assert shots.cuts_between(path, reel, 0, count, context) == [20, 60]

    span = edit_spans.spans_to_cut(context, reel, [Edit.model_validate({"in": "22f", "out": "58f"})], Frames(10), 30.0)[
        0
    ]
    assert (span.first_frame, span.last_frame) == (20, 60)

    options = {"max_s": None, "max_size_px": None, "has_own_audio": True}
    (warning,) = (item for item in check_span(path, reel, "s01", 0, count, **options) if item.code == "cut_inside")
    assert [f"frame {cut}" in warning.message or f", {cut} (" in warning.message for cut in (20, 60)] == [True, True]

    find = PlaceFinder(context, reel, PlaceOptions())
    assert [find(Edit.model_validate({"at": {"shot": n}}))[:2] for n in (1, 2, 3)] == [(0, 20), (20, 60), (60, 120)]
    snap = PlaceFinder(context, reel, PlaceOptions(snap="shot", within_s=Fraction(1, 5)))
    assert snap(Edit.model_validate({"in": "18f", "out": "63f"}))[:2] == (20, 60)
    assert snap(Edit.model_validate({"in": "41f", "out": "86f"}))[:2] == (41, 86)


def test_the_engine_finds_the_same_shots(context, reel):
    """From the thumbnails of the frames that it decodes itself."""
    pytest.importorskip("cv2")
    from react1.pipeline.engine.detect.detect import Detections, FrameDetections
    from react1.pipeline.engine.detect.face_selection import select_faces
    from react1.pipeline.engine.frames.clip_frames import ClipFrames

    with ClipFrames(context.path(reel.file)) as frames:
        frame_detections = tuple(FrameDetections((), thumbnail=thumbnail(frame)) for frame in frames.decode_all())
        shot_faces = select_faces(
            Detections(frame_detections, frames.times), (0, 120), None, frames.video_format.fps, False
        )

    assert [part.shot for part in shot_faces] == [(0, 20), (20, 60), (60, 120)]
