"""What speaks against sending a span is told before anything is uploaded or paid for."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from made import make_clip
from speech import bursts, speaking_film

from react1.pipeline.core.file import File
from react1.pipeline.media.probe import probe
from react1.pipeline.preflight import clip_checks as looking
from react1.pipeline.preflight import face_checks
from react1.pipeline.preflight.clip_checks import examine

HOST = {"longest_s": Fraction(15), "largest_px": (4096, 2160)}


def probed(path):
    return probe(path, File(digest="0" * 64, suffix=path.suffix, size_bytes=path.stat().st_size))


def looked(path, start=0, end=None, **changes):
    media = probed(path)
    known = {**HOST, "has_new_line": False, **changes}
    return examine(path, media, "line", start, media.video.frame_count if end is None else end, **known)


def codes(found):
    return {one.code: one.fatal for one in found}


@pytest.fixture
def faceless(monkeypatch):
    """Leave the faces out, and what they cost."""
    monkeypatch.setattr(looking.available, "problem", lambda: "the extra is missing: install it")


@pytest.fixture
def seeing():
    """Skip where faces cannot be looked for."""
    from react1.pipeline.engine import available

    if found := available.problem():
        pytest.skip(found)


def test_without_the_extra_faces_are_said_to_be_unknown(context, faceless):
    """What to install, and no reason to stop."""
    media = speaking_film(context, 50, bursts(2.0))

    (found,) = looked(context.path(media.file), 10, 40)

    assert (found.segment, found.code, found.fatal) == ("line", "face_unknown", False)
    assert found.message == (
        "segment line, frames 10 to 39 (00:00:00.400 to 00:00:01.600): "
        "no face was looked for: the extra is missing: install it"
    )


def test_a_span_that_is_too_long_is_refused_without_a_look_at_its_pictures(context, faceless):
    """Its length, and what the host takes; exactly that much is not too long."""
    media = speaking_film(context, 400, bursts(16.0))
    path = context.path(media.file)

    (found,) = looked(path, 0, 376)

    assert (found.code, found.fatal) == ("too_long", True)
    assert "it lasts 15.040 s, and the host takes 15 s; make shorter edits of it" in found.message
    assert "too_long" not in codes(looked(path, 0, 375))
    assert "too_long" not in codes(looked(path, 0, 376, longest_s=None))


@pytest.mark.parametrize(("size", "told"), [((320, 180), False), ((322, 180), True), ((180, 322), True)])
def test_a_picture_that_is_scaled_down_is_told(context, faceless, size, told):
    """By its long and its short side, turned or not; it is no reason to stop."""
    path = make_clip(context.temp_path("a.mov"), frames=5, size=size)

    found = looked(path, largest_px=(320, 180), has_new_line=True)

    assert codes(found) == {"face_unknown": False} | ({"too_large": False} if told else {})
    assert not told or f"the picture is {size[0]}x{size[1]}, and the host takes 320x180" in found[0].message
    assert "too_large" not in codes(looked(path, largest_px=None))


def test_a_film_without_sound_needs_a_new_line(context, faceless):
    """The host does not take a clip without a voice."""
    path = context.path(speaking_film(context, 25, None).file)

    assert codes(looked(path)) == {"no_voice": True, "face_unknown": False}
    assert codes(looked(path, has_new_line=True)) == {"face_unknown": False}


def test_where_nobody_speaks_that_is_told(context, faceless):
    """In the span, whatever sounds elsewhere; a new line makes up for it."""
    voice = bursts(4.0, (2.0, 4.0))
    path = context.path(speaking_film(context, 100, voice).file)

    assert codes(looked(path, 0, 50)) == {"face_unknown": False}
    assert codes(looked(path, 50, 100)) == {"silent_voice": False, "face_unknown": False}
    assert codes(looked(path, 50, 100, has_new_line=True)) == {"face_unknown": False}


def test_a_cut_inside_is_told_with_its_frame_and_timecode(context, faceless):
    """At the edges of the span it is none of its business."""
    path = context.path(speaking_film(context, 60, bursts(2.4), cuts=(20, 40)).file)
    media = probed(path).model_copy(update={"start_timecode": "01:00:00:00"})

    found = examine(path, media, "line", 10, 40, has_new_line=False, **HOST)

    assert codes(found) == {"cut_inside": False, "face_unknown": False}
    assert "a new shot begins at frame 20 (00:00:00.800, timecode 01:00:00:20)" in found[0].message
    assert "frames 10 to 39 (00:00:00.400, timecode 01:00:00:10 to" in found[0].message
    assert codes(looked(path, 20, 40)) == {"face_unknown": False}


def test_a_talking_face_is_fine(seeing, talking_clip):
    """The demo's clip has nothing against it."""
    assert looked(talking_clip) == []


