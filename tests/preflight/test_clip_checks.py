"""Reasons against sending a span are reported before anything is uploaded or paid for."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numbered_clips import make_clip
from speech import bursts, speaking_film

from react1.pipeline.core.file import File
from react1.pipeline.media.frames import shots
from react1.pipeline.media.probe import probe
from react1.pipeline.preflight import clip_checks
from react1.pipeline.preflight.clip_checks import check_span, eye_distances_px, sampled_frames
from react1.pipeline.runner.planning.forecast import ReadOnlyContext
from react1.pipeline.store.store import Store

pytestmark = pytest.mark.slow

LIMITS = {"max_s": Fraction(15), "max_size_px": (4096, 2160)}


def probed(path):
    return probe(path, File(digest="0" * 64, suffix=path.suffix, size_bytes=path.stat().st_size))


def check(path, start=0, end=None, **changes):
    media = probed(path)
    options = {**LIMITS, "has_own_audio": False, **changes}
    return check_span(path, media, "line", start, media.video.frame_count if end is None else end, **options)


def codes(findings):
    return {finding.code: finding.fatal for finding in findings}


@pytest.fixture
def no_face_check(monkeypatch):
    """Skip the check for faces, which takes long."""
    monkeypatch.setattr(clip_checks.available, "problem", lambda: "the extra is missing: install it")


@pytest.fixture
def face_detection():
    """Skip the test if faces cannot be detected."""
    from react1.pipeline.engine import available

    if problem := available.problem():
        pytest.skip(problem)


def test_without_the_extra_faces_are_not_checked(context, no_face_check):
    """The finding says what to install and is not fatal."""
    media = speaking_film(context, 50, bursts(2.0))

    (finding,) = check(context.path(media.file), 10, 40)

    assert (finding.segment, finding.code, finding.fatal) == ("line", "face_unknown", False)
    assert finding.message == (
        "segment line, frames 10–39 (00:00:00.400 to 00:00:01.600): "
        "faces were not checked: the extra is missing: install it"
    )


def test_too_long_span_is_refused_without_decoding_it(context, no_face_check):
    """The message has its duration and the limit; a span of exactly the limit is accepted."""
    media = speaking_film(context, 400, bursts(16.0))
    path = context.path(media.file)

    (finding,) = check(path, 0, 376)

    assert (finding.code, finding.fatal) == ("too_long", True)
    assert "it lasts 15.040 s, and the provider accepts 15 s; use shorter edits" in finding.message
    assert "too_long" not in codes(check(path, 0, 375))
    assert "too_long" not in codes(check(path, 0, 376, max_s=None))


@pytest.mark.parametrize(("size", "reported"), [((320, 180), False), ((322, 180), True), ((180, 322), True)])
def test_picture_that_is_scaled_down_is_reported(context, no_face_check, size, reported):
    """By its long and its short side, rotated or not; it is not fatal."""
    path = make_clip(context.temp_path("a.mov"), frames=5, size=size)

    findings = check(path, max_size_px=(320, 180), has_own_audio=True)

    assert codes(findings) == {"face_unknown": False} | ({"too_large": False} if reported else {})
    assert (
        not reported or f"the picture is {size[0]}x{size[1]}, and the provider accepts 320x180" in findings[0].message
    )
    assert "too_large" not in codes(check(path, max_size_px=None))


def test_film_without_audio_needs_an_own_audio(context, no_face_check):
    """The provider does not accept a clip without a voice."""
    path = context.path(speaking_film(context, 25, None).file)

    assert codes(check(path)) == {"no_voice": True, "face_unknown": False}
    assert codes(check(path, has_own_audio=True)) == {"face_unknown": False}


def test_silent_span_is_reported(context, no_face_check):
    """Whatever is audible elsewhere in the film; an own `audio` replaces it."""
    voice = bursts(4.0, (2.0, 4.0))
    path = context.path(speaking_film(context, 100, voice).file)

    assert codes(check(path, 0, 50)) == {"face_unknown": False}
    assert codes(check(path, 50, 100)) == {"silent_voice": False, "face_unknown": False}
    assert codes(check(path, 50, 100, has_own_audio=True)) == {"face_unknown": False}


def test_cut_inside_is_reported_with_its_frame_and_timecode(context, no_face_check):
    """A cut at the edge of the span is ignored."""
    path = context.path(speaking_film(context, 60, bursts(2.4), cuts=(20, 40)).file)
    media = probed(path).model_copy(update={"start_timecode": "01:00:00:00"})

    findings = check_span(path, media, "line", 10, 40, has_own_audio=False, **LIMITS)

    assert codes(findings) == {"cut_inside": False, "face_unknown": False}
    assert "a new shot begins at frame 20 (00:00:00.800, timecode 01:00:00:20)" in findings[0].message
    assert "frames 10–39 (00:00:00.400, timecode 01:00:00:10 to" in findings[0].message
    assert codes(check(path, 20, 40)) == {"face_unknown": False}


def test_talking_face_has_no_findings(face_detection, talking_clip):
    """In the demo's clip."""
    assert check(talking_clip) == []


