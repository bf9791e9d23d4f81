"""Find the face of a segment that is changed, and decide whether a crop around it is sent.

Before a run, a few sampled frames of the film forecast the crop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median
from typing import Any

import numpy as np

from ..core.edits.choices import React1Choices, resolve_choices
from ..core.edits.face_choice import ChosenFaces, CropMode, CropPath, FaceOptions
from ..core.errors import InputMediaError
from ..core.nodes.node import NodeContext
from ..core.values import Segment
from ..engine import available
from ..engine.arrays import Curve
from ..engine.detect.people import face_box, people_in_shots
from ..media.probe import require_video
from ..preflight.clip_checks import SampledFace, Samples, sampled_faces
from ..providers.local import detect_faces_cached, edited_frames
from .choose import ShotChoice, check_seen, choose_faces, describe_faces, several_people_note
from .crop import (
    LEAST_EYES_PX,
    LEAST_LINES,
    PADDING,
    SMALL_SHARE,
    WORK_SHARE,
    FacePath,
    crop_side,
    follow,
    sent_side,
    write_crop,
)


@dataclass(frozen=True)
class FaceRequest:
    """What the edit, the step and the provider say about the face of a segment."""

    options: FaceOptions
    crop: CropMode
    host_chooses: bool | None
    """Whether the provider can be told which face is meant; None for the local engine, which follows any face."""
    detect_speaker: bool

    @classmethod
    def of(cls, segment: Segment, defaults: FaceOptions, *, host_chooses: bool | None) -> FaceRequest:
        """Return the request of a segment; the edit comes before the step's parameters."""
        edit = segment.edit
        values: dict[str, Any] = {}
        for name in FaceOptions.model_fields:
            own = getattr(edit, name)
            values[name] = own if own is not None else getattr(defaults, name)
        if edit.face is not None and edit.faces is None:
            values["faces"] = None
        if edit.auto_active_speaker_detection and not edit.names_a_face:  # the step's face is not meant
            values |= {"face": None, "faces": None}
        choices: React1Choices = resolve_choices(edit, defaults)
        options = FaceOptions(**values)
        return cls(options, options.crop or "auto", host_chooses, choices.auto_active_speaker_detection)

    @property
    def needs_telling(self) -> bool:
        """Whether the provider would not find the face by its own rule."""
        named = {self.options.face, *(self.options.faces or {}).values()} - {None}
        return bool(named) and named != {"speaker"}


def resolve_face(context: NodeContext, segment: Segment, request: FaceRequest) -> Segment:
    """Return a segment with its chosen faces, and with a crop in place of its clip if one is to be sent.

    Raises:
        InputMediaError: there is no such face, it is too small, missing too often, or the crop does not fit.
        MissingExtra: a face is named or a crop demanded, and the extra `local` is not installed.
    """
    if not _must_look(context, segment, request):
        return segment
    available.require()
    detections = detect_faces_cached(
        context, segment.media.file, lambda done: context.progress((1 - WORK_SHARE) * done)
    )
    fps, span = require_video(segment.media).rate, edited_frames(segment)
    shots = people_in_shots(detections, span, fps)
    if not any(shot.people for shot in shots):
        return _without_faces(segment, request)
    choices = choose_faces(
        segment,
        shots,
        request.options,
        detect_speaker=request.detect_speaker,
        loudness=voice_loudness(context, segment, len(detections.frames), fps) if _wants_speaker(request) else None,
        fps=fps,
    )
    named = request.options.names_a_face
    faces = describe_faces(segment, choices, span, fps, named=named)
    notes = several_people_note(faces)
    if named:
        allow_missing = bool(request.options.allow_missing_face)
        notes = (f"changed: {faces.text}", *check_seen(segment, faces, span, allow_missing=allow_missing))
    picture_height = require_video(segment.media).height_px
    reason = _crop_reason(
        request,
        is_one_of_several=any(shot.count > 1 for shot in faces.shots),
        face_height=max((shot.height_px for shot in faces.shots if shot.number), default=picture_height),
        picture_height=picture_height,
    )
    if reason:
        return _cropped(context, segment, choices, faces, notes, reason)
    return segment.model_copy(update={"faces": faces, "notes": (*segment.notes, *notes)})