def test_no_face_is_fatal(seeing, context):
    """Bars and grey have none; how many frames were looked at is told."""
    path = context.path(speaking_film(context, 50, bursts(2.0)).file)

    found = looked(path)

    assert codes(found) == {"no_face": True}
    assert "no face found in 8 frames looked at; choose a span that shows a face from the front" in found[0].message
    assert "in 3 frames looked at" in looked(path, 0, 3)[0].message


def portrait_clip(context, unit_px, size):
    """A still portrait on grey, the eyes about so far apart."""
    import av
    import cv2

    astronaut = pytest.importorskip("astronaut")
    pytest.importorskip("skimage")
    still, scale = astronaut.still(640, 480)[:, 100:540], unit_px / 92
    shrunk = cv2.resize(still, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    sheet = np.full((*size[::-1], 3), 120, np.uint8)
    sheet[100 : 100 + shrunk.shape[0], 200 : 200 + shrunk.shape[1]] = shrunk
    path = context.temp_path("portrait.mp4")
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "8"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for _ in range(5):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(sheet, format="rgb24")))
        out.mux(stream.encode(None))
    return path


def test_a_small_face_is_told(seeing, context):
    """About 27 px between the eyes: seen, and too small."""
    (found,) = looked(portrait_clip(context, 27, (480, 360)), has_new_line=True)

    assert (found.code, found.fatal) == ("small_face", False)
    assert "px between the eyes, and needs 30" in found.message


def test_a_face_that_is_small_in_its_picture_only_is_fine(seeing, context):
    """36 px of 1280: FaceMesh alone does not find it."""
    assert looked(portrait_clip(context, 36, (1280, 720)), has_new_line=True) == []


def test_looks_are_spread_and_begin_in_the_middle():
    """Eight in a long span, each frame once in a short one, never outside."""
    assert sorted(face_checks.looked_at(100, 180)) == [105, 115, 125, 135, 145, 155, 165, 175]
    assert face_checks.looked_at(100, 180)[0] == 145
    assert sorted(face_checks.looked_at(7, 10)) == [7, 8, 9]
    assert face_checks.looked_at(7, 8) == [7]


def test_three_frames_with_a_face_are_enough(seeing, talking_clip, monkeypatch):
    """No more is decoded of a film that is as it should be."""
    read = []
    images = face_checks.decode.images
    monkeypatch.setattr(face_checks.decode, "images", lambda *given: read.append(given[2]) or images(*given))

    sizes = face_checks.eyes_px(talking_clip, probed(talking_clip).video, 0, 50)

    assert len(sizes) == len(read) == 3
    assert all(size > 30 for size in sizes)


REAL = {
    "talk_h264_700x700_vfr_6s.mp4": {},
    "talk_hevc_1080x1920_25p_10s_one_keyframe.mp4": {},
    "talk_mpeg1_360x288_3s.mpg": {},
    "face_vp8_400x300_31s_no_audio.webm": {"no_voice": True},
    "hand_over_face_23976_silent.mp4": {"silent_voice": False},
    "cuts_crowd_handmic_video_starts_late_10s.mp4": {"cut_inside": False},
}


@pytest.mark.parametrize("name", REAL)
def test_real_films_are_judged_as_a_viewer_would(seeing, media_folder, name):
    """Faces from 360 to 1920 px high, uneven times, one keyframe, no sound, cuts."""
    path = media_folder / "faces" / name
    count = probed(path).video.frame_count

    found = looked(path, count // 4, count // 2)

    assert codes(found) == REAL[name]


def test_the_dial_of_a_watch_is_no_face(seeing, media_folder):
    """One network fits a face to it, the other does not see one."""
    assert codes(looked(media_folder / "timing" / "trim_optimization_failure.mp4", 38, 46))["no_face"]


def test_nothing_is_written(faceless, context):
    """The film's folder holds what it held before."""
    path = context.path(speaking_film(context, 25, bursts(1.0), cuts=(10,)).file)
    before = {file: file.stat().st_mtime_ns for file in context.folder.rglob("*")}

    looked(path)

    assert {file: file.stat().st_mtime_ns for file in context.folder.rglob("*")} == before
