"""What is decided between the passes: who in each shot, how strongly in each frame, and what is said of it."""

from __future__ import annotations

from fractions import Fraction

import astronaut
import numpy as np
import pytest

from react1.pipeline.core.choices import React1Choices
from react1.pipeline.engine.detect.detect import Scouted, Sighting
from react1.pipeline.engine.frames.clip_frames import VideoFormat
from react1.pipeline.engine.geometry.head_frame import FaceFrame
from react1.pipeline.engine.occlusion.occlusion import Glance
from react1.pipeline.engine.planning.take_plan import NoFace, TakePlan, plan_take
from react1.pipeline.engine.render.draw import retouch_picture
from react1.pipeline.engine.voice.voice_samples import Sound

FORMAT = VideoFormat(640, 360, Fraction(25), 1, 1, 1, 1)
EVERYWHERE = ((0.0, 0.0, 640.0, 360.0),)
STAGE, HALL = (np.random.default_rng(seed).integers(0, 255, (36, 64)).astype(np.uint8) for seed in (1, 2))
NORMAL, STRANGE = (np.full((1329, 4), level, np.uint8) for level in (120, 20))


@pytest.fixture
def face(portrait):
    """Give the portrait's landmarks around a place, at a size, turned by so much, with the lips apart (in units)."""

    def make(x: float, unit_px: float = 50.0, yaw: float = 0.0, pitch: float = 0.0, gap: float = 0.0) -> np.ndarray:
        local = portrait.face.local.copy()
        local[14, 1] = local[13, 1] + gap
        a, b = np.deg2rad([yaw, pitch])
        about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
        about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
        points = local @ (about_x @ about_y).T * unit_px
        return points - [*points[:, :2].mean(0), 0.0] + [x, 180.0, 0.0]

    return make


def seen(*faces: np.ndarray, small: np.ndarray = STAGE, looks: tuple = ()) -> Sighting:
    glances = looks or tuple(Glance(NORMAL) for _ in faces)
    return Sighting(tuple(faces), glances, EVERYWHERE, small)


def plan_for(sightings: list[Sighting], span=None, voice: Sound | None = None, clip_sound=None, **wanted) -> TakePlan:
    asked = React1Choices(prompt="happy", temperature=0.7, model_mode="face", **wanted)
    return plan_take(Scouted(tuple(sightings)), FORMAT, voice, asked, span, None, "film.mp4", clip_sound=clip_sound)


def weights(plan: TakePlan) -> np.ndarray:
    return np.array([0.0 if pose is None else pose.weight for pose in plan.poses])


def test_after_a_cut_the_expression_is_on(face) -> None:
    """Two shots with a face each: ramps at the span's ends only, and nothing between the last and the first frame."""
    sightings = [seen(face(200))] * 20 + [seen(face(420), small=HALL)] * 20

    plan = plan_for(sightings, span=(3, 37))

    weight = weights(plan)
    assert (weight[:3] == 0).all()
    assert (weight[37:] == 0).all()
    assert (np.diff(weight[2:10]) > 0).all() or weight[9] == 1
    assert (weight[12:28] == 1).all()
    assert plan.notes[0].startswith("2 shots")


def test_nothing_is_smoothed_or_bridged_over_a_cut(face) -> None:
    """A face that is at another place and size after a cut is there from the first frame on, to the pixel."""
    sightings = [seen(face(200))] * 15 + [seen(small=STAGE)] + [seen(face(232, 60), small=HALL)] * 15

    line = plan_for(sightings).faces

    assert line[15] is None
    assert np.allclose(line[14], face(200))
    assert np.allclose(line[16], face(232, 60))


def test_every_shot_has_its_own_face(face) -> None:
    """The largest of two in the first shot, the only one in the second, and none in the third, which is said."""
    sightings = [seen(face(150, 40), face(450, 60))] * 12
    sightings += [seen(face(150, 40), small=HALL)] * 12 + [seen(small=255 - STAGE)] * 12

    plan = plan_for(sightings)

    assert [round(FaceFrame(plan.faces[number]).unit_px) for number in (6, 18)] == [60, 40]
    assert plan.faces[24:] == (None,) * 12
    assert (weights(plan)[24:] == 0).all()
    assert weights(plan)[23] == 1
    assert "3 shots" in plan.notes[0]
    assert "shot 1, frames 0 to 11: the largest of 2 faces" in plan.notes[0]
    assert "shot 2, frames 12 to 23: its only face; shot 3, frames 24 to 35: no face" in plan.notes[0]


