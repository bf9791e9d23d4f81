"""The left of two people is changed and the right one is not touched: by the engine's choice, and by a crop."""

from __future__ import annotations

import numpy as np
import pytest
import two_faces
from takes import segment

from react1.nodes.conform import Conform, ConformParams
from react1.nodes.face import Face, FaceParams
from react1.nodes.transcode import Transcode, TranscodeParams
from react1.nodes.upload import UploadParams, UploadSegment
from react1.pipeline.config.presets.shipped import find_file
from react1.pipeline.core.edits.choices import resolve_choices
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.core.values import Take
from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.media.probe import probe
from react1.pipeline.providers.local import render_take
from react1.pipeline.splicing.pictures.planes import frame_planes
from react1.testing import FolderContext

pytestmark = pytest.mark.slow

COUNT, SIZE, MIDDLE = 10, (480, 216), 240
EXPRESSION = {"prompt": "surprised", "temperature": 1.0}


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A clip of two people, detected once: a context and the segment as it is sent."""
    pytest.importorskip("skimage")
    pytest.importorskip("ai_edge_litert", reason="the local engine is not installed")
    context = FolderContext(tmp_path_factory.mktemp("two"))
    people = [
        (two_faces.portrait("warm", height=150), two_faces.still(125, 108)),
        (two_faces.portrait("cold", mirrored=True, height=150), two_faces.still(350, 108)),
    ]
    path = two_faces.write_people(context.temp_path("two.mp4"), people, size=SIZE, frames=COUNT)
    file = context.store(path)
    film = probe(context.path(file), file)
    return context, Transcode().run(context, TranscodeParams(), segment(film, 0, COUNT))


def with_edit(placed, **fields):
    return placed.model_copy(update={"edit": placed.edit.model_copy(update={**EXPRESSION, **fields})})


def looked(two, host_chooses=None, **fields):
    context, placed = two
    return Face().run(context, FaceParams(host_chooses=host_chooses), with_edit(placed, **fields))


def taken(context, placed):
    upload = UploadSegment().run(context, UploadParams(), placed)
    return render_take(context, upload, resolve_choices(placed.edit))


def change(context, take):
    """Conform a take, and return the difference to the film, `(frames, height, width)`, of all planes that matter."""
    result = Conform().run(context, ConformParams(), take)
    source, new = (
        np.stack([frame_planes(frame)[0] for frame in decode_frames(context.path(media.file))]).astype(int)
        for media in (take.segment.source, result.media)
    )
    return np.abs(new - source)


@pytest.mark.parametrize(("wish", "side"), [("left", 0), (2, 1)], ids=["left", "number 2"])
def test_the_chosen_one_of_two_is_changed_and_the_other_is_the_films_to_the_bit(two, wish, side):
    """By the local engine, in the whole picture."""
    placed = looked(two, face=wish)

    halves = change(two[0], taken(two[0], placed))[:, :, :MIDDLE], change(two[0], taken(two[0], placed))[:, :, MIDDLE:]

    assert placed.crop is None and placed.faces is not None and placed.faces.shots[0].number == side + 1
    assert halves[side].max() > 60
    assert not halves[1 - side].any()


def test_a_host_that_cannot_choose_gets_a_crop_of_one_face(two):
    """The change comes back into the film at its place, the other person stays to the bit; the report says why."""
    context = two[0]
    placed = looked(two, face="right", host_chooses=False)

    video = placed.media.video
    assert (video.width_px, video.height_px, video.frame_count) == (720, 720, COUNT)
    assert placed.frames == two[1].frames
    assert any("the provider cannot be told which of several faces is meant" in note for note in placed.notes)
    changed = change(context, taken(context, placed))
    assert changed[:, :, MIDDLE:].max() > 60
    assert not changed[:, :, :MIDDLE].any()
    untouched = Take(segment=placed, media=placed.media, provider="segmind", request={})
    with pytest.raises(InputMediaError, match="changes no frame by more than coding noise"):
        change(context, untouched)


def test_a_host_that_can_choose_needs_no_crop(two):
    """`crop: on` sends one anyway, `off` never does."""
    assert looked(two, face="right", host_chooses=True).crop is None
    assert looked(two, face="right", host_chooses=False, crop="off").crop is None
    assert looked(two, face="left", host_chooses=True, crop="on").crop is not None


def test_without_a_named_face_the_largest_is_taken_and_that_is_said(two):
    """With the numbers of the others; the host is then left to its own rule, without a crop."""
    placed = looked(two, host_chooses=False)

    assert placed.crop is None and placed.faces is not None and not placed.faces.named
    assert any("several people: face " in note and "for another set face:" in note for note in placed.notes)


def test_the_speaker_of_the_step_that_renders_is_looked_for(two, tmp_path):
    """Where no face is named; an edit that names one, or says that the speaker is not meant, comes first."""
    from react1.pipeline.config.load import load_job
    from react1.pipeline.core.nodes.registry import load_registry
    from react1.pipeline.runner.external_inputs import resolve_providers

    context, placed = two
    preset = find_file("emotion-edit", tmp_path)[0].read_text()
    speaking = tmp_path / "speaking.yaml"
    speaking.write_text(preset.replace("- react1:\n", "- react1: {auto_active_speaker_detection: true}\n"))
    job = load_job(
        str(speaking), registry=load_registry(), sets={"source": "film.mp4"}, provider="local", edits=["1-2:sad"],
        base=tmp_path,
    )  # fmt: skip
    params = next(step.params for step in resolve_providers(job).steps if isinstance(step.params, FaceParams))

    def rule(params, **fields):
        return Face().run(context, params, with_edit(placed, **fields)).faces.shots[0].rule

    assert rule(params) == "the largest, because there is no voice"
    assert rule(FaceParams()) == rule(params, auto_active_speaker_detection=False) == "largest"
    assert rule(params, face="right") == "right"
    left = FaceParams(face="left")
    assert (rule(left), rule(left, auto_active_speaker_detection=True)) == ("left", rule(params))


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"face": 3}, "there is no face 3"), ({"face": "0.5,0.98@2f"}, "no face at 0.5,0.98@2f")],
)
def test_a_face_that_does_not_exist_is_refused_before_anything_is_sent(two, fields, message):
    """With those that there are."""
    from react1.pipeline.core.edits.edit import Edit

    face = Edit.model_validate({"in": "0f", "out": "1f", **fields}).face
    with pytest.raises(InputMediaError, match=message):
        looked(two, face=face)
