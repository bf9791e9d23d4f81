"""Which face of a shot is chosen, by made tracks: every rule, and one clear line for every face that is not there."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import takes
from made_tracks import face, shot
from speech import speaking_film, wave_of

from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.edits.face_choice import FaceOptions
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.core.file import File
from react1.pipeline.core.values import Media, Segment, Timestamps, VideoStream
from react1.pipeline.faces.choose import check_seen, choose_faces, describe_faces, several_people_note
from react1.pipeline.faces.listing import _describe
from react1.pipeline.faces.resolve import plan_crop, voice_loudness
from react1.testing import FolderContext

FPS = Fraction(25)
FRAMES = range(40)


@pytest.fixture
def segment():
    """Frames 100 to 140 of a film of 640x360."""
    video = VideoStream(
        index=0, codec="h264", width_px=640, height_px=360, pix_fmt="yuv420p", bit_depth=8,
        time_base=Fraction(1, 25), rate=FPS, constant_rate=True,
        timestamps=Timestamps(runs=((0, 1, 400),), last_duration=1),
    )  # fmt: skip
    file = File(digest="a" * 64, suffix=".mp4", size_bytes=1)
    media = Media(file=file, container="mp4", start_s=Fraction(0), duration_s=Fraction(16), video=video)
    edit = Edit.model_validate({"in": "100f", "out": "140f", "prompt": "sad"})
    return Segment(
        name="s01", source=media, edit=edit, start_frame=100, end_frame=140, head_frames=0, tail_frames=0,
        media=media, frames=tuple(range(100, 140)),
    )  # fmt: skip


@pytest.mark.slow
def test_a_new_line_does_not_tell_who_speaks(tmp_path):
    """The mouths move with the film's own sound, here in its first half; the new line sounds in the second one."""
    context = FolderContext(tmp_path)
    noise = 0.1 * np.random.default_rng(1).standard_normal((1, 48_000)).astype(np.float32)
    own, line = (np.concatenate(parts, axis=1) for parts in ((noise, 0 * noise), (0 * noise, noise)))
    film = speaking_film(context, 50, own)
    voices = [context.store(wave_of(context, samples)) for samples in (own, line)]

    plain = takes.segment(film, 0, 50).model_copy(update={"voice": voices[0]})
    dubbed = takes.segment(film, 0, 50, audio=voices[1]).model_copy(update={"voice": voices[1]})
    mute = dubbed.model_copy(
        update={"source": speaking_film(context, 50, None), "media": speaking_film(context, 50, None)}
    )

    for segment in (plain, dubbed):
        loudness = voice_loudness(context, segment, 50, FPS)
        assert loudness[3:22].min() > 0.5 and loudness[28:].max() == 0
    assert voice_loudness(context, mute, 50, FPS) is None


def still(x, height=80.0, frames=FRAMES):
    return {number: face(x, 180, height) for number in frames}


def choices(segment, shots, loudness=None, **options):
    return choose_faces(segment, shots, FaceOptions(**options), detect_speaker=False, loudness=loudness, fps=FPS)


def chosen(segment, shots, loudness=None, **options):
    indices = [choice.index for choice in choices(segment, shots, loudness, **options)]
    return [None if index is None else index + 1 for index in indices]


@pytest.fixture
def three():
    """Three people in a row; the one in the middle is the largest."""
    return shot({1: still(480), 2: still(320, 120), 3: still(120)}, FRAMES)


@pytest.mark.parametrize(
    ("wish", "number"),
    [
        ({}, 2),
        ({"face": "largest"}, 2),
        ({"face": "left"}, 1),
        ({"face": "right"}, 3),
        ({"face": 1}, 1),
        ({"face": "3"}, 3),
        ({"face": {"at": [0.75, 0.5], "frame": "110f"}}, 3),
        ({"face": "0.19,0.5@139f"}, 1),
        ({"face": "left", "faces": {"shot 1": "right"}}, 3),
    ],
)
def test_a_rule_chooses_its_face(segment, three, wish, number):
    """Numbers count from the left; `faces` comes before `face`."""
    assert chosen(segment, [three], **wish) == [number]


