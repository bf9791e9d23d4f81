"""List the faces of a segment for the user: numbers, sizes, who speaks, and a sheet of thumbnails."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..core.edits.face_choice import FaceOptions
from ..core.errors import InputMediaError
from ..core.nodes.node import NodeContext
from ..core.values import Segment
from ..engine import available
from ..engine.arrays import Curve, Image
from ..engine.detect.people import ShotPeople, face_box, people_in_shots
from ..engine.geometry.head_frame import FaceFrame
from ..media.frames.decode import images
from ..media.probe import require_video
from ..providers.local import detect_faces_cached, edited_frames
from .choose import choose_faces
from .kept_choice import kept_index
from .resolve import FaceRequest, voice_loudness

_THUMBNAIL_PX, _LABEL_PX, _GAP_PX = 168, 34, 8
_PAPER, _INK, _GREY = (251, 250, 248), (28, 27, 26), (104, 100, 95)


@dataclass(frozen=True)
class ListedFace:
    """One face of a shot, as `react1 faces` shows it."""

    number: int
    frames_seen: int
    """Frames of the shot and the span in which it was detected."""
    frame: int
    """A frame of the film in which it is seen."""
    at: tuple[float, float]
    """Its middle in that frame, as shares of the picture."""
    box: tuple[float, float, float, float]
    """Left, top, right, bottom in that frame, as shares of the picture."""
    height_px: float
    eyes_px: float
    """Median distance between the eyes, px of the clip that is sent."""
    yaw_deg: float
    """Median turn of the head."""
    speaks: bool
    """Whether it is the one that moves with the voice."""
    chosen: bool
    """Whether the edit changes it."""


@dataclass(frozen=True)
class ListedShot:
    """The faces of one shot of a segment; frames [start, end) of the film."""

    shot: int
    start_frame: int
    end_frame: int
    faces: tuple[ListedFace, ...]


@dataclass(frozen=True)
class ListedSegment:
    """The faces of a segment."""

    name: str
    start_frame: int
    end_frame: int
    shots: tuple[ListedShot, ...]
    problem: str = ""
    """Why the face that the edit names cannot be chosen, or empty."""
    notes: tuple[str, ...] = ()
    """Numbers that mean another face than they did in an earlier run, whose choice stays."""

    def to_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return asdict(self)


def list_faces(
    context: NodeContext,
    segment: Segment,
    defaults: FaceOptions | None = None,
    stored_choice: Callable[[Segment], Segment | None] = lambda _: None,
) -> ListedSegment:
    """Return the faces of a prepared segment, with the one that its edit changes.

    A run that has chosen a face keeps it, also when a later version finds others and gives them other numbers:
    that one is listed as chosen, and a number that it had is said to be taken.

    Args:
        context: has the segment's clip.
        segment: the segment.
        defaults: the parameters of the step that chooses the face; they count where the edit says nothing.
        stored_choice: returns the segment with the faces that an earlier run has chosen for its edit, if one has.

    Raises:
        MissingExtra: the extra `local` is not installed.
        InputMediaError: the clip cannot be read.
    """
    available.require()
    detections = detect_faces_cached(context, segment.media.file, context.progress)
    video, span = require_video(segment.media), edited_frames(segment)
    shots = people_in_shots(detections, span, video.rate)
    loudness = voice_loudness(context, segment, len(detections.frames), video.rate)
    choice = stored_choice(segment)
    if choice is not None and choice.faces is not None:
        chosen, problem = [kept_index(choice, place, shot) for place, shot in enumerate(shots)], ""
    else:
        chosen, problem = _chosen(segment, defaults or FaceOptions(), shots, loudness, video.rate)
    listed = []
    for number, (shot, index) in enumerate(zip(shots, chosen, strict=True), 1):
        first, last = max(shot.shot[0], span[0]), min(shot.shot[1], span[1])
        speaker = shot.speaker(loudness, video.rate)
        faces = tuple(
            replace(_describe(segment, shot, at, (first, last)), speaks=at == speaker, chosen=at == index)
            for at in range(len(shot.people))
        )
        listed.append(ListedShot(number, segment.frames[first], segment.frames[last - 1] + 1, faces))
    notes = _taken_numbers(segment, shots, tuple(listed), stored_choice)
    return ListedSegment(segment.name, segment.start_frame, segment.end_frame, tuple(listed), problem, notes)


def _taken_numbers(
    segment: Segment,
    shots: Sequence[ShotPeople],
    listed: Sequence[ListedShot],
    stored_choice: Callable[[Segment], Segment | None],
) -> tuple[str, ...]:
    """Return a note for each number of the first shot by which an earlier run has chosen who has another number now."""
    notes = []
    for face in listed[0].faces if listed else ():
        edit = segment.edit.model_copy(update={"face": face.number, "faces": None})
        choice = stored_choice(segment.model_copy(update={"edit": edit}))
        index = face.number - 1 if choice is None or choice.faces is None else kept_index(choice, 0, shots[0])
        if index != face.number - 1:
            now = f"the one who is {index + 1} now" if index is not None else "one who is not found any more"
            point = f"{face.at[0]:.2f},{face.at[1]:.2f}@{face.frame}f"
            notes.append(
                f"a run has chosen by `face: {face.number}` when faces had other numbers, and keeps {now}; "
                f"name the one who is {face.number} now by a point: {point}"
            )
    return tuple(notes)


def _chosen(
    segment: Segment, defaults: FaceOptions, shots: Sequence[ShotPeople], loudness: Curve | None, fps: Fraction
) -> tuple[list[int | None], str]:
    request = FaceRequest.of(segment, defaults, host_chooses=None)
    try:
        chosen = choose_faces(
            segment,
            shots,
            request.options,
            detect_speaker=request.detect_speaker,
            loudness=loudness,
            fps=fps,
        )
    except InputMediaError as error:
        return [None] * len(shots), error.message
    return [choice.index for choice in chosen], ""


def _describe(segment: Segment, shot: ShotPeople, index: int, span: tuple[int, int]) -> ListedFace:
    video, person = require_video(segment.media), shot.people[index]
    shown = sorted(frame for frame in person.points if span[0] <= frame < span[1])
    frame = shot.frame_of(index, shown)
    left, top, right, bottom = face_box(person, frame)
    heads = [FaceFrame(person.points[number]) for number in shown]
    heights = [box[3] - box[1] for box in (face_box(person, number) for number in shown)]
    across, down = video.width_px, video.height_px
    return ListedFace(
        number=index + 1,
        frames_seen=len(shown),
        frame=segment.frames[frame],
        at=(round((left + right) / 2 / across, 3), round((top + bottom) / 2 / down, 3)),
        box=(round(left / across, 3), round(top / down, 3), round(right / across, 3), round(bottom / down, 3)),
        height_px=round(float(np.median(heights)), 1),
        eyes_px=round(float(np.median([head.unit_px for head in heads])), 1),
        yaw_deg=round(float(np.median([head.yaw_deg for head in heads])), 1),
        speaks=False,
        chosen=False,
    )


def face_lines(listed: ListedSegment) -> list[str]:
    """Return the listing of a segment as lines."""
    lines = []
    for shot in listed.shots:
        lines.append(f"{listed.name} shot {shot.shot}, frames {shot.start_frame} to {shot.end_frame - 1}")
        for face in shot.faces:
            mark = "*" if face.chosen else " "
            words = ", speaks" if face.speaks else ""
            lines.append(
                f"  {mark}{face.number}  at {face.at[0]:.2f},{face.at[1]:.2f}@{face.frame}f, {face.frames_seen} of "
                f"{shot.end_frame - shot.start_frame} frames, {face.height_px:.0f} px high, {face.eyes_px:.0f} px "
                f"between the eyes, yaw {face.yaw_deg:+.0f}°{words}"
            )
        if not shot.faces:
            lines.append("   no face")
    return [*lines, *(f"  note: {note}" for note in (listed.problem, *listed.notes) if note)]


def face_sheet(listed: Sequence[ListedSegment], picture_of: Callable[[ListedSegment, int], Image]) -> bytes:
    """Draw the thumbnails of all faces as a PNG, one row per shot.

    Args:
        listed: the faces.
        picture_of: returns the picture of a segment at a frame of the film, `(height, width, 3) uint8 RGB`.
    """
    from PIL import Image as Pictures
    from PIL import ImageDraw, ImageFont

    rows = [(segment, shot) for segment in listed for shot in segment.shots]
    columns = max((len(shot.faces) for _, shot in rows), default=1)
    step = _THUMBNAIL_PX + _GAP_PX
    size = (_GAP_PX + max(2, columns) * step, _GAP_PX + max(1, len(rows)) * (step + 2 * _LABEL_PX))
    sheet = Pictures.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for row, (segment, shot) in enumerate(rows):
        y = _GAP_PX + row * (step + 2 * _LABEL_PX)
        title = f"{segment.name} shot {shot.shot}, frames {shot.start_frame} to {shot.end_frame - 1}"
        draw.text((_GAP_PX, y), title if shot.faces else f"{title}: no face", _INK, font)
        for column, face in enumerate(shot.faces):
            x, top = _GAP_PX + column * step, y + _LABEL_PX // 2 + 4
            thumbnail = Pictures.fromarray(_head(picture_of(segment, face.frame), face))
            sheet.paste(thumbnail.resize((_THUMBNAIL_PX, _THUMBNAIL_PX)), (x, top))
            if face.chosen:
                draw.rectangle((x, top, x + _THUMBNAIL_PX - 1, top + _THUMBNAIL_PX - 1), outline=_INK, width=3)
            label = f"{face.number}{' (chosen)' if face.chosen else ''}{', speaks' if face.speaks else ''}"
            draw.text((x, top + _THUMBNAIL_PX + 2), label, _INK, font)
            draw.text((x, top + _THUMBNAIL_PX + 18), f"eyes {face.eyes_px:.0f} px, {face.yaw_deg:+.0f}°", _GREY, font)
    stream = io.BytesIO()
    sheet.save(stream, "PNG")
    return stream.getvalue()


def _head(picture: Image, face: ListedFace) -> Image:
    """Cut a square around a face, inside the picture."""
    height, width = picture.shape[:2]
    left, top, right, bottom = face.box
    side = min(height, width, max(8, round(1.6 * (bottom - top) * height)))
    x = min(max(0, round((left + right) / 2 * width - side / 2)), width - side)
    y = min(max(0, round((top + bottom) / 2 * height - side / 2)), height - side)
    return np.ascontiguousarray(picture[y : y + side, x : x + side])


def clip_picture(context: NodeContext, segment: Segment, frame: int) -> Image:
    """Return the picture of a prepared segment at a frame of the film."""
    at = segment.frames.index(frame)
    ((_, picture),) = images(Path(context.path(segment.media.file)), require_video(segment.media), at, at + 1)
    return picture