def _wants_speaker(request: FaceRequest) -> bool:
    return request.detect_speaker or "speaker" in {request.options.face, *(request.options.faces or {}).values()}


def _must_look(context: NodeContext, segment: Segment, request: FaceRequest) -> bool:
    """Return whether every frame has to be searched: a few sampled ones may show that there is nothing to choose."""
    if request.options.names_a_face or request.crop == "on":
        return True
    if available.problem():
        return False
    if request.host_chooses is None:
        return True  # the engine needs them anyway, and reads them from the cache
    samples = _sampled_faces(context, segment)
    several = any(len(faces) > 1 for faces in samples)
    largest = [max(face.height for face in faces) for faces in samples if faces]
    is_small = bool(largest) and median(largest) < SMALL_SHARE * require_video(segment.source).shown_size_px[1]
    return several or (request.crop == "auto" and is_small)


def _without_faces(segment: Segment, request: FaceRequest) -> Segment:
    if request.options.names_a_face or request.crop == "on":
        raise InputMediaError(f"segment {segment.name}: no face is found in its frames, so none can be chosen")
    return segment  # the checks before payment, or the local engine, say what is wrong


def voice_loudness(context: NodeContext, segment: Segment, count: int, fps: Fraction) -> Curve | None:
    """Return the loudness of what the people of a segment say, at each frame of its clip; None without any sound.

    A new line of dialogue moves nobody's mouth yet: under it counts the first track of the film's own sound.
    """
    from ..engine.detect.speaker import loudness_per_frame
    from ..engine.voice.voice_features import VoiceAudio, read_audio
    from ..media.audio.voice import RATE_HZ, original_audio

    sound = None
    if segment.edit.audio is not None:
        own = original_audio(context, segment, 0)
        sound = None if own is None else VoiceAudio(own, RATE_HZ)
    elif segment.voice is not None:
        sound = read_audio(context.path(segment.voice))
    return loudness_per_frame(sound, count, fps)


def _crop_reason(
    request: FaceRequest, *, is_one_of_several: bool, face_height: float, picture_height: int, about: str = ""
) -> str:
    """Return why a crop is sent; empty if the whole picture is sent. Heights in px; `about` precedes the face's."""
    if request.crop == "off":
        return ""
    if request.crop == "on":
        return "crop is on"
    if request.needs_telling and request.host_chooses is False and is_one_of_several:
        return "the provider cannot be told which of several faces is meant"
    if face_height < SMALL_SHARE * picture_height:
        return f"the face is {about}{face_height:.0f} px high, less than a fifth of the picture's {picture_height}"
    return ""


def forecast_crop(context: NodeContext, segment: Segment, request: FaceRequest) -> tuple[str, ...]:
    """Return a line on the crop that a segment will be sent in; nothing if the whole picture is sent."""
    if request.crop == "off" or available.problem():
        return ()
    samples = [faces for faces in _sampled_faces(context, segment) if faces]
    if not samples:
        return ()
    shown_px = require_video(segment.source).shown_size_px
    height = median(_wanted_height(request, faces) for faces in samples)
    reason = _crop_reason(
        request,
        is_one_of_several=any(len(faces) > 1 for faces in samples),
        face_height=height,
        picture_height=shown_px[1],
        about="about ",
    )
    if not reason:
        return ()
    side = min(PADDING * height, *shown_px)
    sent = max(LEAST_LINES, int(np.ceil(side / 2)) * 2)
    return (f"a crop of about {side:.0f} px around the face will be sent as {sent}x{sent}: {reason}",)


