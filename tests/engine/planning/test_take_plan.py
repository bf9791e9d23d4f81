"""The plan of a take: the face of each shot, the weight of each frame, and the notes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import astronaut
import numpy as np
import pytest

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.core.file import File
from react1.pipeline.engine.detect import face_selection
from react1.pipeline.engine.detect.detect import Detections, FrameDetections
from react1.pipeline.engine.frames.clip_frames import VideoFormat
from react1.pipeline.engine.geometry.head_frame import FaceFrame
from react1.pipeline.engine.occlusion.occlusion import FaceTexels
from react1.pipeline.engine.occlusion.texels import positions
from react1.pipeline.engine.planning.take_plan import NoFace, TakePlan, plan_take
from react1.pipeline.engine.render.draw import retouch_picture
from react1.pipeline.engine.take_job import TakeJob
from react1.pipeline.engine.voice.voice_features import VoiceAudio
from react1.pipeline.providers.local import occlusion_cache
from react1.testing import FolderContext

FORMAT = VideoFormat(640, 360, Fraction(25), 1, 1, 1, 1)
EVERYWHERE = ((0.0, 0.0, 640.0, 360.0),)
OUT = Path("take.mp4")
STAGE, HALL = (np.random.default_rng(seed).integers(0, 255, (36, 64)).astype(np.uint8) for seed in (1, 2))
NORMAL, STRANGE = (np.full((1329, 4), level, np.uint8) for level in (120, 20))


@pytest.fixture
def face(portrait):
    """Return a function that places the portrait's landmarks at x, with a size, yaw, pitch and gap of the lips."""

    def make(x: float, unit_px: float = 50.0, yaw: float = 0.0, pitch: float = 0.0, gap: float = 0.0) -> np.ndarray:
        local = portrait.face.local.copy()
        local[14, 1] = local[13, 1] + gap
        a, b = np.deg2rad([yaw, pitch])
        about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
        about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
        points = local @ (about_x @ about_y).T * unit_px
        return points - [*points[:, :2].mean(0), 0.0] + [x, 180.0, 0.0]

    return make


def detections_of(*faces: np.ndarray, thumbnail: np.ndarray = STAGE, texels: tuple = ()) -> FrameDetections:
    texels = texels or tuple(FaceTexels(NORMAL) for _ in faces)
    return FrameDetections(tuple(faces), texels, EVERYWHERE, thumbnail)


def plan_for(
    frames: list[FrameDetections],
    span=None,
    voice: VoiceAudio | None = None,
    own_voice: bool | None = None,
    clip_sound=None,
    resync: bool = False,
    **overrides,
) -> TakePlan:
    choices = React1Choices(**{"prompt": "happy", "temperature": 0.7, "model_mode": "face", **overrides})
    job = TakeJob(OUT, choices, span=span, own_voice=own_voice, resync=resync)
    return plan_take(Detections(tuple(frames)), FORMAT, voice, job, "film.mp4", clip_sound=clip_sound)


def weights(plan: TakePlan) -> np.ndarray:
    return np.array([0.0 if pose is None else pose.weight for pose in plan.poses])


@pytest.mark.slow
def test_there_is_no_ramp_at_a_cut(face) -> None:
    """Two shots with a face each have ramps at the ends of the span only, and full weight on both sides of the cut."""
    frames = [detections_of(face(200))] * 20 + [detections_of(face(420), thumbnail=HALL)] * 20

    plan = plan_for(frames, span=(3, 37))

    weight = weights(plan)
    assert (weight[:3] == 0).all()
    assert (weight[37:] == 0).all()
    assert (np.diff(weight[2:10]) > 0).all() or weight[9] == 1
    assert (weight[12:28] == 1).all()
    assert plan.notes[0].startswith("2 shots")


@pytest.mark.slow
def test_faces_are_not_smoothed_or_interpolated_across_a_cut(face) -> None:
    """A face with another place and size after a cut is there from the first frame on, to the pixel."""
    frames = (
        [detections_of(face(200))] * 15
        + [detections_of(thumbnail=STAGE)]
        + [detections_of(face(232, 60), thumbnail=HALL)] * 15
    )

    line = plan_for(frames).faces

    assert line[15] is None
    assert np.allclose(line[14], face(200))
    assert np.allclose(line[16], face(232, 60))


