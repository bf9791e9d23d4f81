"""Made films of two and three people: the chosen one is changed wherever it goes, and nobody else's pixels are."""

from __future__ import annotations

import numpy as np
import pytest
import two_faces
from takes import segment

from react1.nodes.conform import Conform, ConformParams
from react1.nodes.face import Face, FaceParams
from react1.nodes.transcode import Transcode, TranscodeParams
from react1.nodes.upload import UploadParams, UploadSegment
from react1.pipeline.core.edits.choices import resolve_choices
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.media.probe import probe
from react1.pipeline.providers.local import render_take
from react1.pipeline.splicing.pictures.planes import frame_planes
from react1.testing import FolderContext

pytestmark = pytest.mark.slow

SIZE, COUNT = (320, 160), 20
HEIGHT = 96
"""Of a portrait; the face is about half as high."""
HALF_PX = 26, 30
"""Half the width and the height of the face, px."""


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A context, and three portraits that look different."""
    pytest.importorskip("skimage")
    pytest.importorskip("ai_edge_litert", reason="the local engine is not installed")
    portraits = [
        two_faces.portrait("warm", height=HEIGHT),
        two_faces.portrait("cold", mirrored=True, height=HEIGHT),
        two_faces.portrait("plain", height=HEIGHT),
    ]
    return FolderContext(tmp_path_factory.mktemp("people")), portraits


def changes(context, shown, cut=None, **wish):
    """Return the segment with its chosen faces, and how much each pixel of the film changes, by frame."""
    path = two_faces.write_people(context.temp_path("film.mp4"), shown, size=SIZE, frames=COUNT, cut=cut)
    file = context.store(path)
    placed = Transcode().run(context, TranscodeParams(), segment(probe(context.path(file), file), 0, COUNT))
    edit = placed.edit.model_copy(update={"prompt": "surprised", "temperature": 1.0, **wish})
    chosen = Face().run(context, FaceParams(), placed.model_copy(update={"edit": edit}))
    upload = UploadSegment().run(context, UploadParams(), chosen)
    take = render_take(context, upload, resolve_choices(edit))
    result = Conform().run(context, ConformParams(), take)
    before, after = (
        np.stack([frame_planes(frame)[0] for frame in decode_frames(context.path(media.file))]).astype(int)
        for media in (placed.source, result.media)
    )
    return chosen, np.abs(after - before)


def at(change, place, number):
    """Return the change of the face of somebody in a frame."""
    x, y = place(number)
    return change[number, round(y) - HALF_PX[1] : round(y) + HALF_PX[1], round(x) - HALF_PX[0] : round(x) + HALF_PX[0]]


def test_paths_that_cross_change_the_one_that_was_chosen(people):
    """Who starts on the left is changed on the right at the end; the other one is the film's to the bit."""
    context, (warm, cold, _) = people
    to_right, to_left = (lambda n: (75 + 9.0 * n, 56.0)), (lambda n: (245 - 9.0 * n, 100.0))

    chosen, change = changes(context, [(cold, to_left), (warm, to_right)], face=1)

    assert chosen.faces.shots[0].count == 2
    assert min(at(change, to_right, number).max() for number in (5, 14)) > 25
    assert not any(at(change, to_left, number).any() for number in (2, 3, 4, 15, 16, 17))


def test_who_leaves_and_comes_back_is_changed_before_and_after(people):
    """In the frames between nothing changes; the one who stays is the film's to the bit."""
    context, (warm, cold, _) = people
    stays = two_faces.still(235, 80)
    path = lambda n: (80.0 if n < 7 else 95.0, 80.0)  # noqa: E731

    chosen, change = changes(context, [(warm, lambda n: None if 7 <= n < 12 else path(n)), (cold, stays)], face="left")

    assert chosen.faces.shots[0].count == 2
    assert any("not seen in" in note for note in chosen.notes)
    assert min(at(change, path, number).max() for number in (4, 15)) > 12
    assert not change[8:11].any()
    assert not change[:, :, 190:].any()


def test_a_person_is_followed_over_a_cut_to_the_other_side(people):
    """By the look of the face: on the left before, on the right after."""
    context, (warm, cold, _) = people
    sides = (lambda n: (82.0, 80.0) if n < 10 else (240.0, 80.0)), (lambda n: (240.0, 80.0) if n < 10 else (82.0, 80.0))

    chosen, change = changes(context, [(cold, sides[0]), (warm, sides[1])], cut=10, face=1)

    assert [shot.number for shot in chosen.faces.shots] == [1, 2]
    assert min(at(change, sides[0], number).max() for number in (5, 15)) > 12
    assert not any(at(change, sides[1], number).any() for number in range(COUNT))


def test_who_turns_away_is_changed_while_the_face_is_seen(people):
    """The one in the middle of three shows the back of the head from the tenth frame on."""
    context, (warm, cold, plain) = people
    places = [two_faces.still(x, 80) for x in (60, 160, 260)]
    away = np.full_like(plain, (92, 62, 44))
    shown = [
        (warm, places[0]), (cold, places[2]),
        (plain, lambda n: places[1](n) if n < 11 else None), (away, lambda n: places[1](n) if n >= 11 else None),
    ]  # fmt: skip

    chosen, change = changes(context, shown, face=2)

    assert (chosen.faces.shots[0].count, chosen.faces.shots[0].number) == (3, 2)
    assert at(change, places[1], 5).max() > 25
    assert not change[12:].any()
    assert not any(at(change, place, number).any() for place in (places[0], places[2]) for number in range(COUNT))