def test_the_speaker_is_chosen_shot_by_shot(face) -> None:
    """Left speaks in the first shot and right in the second; the clip's own sound decides, not the new line."""
    noise = np.random.default_rng(5)
    sounds = (np.arange(100) // 10) % 2 == 0
    samples = 0.06 * noise.normal(0, 1, 4 * astronaut.RATE) * np.repeat(sounds, astronaut.RATE // 25)
    chew = 0.1 + noise.uniform(-0.1, 0.1, 100)
    talks, chews = np.where(sounds, chew, 0.1), np.where(sounds, 0.1, chew)
    own, new = (Sound(part[None].astype(np.float32), astronaut.RATE) for part in (samples, np.roll(samples, 19200)))
    sightings = []
    for number in range(100):
        left, right = (talks, chews) if number < 50 else (chews, talks)
        shot = STAGE if number < 50 else HALL
        gaps = left[number], right[number]
        looks = tuple(Glance(np.full((1329, 4), round(90 + 150 * gap), np.uint8)) for gap in gaps)
        sightings.append(seen(face(150, gap=gaps[0]), face(450, 60, gap=gaps[1]), small=shot, looks=looks))

    plan = plan_for(sightings, voice=new, clip_sound=own, auto_active_speaker_detection=True)

    assert [round(plan.faces[number][:, 0].mean()) for number in (25, 75)] == [150, 450]
    assert plan.notes[0].count("moves with the voice") == 2


def test_a_lost_face_is_ramped_to_inside_a_shot(face) -> None:
    """Ten frames without it: weights fall to the loss step by step and rise after it, and it is said."""
    sightings = [seen(face(200))] * 30 + [seen()] * 10 + [seen(face(205))] * 30

    plan = plan_for(sightings)

    weight = weights(plan)
    assert (weight[30:40] == 0).all()
    assert (np.diff(weight[22:31]) <= 0).all()
    assert (np.diff(weight[39:48]) >= 0).all()
    assert max(weight[29], weight[40]) < 0.1
    assert weight[22] == weight[48] == 1
    assert "no face in 10 of 70 frames" in plan.notes[0]


@pytest.mark.parametrize(("yaw", "pitch", "expected"), [(36, 0, 1), (54, 0, 0), (0, 20, 1), (0, 55, 0), (0, -50, 0)])
def test_a_head_turned_or_tilted_away_is_left_alone(face, yaw: float, pitch: float, expected: float) -> None:
    """Full strength to 38 degrees of yaw and some 30 of pitch, nothing from 50 and 44 on."""
    sightings = [seen(face(300, yaw=yaw, pitch=pitch))] * 20

    plan = plan_for(sightings)

    assert weights(plan)[10] == expected
    assert ("turned away" in " ".join(plan.notes)) == (expected == 0)


def test_smeared_frames_fade(face) -> None:
    """Six frames without a sharp edge among thirty: weight 0 there, and no pop on the way."""
    looks = [NORMAL.copy() for _ in range(40)]
    for number in range(17, 23):
        looks[number][:, 3] = 30
    sightings = [seen(face(300), looks=(Glance(video_format),)) for video_format in looks]

    weight = weights(plan_for(sightings))

    assert (weight[18:22] == 0).all()
    assert weight[10] == weight[30] == 1
    assert np.abs(np.diff(weight[8:32])).max() < 0.3


@pytest.mark.parametrize("looked_for", [True, False])
def test_a_face_that_is_wholly_covered_is_left_alone(face, looked_for: bool) -> None:
    """Also where occlusion is not looked for: every texel another thing for a second, and back."""
    rng = np.random.default_rng(4)
    usual = rng.integers(90, 170, (1329, 4)).astype(np.uint8)
    usual[:, 3] = 5
    other = usual.copy()
    other[:, :3] = rng.permutation(255 - usual[:, :3]) // np.array([1, 2, 4], np.uint8)
    looks = [other if 20 <= number < 40 else usual for number in range(70)]
    sightings = [seen(face(300), looks=(Glance(video_format),)) for video_format in looks]

    plan = plan_for(sightings, occlusion_detection_enabled=looked_for)

    weight = weights(plan)
    assert (weight[21:39] == 0).all()
    assert weight[10] == weight[55] == 1
    assert "covers the face" in " ".join(plan.notes)


@pytest.mark.parametrize(
    ("sighting", "words"),
    [
        (Sighting((), (), (), STAGE), r"frames 2 to 8 of the clip; choose a span"),
        (Sighting((), (), EVERYWHERE, STAGE), r"in 7 of them something like a face is too small, too dark or turned"),
    ],
)
def test_no_face_is_one_clear_line(sighting: Sighting, words: str) -> None:
    """What was looked at, what was seen there, and what to do."""
    with pytest.raises(NoFace, match=words) as told:
        plan_for([sighting] * 10, span=(2, 9))

    assert "\n" not in str(told.value)


def test_a_glimpse_is_no_face(face) -> None:
    """Three frames of a face in a shot of twenty: refused as if there were none."""
    with pytest.raises(NoFace):
        plan_for([seen(face(200))] * 3 + [seen()] * 17)

    assert weights(plan_for([seen(face(200))] * 4 + [seen()] * 16)).max() > 0


def test_the_other_face_keeps_its_bytes(portrait) -> None:
    """Two portraits side by side: of the one that is not chosen no sample changes before encoding."""
    both = np.hstack([portrait.picture, portrait.picture])
    picture = astronaut.planes(both)
    video_format = VideoFormat(1280, 480, Fraction(25), 1, 1, 1, 1)
    sightings = [Sighting((portrait.face.points_px, portrait.face.shifted(-640, 0).points_px), (), None, STAGE)] * 20
    plan = plan_take(
        Scouted(tuple(sightings)), video_format, None, React1Choices(prompt="happy", temperature=1.0), None, None, "two.mp4"
    )

    changed = retouch_picture(picture, video_format, FaceFrame(plan.faces[10]), plan.poses[10])

    x = int(plan.faces[10][:, 0].mean()) // 640
    other = slice(640 * (1 - x), 640 * (2 - x))
    assert (changed.luma[:, other] == picture.luma[:, other]).all()
    halved = slice(other.start // 2, other.stop // 2)
    assert (changed.blue[:, halved] == picture.blue[:, halved]).all()
    assert (changed.red[:, halved] == picture.red[:, halved]).all()
    assert (changed.luma != picture.luma).mean() > 0.01


def test_what_is_covered_keeps_its_bytes_in_a_frame(portrait) -> None:
    """With the left half of the face hidden its samples are the decoder's own, luma and chroma; the other moves."""
    from react1.pipeline.engine.occlusion import texels

    picture, video_format = astronaut.planes(portrait.picture), VideoFormat(640, 480, Fraction(25), 1, 1, 1, 1)
    points, middle = portrait.face.points_px, portrait.face.origin_px[0]
    plan = plan_for([seen(points)] * 20)
    hidden = texels.spread(points)[:, 0] < middle

    changed = retouch_picture(picture, video_format, FaceFrame(points), plan.poses[10], hidden)

    x = int(middle - 0.1 * portrait.face.unit_px) // 2 * 2
    assert (changed.luma[:, :x] == picture.luma[:, :x]).all()
    assert (changed.blue[:, : x // 2] == picture.blue[:, : x // 2]).all()
    assert (changed.luma[:, x:] != picture.luma[:, x:]).mean() > 0.01


def test_a_flash_is_left_alone_and_nothing_fades_around_it(face) -> None:
    """Of two frames without a find, one is white and keeps its picture, one is followed through; others stay strong."""
    sightings = [seen(face(200)) for _ in range(30)]
    sightings[12], sightings[18] = seen(small=np.full((36, 64), 250, np.uint8)), seen()

    plan = plan_for(sightings)

    weight = weights(plan)
    assert [number for number in range(8, 23) if weight[number] != 1] == [12]
    assert plan.poses[12] is None
    assert plan.notes == ("no face in 1 of 30 frames; those keep their expression",)


@pytest.mark.parametrize(
    ("span", "told"),
    [
        ((4, 5), ("in 1 frame the expression comes to 7% of its strength; give it 13 or more",)),
        ((4, 10), ("in 6 frames the expression comes to 50% of its strength; give it 13 or more",)),
        ((4, 17), ()),
    ],
)
def test_a_span_that_is_over_before_the_expression_has_come_is_told(face, span, told) -> None:
    """With what it comes to, which is what the frames show, and how long it takes."""
    plan = plan_for([seen(face(200))] * 20, span=span)

    assert plan.notes == told
    assert f"{weights(plan).max():.0%}" in (*told, "100%")[0]


def test_a_voice_that_ends_before_the_span_is_told(face) -> None:
    """Nothing can change then, and that is not left to be found out."""
    voice = Sound(np.zeros((1, 4 * astronaut.RATE // 25), np.float32), astronaut.RATE)

    plan = plan_for([seen(face(200))] * 20, span=(6, 18), voice=voice, sync_mode="cut_off")

    assert weights(plan).tolist() == [0] * 4
    assert "nothing is changed; choose another sync mode" in plan.notes[-1]