def test_a_glimpse_at_the_border_is_not_the_left_face(segment):
    """Seen in 5 of 40 frames; it has a number all the same, and who asks for the left one is told of it."""
    people = shot({1: still(300), 2: still(60, frames=range(5)), 3: still(500)}, FRAMES)

    assert len(people.people) == 3
    assert chosen(segment, [people], face="left") == [2]
    assert chosen(segment, [people], face=1) == [1]
    (left,), (right,) = (choices(segment, [people], face=side) for side in ("left", "right"))
    assert left.rule == "left; face 1, farther left, is seen in 5 of 40 frames"
    assert right.rule == "right"


def test_numbers_come_from_the_first_common_frame_and_stay_where_paths_cross(segment):
    """Who starts on the left is 1 to the end, though the two change sides: position and colour tell them apart."""
    left = {number: face(150 + 8 * number, 180) for number in FRAMES}
    right = {number: face(500 - 8 * number, 180, 70) for number in FRAMES if not 20 <= number < 25}
    people = shot({1: left, 2: right}, FRAMES)

    assert len(people.people) == 2
    assert people.people[0].points[0][:, 0].mean() < people.people[1].points[0][:, 0].mean()
    assert people.people[0].points[39][:, 0].mean() > people.people[1].points[39][:, 0].mean()
    assert chosen(segment, [people], face="0.72,0.5@139f") == [1]


@pytest.mark.parametrize("index", [0, 1])
def test_the_point_of_a_face_is_where_no_other_overlaps_it(segment, index):
    """Two people pass each other in the middle of the span; a provider gets a point, and the list shows one."""
    paths = ((150, 8, 165), (470, -8, 195))
    people = shot({seed: {n: face(x + step * n, y) for n in FRAMES} for seed, (x, step, y) in enumerate(paths)}, FRAMES)
    (choice,) = choices(segment, [people], face=index + 1)

    (chosen_face,) = describe_faces(segment, [choice], (0, 40), FPS, named=True).shots
    listed = _describe(segment, people, index, (0, 40))

    x, step, y = paths[index]
    assert (chosen_face.clip_frame, listed.frame) == (16, 116)
    assert chosen_face.at_px == pytest.approx((x + step * 16, y), abs=3)
    assert chosen(segment, [people], face=f"{listed.at[0]:.2f},{listed.at[1]:.2f}@{listed.frame}f") == [index + 1]


def test_a_face_that_leaves_and_comes_back_is_one_person(segment):
    """It keeps its number; the frames without it are counted."""
    away = {number: points for number, points in still(120).items() if not 8 <= number < 36}
    people = shot({1: away, 2: still(480)}, FRAMES)

    assert len(people.people) == 2
    choices = choose_faces(segment, [people], FaceOptions(face=1), detect_speaker=False, loudness=None, fps=FPS)
    faces = describe_faces(segment, choices, (0, 40), FPS, named=True)
    assert faces.shots[0].seen_frames == 12
    with pytest.raises(InputMediaError, match=r"not seen in 28 of 40 frames \(70%\); choose another face"):
        check_seen(segment, faces, (0, 40), allow_missing=False)
    assert check_seen(segment, faces, (0, 40), allow_missing=True) == (
        "the chosen face is not seen in 28 of 40 frames (70%); they keep their expression",
    )
    assert check_seen(segment, faces, (0, 9), allow_missing=False) == ()