def test_no_face_is_fatal(face_detection, context):
    """Bars and grey have none; the message has the number of sampled frames."""
    path = context.path(speaking_film(context, 50, bursts(2.0)).file)

    findings = check(path)

    assert codes(findings) == {"no_face": True}
    assert "no face found in 8 sampled frames; choose a span that shows a face from the front" in findings[0].message
    assert "in 3 sampled frames" in check(path, 0, 3)[0].message


def portrait_clip(context, unit_px, size):
    """Write a still portrait on grey, with about this distance between the eyes."""
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


def test_small_face_is_reported(face_detection, context):
    """About 27 px between the eyes: detected, but too small."""
    (finding,) = check(portrait_clip(context, 27, (480, 360)), has_own_audio=True)

    assert (finding.code, finding.fatal) == ("small_face", False)
    assert "px between the eyes, and needs 30" in finding.message


def test_face_that_is_small_only_relative_to_its_picture_is_accepted(face_detection, context):
    """36 px of 1280: FaceMesh alone does not detect it."""
    assert check(portrait_clip(context, 36, (1280, 720)), has_own_audio=True) == []


def test_sampled_frames_are_spread_and_begin_in_the_middle():
    """Eight in a long span, each frame once in a short one, never outside."""
    assert sorted(sampled_frames(100, 180)) == [105, 115, 125, 135, 145, 155, 165, 175]
    assert sampled_frames(100, 180)[0] == 145
    assert sorted(sampled_frames(7, 10)) == [7, 8, 9]
    assert sampled_frames(7, 8) == [7]


def test_three_frames_with_a_face_are_enough(face_detection, talking_clip, monkeypatch):
    """No more are decoded."""
    read = []
    images = clip_checks.decode.images
    monkeypatch.setattr(clip_checks.decode, "images", lambda *value: read.append(value[2]) or images(*value))

    distances_px = eye_distances_px(talking_clip, probed(talking_clip), 0, 50)

    assert len(distances_px) == len(read) == 3
    assert all(distance_px > 30 for distance_px in distances_px)


def test_the_steps_of_a_plan_decode_a_span_once(face_detection, talking_clip, tmp_path, monkeypatch):
    """What one has found, the next reads from memory: the same findings, no file stored. Another plan looks again."""
    decoded = []
    exact_frames = clip_checks.decode.exact_frames
    monkeypatch.setattr(
        clip_checks.decode, "exact_frames", lambda *args: decoded.append(args[2:]) or exact_frames(*args)
    )
    store = Store(tmp_path / "home", read_only=True)
    film = probed(talking_clip)
    shots.cuts_between(talking_clip, film, 10, 40, ReadOnlyContext(store))
    sampled = clip_checks.sampled_faces(talking_clip, film, 10, 40, ReadOnlyContext(store))
    first = len(decoded)

    findings = check(talking_clip, 10, 40, context=ReadOnlyContext(store))
    assert clip_checks.sampled_faces(talking_clip, film, 10, 40, ReadOnlyContext(store)) == sampled

    assert first == len(decoded) == 1 + 3
    assert findings == check(talking_clip, 10, 40)
    assert not (tmp_path / "home").exists()
    decoded.clear()
    check(talking_clip, 10, 40, context=ReadOnlyContext(Store(tmp_path / "home", read_only=True)))
    assert len(decoded) == first


REAL_FILMS = {
    "talk_h264_700x700_vfr_6s.mp4": {},
    "talk_hevc_1080x1920_25p_10s_one_keyframe.mp4": {},
    "talk_mpeg1_360x288_3s.mpg": {},
    "face_vp8_400x300_31s_no_audio.webm": {"no_voice": True},
    "hand_over_face_23976_silent.mp4": {"silent_voice": False},
    "cuts_crowd_handmic_video_starts_late_10s.mp4": {"cut_inside": False},
}


@pytest.mark.parametrize("name", REAL_FILMS)
def test_real_films_have_the_expected_findings(face_detection, media_folder, name):
    """Faces from 360 to 1920 px high, variable rate, one keyframe, no audio, cuts."""
    path = media_folder / "faces" / name
    count = probed(path).video.frame_count

    findings = check(path, count // 4, count // 2)

    assert codes(findings) == REAL_FILMS[name]


def test_watch_dial_is_not_a_face(face_detection, media_folder):
    """One network fits a face to it, the other does not see one."""
    assert codes(check(media_folder / "timing" / "trim_optimization_failure.mp4", 38, 46))["no_face"]


def test_nothing_is_written(no_face_check, context):
    """The film's folder stays unchanged."""
    path = context.path(speaking_film(context, 25, bursts(1.0), cuts=(10,)).file)
    before = {file: file.stat().st_mtime_ns for file in context.folder.rglob("*")}

    check(path)

    assert {file: file.stat().st_mtime_ns for file in context.folder.rglob("*")} == before