@pytest.mark.slow
def test_a_face_is_selected_per_shot(face) -> None:
    """The larger of two in the first shot, the only one in the second, none in the third; the note lists them."""
    frames = [detections_of(face(150, 40), face(450, 60))] * 12
    frames += [detections_of(face(150, 40), thumbnail=HALL)] * 12 + [detections_of(thumbnail=255 - STAGE)] * 12

    plan = plan_for(frames)

    assert [round(FaceFrame(plan.faces[number]).unit_px) for number in (6, 18)] == [60, 40]
    assert plan.faces[24:] == (None,) * 12
    assert (weights(plan)[24:] == 0).all()
    assert weights(plan)[23] == 1
    assert "3 shots" in plan.notes[0]
    assert "shot 1, frames 0–11: the largest of 2 faces" in plan.notes[0]
    assert "shot 2, frames 12–23: its only face; shot 3, frames 24–35: no face" in plan.notes[0]


@pytest.mark.slow
def test_the_speaker_is_selected_per_shot(face) -> None:
    """Left speaks in the first shot and right in the second; the clip's own sound decides, not the new voice."""
    noise = np.random.default_rng(5)
    sounds = (np.arange(100) // 10) % 2 == 0
    samples = 0.06 * noise.normal(0, 1, 4 * astronaut.RATE) * np.repeat(sounds, astronaut.RATE // 25)
    chew = 0.1 + noise.uniform(-0.1, 0.1, 100)
    talks, chews = np.where(sounds, chew, 0.1), np.where(sounds, 0.1, chew)
    own, new = (
        VoiceAudio(part[None].astype(np.float32), astronaut.RATE) for part in (samples, np.roll(samples, 19200))
    )
    frames = []
    for number in range(100):
        left, right = (talks, chews) if number < 50 else (chews, talks)
        shot = STAGE if number < 50 else HALL
        gaps = left[number], right[number]
        looks = tuple(FaceTexels(np.full((1329, 4), round(90 + 150 * gap), np.uint8)) for gap in gaps)
        frames.append(detections_of(face(150, gap=gaps[0]), face(450, 60, gap=gaps[1]), thumbnail=shot, texels=looks))

    plan = plan_for(frames, voice=new, clip_sound=own, auto_active_speaker_detection=True)
    silent = plan_for(frames, voice=own, own_voice=False, auto_active_speaker_detection=True)

    assert [round(plan.faces[number][:, 0].mean()) for number in (25, 75)] == [150, 450]
    assert plan.notes[0].count("moves with the voice") == 2
    assert silent.notes[0].count("because there is no voice to find the speaker by") == 2  # of a silent film


@pytest.mark.slow
def test_a_still_mouth_stays_still_at_a_cut(face) -> None:
    """Under the film's own sound: that another person's lips are further apart does not mean that anybody speaks."""
    shut, parted = face(200), face(420, gap=0.09)
    frames = [detections_of(shut)] * 30 + [detections_of(parted, thumbnail=HALL)] * 30
    sound = VoiceAudio(astronaut.syllables(60 / 25)[None].astype(np.float32), astronaut.RATE)

    with_resync, without = (
        plan_for(frames, voice=sound, own_voice=True, resync=resync, prompt="neutral") for resync in (True, False)
    )

    assert [pose and pose.gap for pose in with_resync.poses] == [pose and pose.gap for pose in without.poses]
    assert "the mouth does not speak in this span" in with_resync.notes[-1]


@pytest.mark.slow
def test_a_shot_that_begins_with_an_open_mouth_has_no_nod_there(face) -> None:
    """A mouth that speaks evenly stresses no syllable: the head only breathes, after a cut as in a clip of its own."""
    words = [face(200, gap=0.16 + 0.08 * np.sin(number * 1.3)) for number in range(40)]
    shot = [detections_of(points) for points in words]
    other = [detections_of(thumbnail=HALL)] * 40

    alone, after_a_cut = (
        plan_for(frames, model_mode="head", temperature=1.0, prompt="neutral").poses[-40:]
        for frames in (shot, other + shot)
    )

    nods = [max(pose.head.pitch_deg for pose in poses[:30] if pose) for poses in (alone, after_a_cut)]
    assert max(nods) < 0.5


@pytest.mark.slow
def test_weights_ramp_around_a_lost_face(face) -> None:
    """Around ten frames without a face the weights fall and rise step by step; a note reports the frames."""
    frames = [detections_of(face(200))] * 30 + [detections_of()] * 10 + [detections_of(face(205))] * 30

    plan = plan_for(frames)

    weight = weights(plan)
    assert (weight[30:40] == 0).all()
    assert (np.diff(weight[22:31]) <= 0).all()
    assert (np.diff(weight[39:48]) >= 0).all()
    assert max(weight[29], weight[40]) < 0.1
    assert weight[22] == weight[48] == 1
    assert "no face in 10 of 70 frames" in plan.notes[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("yaw", "pitch", "expected"),
    [(36, 0, 1), (42, 0, 1), (-42, 0, 1), (56, 0, 0), (0, 20, 1), (0, 55, 0), (0, -50, 0)],
)
def test_a_head_turned_or_tilted_away_is_unchanged(face, yaw: float, pitch: float, expected: float) -> None:
    """The weight is 1 up to 44 degrees of yaw and about 30 of pitch, 0 from 54 and 44 degrees on."""
    frames = [detections_of(face(300, yaw=yaw, pitch=pitch))] * 20 + [detections_of(face(300), thumbnail=HALL)] * 20

    plan = plan_for(frames)

    assert weights(plan)[10] == expected
    assert ("turned away" in " ".join(plan.notes)) == (expected == 0)


def test_a_take_that_would_change_no_frame_is_refused(face) -> None:
    """A head that is turned away in all frames is no take at a part of its strength."""
    away = [detections_of(face(300, yaw=60))] * 20

    with pytest.raises(NoFace, match=r"no face that can be changed in frames 2–17 .*turned away or blurred in 16"):
        plan_for(away, span=(2, 18))


@pytest.mark.slow
def test_a_face_that_is_lost_for_a_while_is_one_face(face) -> None:
    """Two runs of one person are not two faces; two people in one frame are, however short one of them is seen."""
    lost = [detections_of(face(150))] * 20 + [detections_of()] * 14 + [detections_of(face(480))] * 20
    joined = [detections_of(face(150, 60))] * 30 + [detections_of(face(150, 60), face(450))] * 6

    assert not any("of 2 faces" in note and "never seen together" not in note for note in plan_for(lost).notes)
    assert "re-expressed face: the largest of 2 faces" in plan_for(joined).notes


@pytest.mark.slow
def test_a_face_that_comes_back_to_its_place_counts_as_one(face) -> None:
    """Seen twice for 20 frames it is the largest of two, or the only one; its halves are not compared with others."""
    halves = [detections_of(face(150))] * 20 + [detections_of()] * 30 + [detections_of(face(150))] * 20
    other = [detections_of(*frame.faces, face(450, 60)) for frame in halves[:20]]

    alone, chosen = plan_for(halves), plan_for(other + halves[20:])

    assert not any("re-expressed face" in note for note in alone.notes)
    assert any(note.startswith("re-expressed face: the largest of 2 faces (auto") for note in chosen.notes)
    assert FaceFrame(chosen.faces[60]).unit_px == pytest.approx(50, abs=1)


@pytest.mark.slow
def test_blurred_frames_fade(face) -> None:
    """Six frames without a sharp edge get weight 0, without a jump before and after them."""
    looks = [NORMAL.copy() for _ in range(40)]
    for number in range(17, 23):
        looks[number][:, 3] = 30
    frames = [detections_of(face(300), texels=(FaceTexels(video_format),)) for video_format in looks]

    weight = weights(plan_for(frames))

    assert (weight[18:22] == 0).all()
    assert weight[10] == weight[30] == 1
    assert np.abs(np.diff(weight[8:32])).max() < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("occlusion", [True, False])
def test_a_fully_covered_face_is_unchanged(face, occlusion: bool) -> None:
    """Frames in which every texel shows something else keep their expression, also without occlusion detection."""
    rng = np.random.default_rng(4)
    usual = rng.integers(90, 170, (1329, 4)).astype(np.uint8)
    usual[:, 3] = 5
    other = usual.copy()
    other[:, :3] = rng.permutation(255 - usual[:, :3]) // np.array([1, 2, 4], np.uint8)
    looks = [other if 20 <= number < 40 else usual for number in range(70)]
    frames = [detections_of(face(300), texels=(FaceTexels(video_format),)) for video_format in looks]

    plan = plan_for(frames, occlusion_detection_enabled=occlusion)

    weight = weights(plan)
    assert (weight[21:39] == 0).all()
    assert weight[10] == weight[55] == 1
    assert "the face is covered in" in " ".join(plan.notes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("below", "occlusion", "note"),
    [
        (0.95, False, "the face is covered in 12 frames"),
        (0.3, False, "the face leaves the picture in 12 frames"),
        (0.3, True, "the face leaves the picture in 12 frames"),
        (0.95, True, "the face is covered in 12 frames"),
    ],
)
def test_a_face_that_leaves_the_picture_is_not_called_covered(face, portrait, below, occlusion, note) -> None:
    """What is below the lower edge looks like nothing of the face; the frames are left unchanged as before."""
    local = positions(portrait.face.local)
    texels = NORMAL.copy()
    texels[local[:, 1] > 0.3] = (20, 60, 220, 120)
    placed = face(300)
    edge = np.sort(positions(placed)[:, 1])[np.searchsorted(np.sort(local[:, 1]), below)]
    placed[:, 1] += FORMAT.height - edge
    below_too = ((0.0, 0.0, 640.0, 720.0),)
    looks = [NORMAL] * 20 + [texels] * 12
    frames = [FrameDetections((placed,), (FaceTexels(values),), below_too, STAGE) for values in looks]

    plan = plan_for(frames, occlusion_detection_enabled=occlusion)

    assert [line.partition(";")[0] for line in plan.notes] == [note]
    assert (weights(plan)[22:] == 0).all()


@pytest.mark.parametrize(
    ("detections", "words"),
    [
        (FrameDetections((), (), (), STAGE), r"frames 2–8 of the clip; choose a span"),
        (FrameDetections((), (), EVERYWHERE, STAGE), r"in 7 of them a possible face is too small, too dark or turned"),
    ],
)
def test_no_face_is_reported_in_one_line(detections: FrameDetections, words: str) -> None:
    """The message names the frames, what was detected there, and what to do."""
    with pytest.raises(NoFace, match=words) as caught:
        plan_for([detections] * 10, span=(2, 9))

    assert "\n" not in str(caught.value)


def test_a_face_in_too_few_frames_is_ignored(face) -> None:
    """Three frames of a face in a shot of twenty are refused as no face; four frames are enough."""
    with pytest.raises(NoFace, match=r"in 3 frames .* or seen for too short a time"):
        plan_for([detections_of(face(200))] * 3 + [replace(detections_of(), boxes=())] * 17)

    assert weights(plan_for([detections_of(face(200))] * 4 + [detections_of()] * 16)).max() > 0


@pytest.mark.slow
def test_what_covers_a_face_is_found_once_per_clip(face, portrait, tmp_path, monkeypatch) -> None:
    """A take of another expression reads it, exact to the bit; a moved face or a damaged cache finds it again."""
    texels = NORMAL.copy()
    texels[positions(portrait.face.local)[:, 1] > 0.4] = (20, 60, 220, 120)  # blue, over the mouth and the chin
    searches = []
    find = face_selection.find_occlusion
    monkeypatch.setattr(face_selection, "find_occlusion", lambda *args: searches.append(1) or find(*args))
    keep = occlusion_cache(FolderContext(tmp_path), File(digest="a" * 64, suffix=".mp4", size_bytes=1))

    def plan(x: float, prompt: str, keep_occlusion=keep) -> tuple[TakePlan, int]:
        frames = [detections_of(face(x))] * 20 + [detections_of(face(x), texels=(FaceTexels(texels),))] * 12
        searches.clear()
        choices = React1Choices(prompt=prompt, model_mode="face", occlusion_detection_enabled=True)
        planned = plan_take(
            Detections(tuple(frames)), FORMAT, None, TakeJob(OUT, choices), "film.mp4", keep_occlusion=keep_occlusion
        )
        return planned, len(searches)

    direct, first, second = plan(300, "sad", None), plan(300, "happy"), plan(300, "sad")
    assert [count for _, count in (direct, first, second)] == [1, 1, 0]
    assert any(mask is not None for mask in direct[0].masks) and direct[0].masks[0] is None
    for before, after in zip(direct[0].masks, second[0].masks, strict=True):
        assert (before is None) == (after is None) and (before is None or (before == after).all())
    assert (weights(direct[0]) == weights(second[0])).all()
    assert direct[0].notes == second[0].notes
    assert plan(310, "sad")[1] == 1
    for stored in (tmp_path / "cache").iterdir():
        stored.write_bytes(b"PK")
    assert plan(300, "sad")[1] == 1


@pytest.mark.slow
@pytest.mark.parametrize("lost", [1, 3])
def test_what_covers_a_face_covers_it_while_the_face_is_lost(face, portrait, lost) -> None:
    """Its landmarks are interpolated there: without a mask the expression would be painted over what is in front."""
    texels = NORMAL.copy()
    texels[positions(portrait.face.local)[:, 1] > 0.9] = (20, 60, 220, 120)
    covered = [detections_of(face(300), texels=(FaceTexels(texels),))] * 8
    frames = [*[detections_of(face(300))] * 20, *covered, *[detections_of()] * lost, *covered]

    plan = plan_for(frames, prompt="sad", occlusion_detection_enabled=True)

    masks = plan.masks[28 : 28 + lost]
    assert all(plan.faces[number] is not None for number in range(28, 28 + lost))
    assert all(mask is not None and (mask == plan.masks[27] | plan.masks[28 + lost]).all() for mask in masks)
    assert plan.masks[0] is None


def test_the_unselected_face_keeps_its_bytes(portrait) -> None:
    """Of two portraits side by side, no sample of the unselected one changes before encoding."""
    both = np.hstack([portrait.picture, portrait.picture])
    picture = astronaut.planes(both)
    video_format = VideoFormat(1280, 480, Fraction(25), 1, 1, 1, 1)
    frames = [
        FrameDetections((portrait.face.points_px, portrait.face.shifted(-640, 0).points_px), (), None, STAGE)
    ] * 20
    plan = plan_take(
        Detections(tuple(frames)),
        video_format,
        None,
        TakeJob(OUT, React1Choices(prompt="happy", temperature=1.0)),
        "two.mp4",
    )

    changed = retouch_picture(picture, video_format, FaceFrame(plan.faces[10]), plan.poses[10])

    x = int(plan.faces[10][:, 0].mean()) // 640
    other = slice(640 * (1 - x), 640 * (2 - x))
    assert (changed.luma[:, other] == picture.luma[:, other]).all()
    halved = slice(other.start // 2, other.stop // 2)
    assert (changed.blue[:, halved] == picture.blue[:, halved]).all()
    assert (changed.red[:, halved] == picture.red[:, halved]).all()
    assert (changed.luma != picture.luma).mean() > 0.01


@pytest.mark.slow
def test_the_covered_part_of_a_frame_keeps_its_bytes(portrait) -> None:
    """With the left half of the face masked, its luma and chroma stay as decoded; the right half changes."""
    from react1.pipeline.engine.occlusion import texels

    picture, video_format = astronaut.planes(portrait.picture), VideoFormat(640, 480, Fraction(25), 1, 1, 1, 1)
    points, middle = portrait.face.points_px, portrait.face.origin_px[0]
    plan = plan_for([detections_of(points)] * 20)
    mask = texels.positions(points)[:, 0] < middle

    changed = retouch_picture(picture, video_format, FaceFrame(points), plan.poses[10], mask)

    x = int(middle - 0.1 * portrait.face.unit_px) // 2 * 2
    assert (changed.luma[:, :x] == picture.luma[:, :x]).all()
    assert (changed.blue[:, : x // 2] == picture.blue[:, : x // 2]).all()
    assert (changed.luma[:, x:] != picture.luma[:, x:]).mean() > 0.01


@pytest.mark.slow
def test_a_flash_is_unchanged_and_has_no_ramps(face) -> None:
    """Of two frames without a face, the white one is unchanged and the other interpolated; the rest has full weight."""
    frames = [detections_of(face(200)) for _ in range(30)]
    frames[12], frames[18] = detections_of(thumbnail=np.full((36, 64), 250, np.uint8)), detections_of()

    plan = plan_for(frames)

    weight = weights(plan)
    assert [number for number in range(8, 23) if weight[number] != 1] == [12]
    assert plan.poses[12] is None
    assert plan.notes == ("no face in 1 of 30 frames; these frames keep their expression",)


@pytest.mark.parametrize(
    ("span", "notes"),
    [
        ((4, 5), ("in 1 frame the expression reaches 16% of its strength; use 8 frames or more",)),
        ((4, 10), ("in 6 frames the expression reaches 84% of its strength; use 8 frames or more",)),
        ((4, 17), ()),
    ],
)
def test_a_span_too_short_for_the_full_expression_is_reported(face, span, notes) -> None:
    """The note gives the strength that is reached, equal to the highest weight, and the required length."""
    plan = plan_for([detections_of(face(200))] * 20, span=span)

    assert plan.notes == notes
    assert f"{weights(plan).max():.0%}" in (*notes, "100%")[0]


@pytest.mark.parametrize("sync_mode", ["cut_off", "bounce"])
def test_a_voice_that_ends_before_the_span_is_refused(face, sync_mode) -> None:
    """No frame would change, so there is no take; the message says what to do."""
    voice = VoiceAudio(np.zeros((1, 4 * astronaut.RATE // 25), np.float32), astronaut.RATE)

    with pytest.raises(
        InputMediaError, match=r"begins at frame 6 of the clip; set sync_mode: silence, or give a longer"
    ):
        plan_for([detections_of(face(200))] * 20, span=(6, 18), voice=voice, sync_mode=sync_mode)