def test_a_few_missing_frames_are_a_remark(segment):
    """More than a tenth, less than half."""
    away = {number: points for number, points in still(120).items() if not 10 <= number < 18}
    people = shot({1: away}, FRAMES)
    choices = choose_faces(segment, [people], FaceOptions(face="left"), detect_speaker=False, loudness=None, fps=FPS)

    remarks = check_seen(segment, describe_faces(segment, choices, (0, 40), FPS, named=True), (0, 40),
                         allow_missing=False)  # fmt: skip

    assert remarks == ("the chosen face is not seen in 8 of 40 frames (20%); they keep their expression",)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"face": 4}, r"there is no face 4 in shot 1; the shot shows 3 face\(s\): 1 at 0.19,0.50, 2 at 0.50,0.50"),
        ({"face": "0.01,0.9@120f"}, r"no face at 0.01,0.9@120f; the shot shows 3 face\(s\): 1 at 0.19,0.50"),
        ({"face": "0.5,0.5@20f"}, r"the point 0.5,0.5@20f lies outside of frames 100 to 139; give a frame of the span"),
        ({"faces": {2: "left"}}, r"has 1 shot\(s\), so there is no shot 2 in `faces`"),
    ],
)
def test_a_face_that_is_not_there_is_refused_in_one_line(segment, three, wish, message):
    """What there is stands in the message."""
    with pytest.raises(InputMediaError, match=message) as caught:
        chosen(segment, [three], **wish)

    assert "\n" not in str(caught.value)
    assert "segment s01" in str(caught.value)


def test_a_number_is_followed_over_a_cut_by_the_look_of_the_face(segment):
    """On the other side in the next shot; `faces` says otherwise where it is set."""
    first = shot({1: still(150, frames=range(20)), 2: still(480, frames=range(20))}, range(20))
    second = shot({2: still(150, frames=range(20, 40)), 1: still(480, frames=range(20, 40))}, range(20, 40))

    assert chosen(segment, [first, second], face=1) == [1, 2]
    assert chosen(segment, [first, second], face="0.75,0.5@105f") == [2, 1]
    assert chosen(segment, [first, second], faces={1: 1, 2: "left"}) == [1, 1]
    assert chosen(segment, [first, second], face="left") == [1, 1]


def test_a_shot_without_people_has_no_face_and_no_speaker(segment):
    """Beside one with a face; a voice changes nothing."""
    empty, second = shot({}, range(20)), shot({1: still(150, frames=range(20, 40))}, range(20, 40))
    voice = np.ones(40)

    assert chosen(segment, [empty, second], loudness=voice, face="speaker") == [None, 1]
    first, cutaway = shot({1: still(150, frames=range(20))}, range(20)), shot({}, range(20, 40))
    assert chosen(segment, [first, cutaway], face=1) == [1, None]
    assert empty.speaker(voice, FPS) is None


def test_a_face_that_is_too_small_for_a_crop_is_refused(segment):
    """With the size that it needs."""
    people = shot({1: still(300, 24)}, FRAMES)
    choices = choose_faces(segment, [people], FaceOptions(face=1), detect_speaker=False, loudness=None, fps=FPS)
    faces = describe_faces(segment, choices, (0, 40), FPS, named=True)

    with pytest.raises(InputMediaError, match=r"the face has 9 px between the eyes, and a crop of it needs 12"):
        plan_crop(segment, choices, faces, "crop is on")


def test_a_shot_without_the_person_is_named(segment):
    """With the way out."""
    first = shot({1: still(150, frames=range(20)), 2: still(480, frames=range(20))}, range(20))
    second = shot({3: still(320, frames=range(20, 40))}, range(20, 40))

    with pytest.raises(InputMediaError, match=r"shot 2 has no face that is clearly face 1 of shot 1.*shot 2: left"):
        chosen(segment, [first, second], face=1)


def test_several_people_without_a_named_face_are_told_who_was_taken(segment, three):
    """With the other numbers."""
    choices = choose_faces(segment, [three], FaceOptions(), detect_speaker=False, loudness=None, fps=FPS)
    faces = describe_faces(segment, choices, (0, 40), FPS, named=False)

    (note,) = several_people_note(faces)
    assert note == (
        "several people: face 2 of 3 (largest); for another set face: 1 or 3, left or right (`react1 faces` shows them)"
    )