def _sampled_faces(context: NodeContext, segment: Segment) -> Samples:
    source = segment.source
    return sampled_faces(context.path(source.file), source, segment.start_frame, segment.end_frame, context)


def _wanted_height(request: FaceRequest, faces: Sequence[SampledFace]) -> float:
    """Return the height of the face that is probably meant: the outermost one for left and right, else the largest."""
    left_to_right = sorted(faces, key=lambda face: face.x)
    face = request.options.face
    if face in ("left", "right"):
        return left_to_right[0 if face == "left" else -1].height
    if isinstance(face, int) and face <= len(left_to_right):
        return left_to_right[face - 1].height
    return max(sampled.height for sampled in faces)


def _cropped(
    context: NodeContext,
    segment: Segment,
    choices: Sequence[ShotChoice],
    faces: ChosenFaces,
    notes: Sequence[str],
    reason: str,
) -> Segment:
    path = plan_crop(segment, choices, faces, reason)
    media = write_crop(context, segment.media, path, choices)
    shots = tuple(
        shot.model_copy(update={"at_px": _to_crop(shot.at_px, path.rows[shot.clip_frame])}) for shot in faces.shots
    )
    return segment.model_copy(
        update={
            "media": media,
            "crop": path,
            "faces": faces.model_copy(update={"shots": shots}),
            "notes": (*segment.notes, *notes, path.text),
        }
    )


def _to_crop(at_px: tuple[float, float], row: tuple[float, float, float]) -> tuple[float, float]:
    left, top, scale = row
    return round((at_px[0] - left) * scale, 2), round((at_px[1] - top) * scale, 2)


def plan_crop(segment: Segment, choices: Sequence[ShotChoice], faces: ChosenFaces, reason: str) -> CropPath:
    """Return the crop of a segment.

    Raises:
        InputMediaError: the face is too small, or too large for a crop inside the picture.
    """
    video, where = require_video(segment.media), f"segment {segment.name}"
    picture_px = video.width_px, video.height_px
    eyes_px = min(shot.eyes_px for shot in faces.shots if shot.number)
    if eyes_px < LEAST_EYES_PX:
        raise InputMediaError(
            f"{where}: the face has {eyes_px:.0f} px between the eyes, and a crop of it needs {LEAST_EYES_PX:.0f}; "
            "choose a larger face, or a film of higher resolution"
        )
    paths = [_face_path(choice) for choice in choices]
    sides = [float(min(picture_px)) if path is None else crop_side(path, picture_px, where) for path in paths]
    side_px = sent_side(sides)
    rows: dict[int, tuple[float, float, float]] = {}
    for choice, path, side in zip(choices, paths, sides, strict=True):
        first, last = choice.people.shot
        middle = ((picture_px[0] - side) / 2, (picture_px[1] - side) / 2)
        corners = [middle] * (last - first) if path is None else follow(path, side, picture_px, float(video.rate))
        rows |= {first + at: (*corner, side_px / side) for at, corner in enumerate(corners)}
    return CropPath(side_px=side_px, picture_px=picture_px, rows=_every_row(rows, len(segment.frames)), reason=reason)


def _face_path(choice: ShotChoice) -> FacePath | None:
    person = choice.person
    if person is None:
        return None
    boxes = {number: face_box(person, number) for number in person.points}
    middles = [
        ((boxes[number][0] + boxes[number][2]) / 2, (boxes[number][1] + boxes[number][3]) / 2)
        if number in boxes
        else None
        for number in range(*choice.people.shot)
    ]
    return FacePath(tuple(middles), tuple(bottom - top for _, top, _, bottom in boxes.values()))


def _every_row(rows: Mapping[int, tuple[float, float, float]], count: int) -> tuple[tuple[float, float, float], ...]:
    """Return the rows of all frames of the clip; a frame of a shot outside the span has the nearest one's."""
    known = sorted(rows)
    return tuple(rows[min(known, key=lambda number: (abs(number - at), number))] for at in range(count))
