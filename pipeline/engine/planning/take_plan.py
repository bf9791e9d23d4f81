"""Plan a take between the two passes: select faces, lay out the output frames, and give each frame a pose.

The take's notes are what a user should know about its faces.

A weight says how strongly each output frame is re-expressed. The edit ramps in and out at the ends of the span, unless
it goes on there in another clip, and around frames in which the face is lost or covered. There is no ramp at a cut: the
next shot starts at full strength.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputMediaError
from ...core.times import frames_text
from ...media.timing.sync_modes import SyncPlan, output_span, plan_output
from ..arrays import LEAST_RAMP_S, Curve, Points, ramp_weights, span_weights
from ..detect.detect import Detections
from ..detect.face_selection import ShotFace, select_faces
from ..detect.speaker import loudness_per_frame
from ..frames.clip_frames import VideoFormat
from ..occlusion import texels
from ..occlusion.occlusion import KeepOcclusion, Mask
from ..pose.pose import Pose
from ..take_job import TakeJob
from ..voice.voice_features import VoiceAudio
from .animate import animate, driving_speech

COVERED = 0.85
"""A face whose lower part is covered by more than this share is left unchanged, with or without occlusion detection."""
PARTLY_COVERED, UNSURE_COVERED = 0.55, 0.20
"""With occlusion detection: above these shares the complete frame is left unchanged, not only what is covered."""
_OUTSIDE_SHARE = 0.5
"""The picture's edge, and nothing else, hides a face of which more than this share of what is hidden lies outside."""


@dataclass(frozen=True)
class WeakFrames:
    """Numbers of frames of the input's span that are not at full strength, by reason."""

    covered: int
    """Left unchanged because something covers the face."""
    outside: int
    """Left unchanged because the face is outside the picture, at least for the most part of its lower half."""
    masked: int
    """Re-expressed except where something covers the face."""
    cut_off: int
    """Re-expressed except where the edge of the picture cuts off the face."""
    faded: int
    """At less than half strength because the face is turned away or blurred."""


def frame_weights(
    shots: Sequence[ShotFace],
    shown: Sequence[int],
    take_span: tuple[int, int],
    span: tuple[int, int],
    count: int,
    video_format: VideoFormat,
    *,
    use_masks: bool,
    goes_on: tuple[bool, bool] = (False, False),
) -> tuple[Curve, WeakFrames]:
    """Return a weight, 0 to 1, for each output frame, and why input frames are weak.

    Args:
        shots: the shots with their faces.
        shown: which frame of the clip each output frame shows.
        take_span: the output frames [first, last) that may change.
        span: the same for the clip.
        count: number of frames of the clip.
        video_format: the format of the clip's pictures.
        use_masks: whether occlusion detection is on.
        goes_on: whether the edit goes on before and after the span, in other clips.
    """
    shot_of, has_face, covered = np.full(count, -1), np.zeros(count, bool), np.zeros(count, bool)
    quality, has_mask, is_outside = np.ones(count), np.zeros(count, bool), np.zeros(count, bool)
    fps = video_format.fps
    for number, shot in enumerate(shots):
        in_shot = slice(*shot.shot)
        shot_of[in_shot] = number
        has_face[in_shot] = [points is not None or frame in shot.flashes for frame, points in enumerate(shot.landmarks)]
        covered[in_shot] = covered_frames(shot, use_masks=use_masks)
        has_mask[in_shot] = [mask is not None for mask in shot.occlusion.masks]
        is_outside[in_shot] = _outside_frames(shot, video_format)
        quality[in_shot] = shot.visibility
    order = np.asarray(shown)
    weights = np.zeros(len(order))
    weights[slice(*take_span)] = span_weights(take_span[1] - take_span[0], fps, goes_on)
    weights *= quality[order]
    cuts = [0, *(np.flatnonzero(np.diff(shot_of[order])) + 1).tolist(), len(order)]
    active = (has_face & ~covered)[order]
    for first, last in pairwise(cuts):
        weights[first:last] *= ramp_weights(active[first:last], fps, to_ends=False)
    in_span = slice(*span)
    changed, masked = has_face & ~covered, has_face & ~covered & has_mask & use_masks
    frames = {
        "covered": has_face & covered & ~is_outside,
        "outside": has_face & covered & is_outside,
        "masked": masked & ~is_outside,
        "cut_off": masked & is_outside,
        "faded": changed & (quality < 0.5),
    }
    return weights, WeakFrames(**{name: int(which[in_span].sum()) for name, which in frames.items()})


def covered_frames(shot: ShotFace, *, use_masks: bool) -> NDArray[np.bool_]:
    """Return in which frames of a shot the face is covered so far that the frame is left unchanged."""
    covered = shot.occlusion.covered > COVERED
    if not use_masks:
        return covered
    partly: NDArray[np.bool_] = (
        covered | (shot.occlusion.covered > PARTLY_COVERED) | (shot.occlusion.uncertain > UNSURE_COVERED)
    )
    return partly


def _outside_frames(shot: ShotFace, video_format: VideoFormat) -> list[bool]:
    """Return in which frames of a shot most of what is hidden of the face lies outside the picture."""
    size = np.array([video_format.width, video_format.height])
    outside = []
    for points, mask in zip(shot.landmarks, shot.occlusion.masks, strict=True):
        hidden = None if points is None or mask is None else texels.positions(points)[mask]
        outside.append(hidden is not None and bool(((hidden < 0) | (hidden > size)).any(1).mean() > _OUTSIDE_SHARE))
    return outside


FACE_HINT = "choose a span that shows a face from the front, at least 30 px between the eyes"


_Item = TypeVar("_Item")
_Animate = Callable[[Sequence[Points | None], Curve], list[Pose | None]]


@dataclass(frozen=True)
class TakePlan:
    """What the second pass does."""

    layout: SyncPlan
    """Which input frame each output frame shows."""
    poses: tuple[Pose | None, ...]
    """One per output frame; None leaves the frame unchanged."""
    faces: tuple[Points | None, ...]
    """The landmarks of the selected face, one per input frame."""
    span: tuple[int, int]
    """Output frames [first, last) that may change."""
    frames_with_face: int
    notes: tuple[str, ...]
    masks: tuple[Mask | None, ...]
    """Per input frame, the texels of the face that are covered and stay unchanged; None for none."""


class NoFace(InputMediaError):
    """No face is found where one is to be changed, or it can be changed in no frame; `details` says why."""

    def __init__(self, where: str, details: str, problem: str = "no face found") -> None:
        super().__init__(f"{problem} in {where}{details}; {FACE_HINT}")
        self.details = details
        self.problem = problem


def plan_take(
    detections: Detections,
    video_format: VideoFormat,
    sound: VoiceAudio | None,
    job: TakeJob,
    name: str,
    *,
    clip_sound: VoiceAudio | None = None,
    keep_occlusion: KeepOcclusion | None = None,
) -> TakePlan:
    """Decide everything about a take except its pixels.

    Args:
        detections: the result of the first pass.
        video_format: the format of the clip's pictures.
        sound: the voice of the take, from the file that `job` names.
        job: what is asked for; its file is not written.
        name: the clip's name, for messages.
        clip_sound: the clip's own sound, by which its speaker is recognized; without it by `sound`, unless that is
            said not to be the clip's own.
        keep_occlusion: stores what covers a face between takes of the clip; None finds it.

    Raises:
        NoFace: no face is found in the span, or none of its frames can be changed.
        InputMediaError: the clip has no frames, or the span lies outside them.
    """
    count, fps, choices = len(detections.frames), video_format.fps, job.choices
    first, last = _checked_span(job.span, count, name)
    layout = plan_output(choices.sync_mode, count, sound.count if sound else None, sound.rate if sound else 0, fps)
    take_span = output_span(choices.sync_mode, (first, last), count, len(layout.frames))
    detect_speaker = choices.auto_active_speaker_detection
    speaker_sound = clip_sound or (None if job.own_voice is False else sound)
    loudness = loudness_per_frame(speaker_sound, count, fps) if detect_speaker else None
    shots = select_faces(detections, (first, last), loudness, fps, detect_speaker, job.aims, keep_occlusion)
    _require_face(shots, detections, (first, last))
    _require_frames(take_span, first)
    use_masks = choices.occlusion_detection_enabled
    weights, weak = frame_weights(
        shots, layout.frames, take_span, (first, last), count, video_format, use_masks=use_masks, goes_on=job.goes_on
    )
    _require_weight(weights, weak, (first, last))
    notes = take_notes(detections, shots, (first, last), weak) + short_span_notes(take_span, fps, job.goes_on)
    faces = _per_clip_frame([shot.landmarks for shot in shots], shots, count)
    speech = None
    if sound is not None:
        in_shots = [shot.shot for shot in shots]
        speech = driving_speech(sound, layout, faces, fps, job.own_voice, notes, shots=in_shots, resync=job.resync)

    def animate_shot(shot_faces: Sequence[Points | None], shot_weights: Curve) -> list[Pose | None]:
        return animate(shot_faces, layout, shot_weights, speech, choices, fps, job.enlarged)

    masks = _per_clip_frame([shot.occlusion.masks for shot in shots], shots, count) if use_masks else [None] * count
    poses = tuple(_poses(shots, layout, weights, animate_shot, count))
    with_face = sum(first <= number < last for shot in shots for number in shot.detected_frames)
    return TakePlan(layout, poses, tuple(faces), take_span, with_face, tuple(notes), tuple(masks))


def _checked_span(span: tuple[int, int] | None, count: int, name: str) -> tuple[int, int]:
    if count == 0:
        raise InputMediaError(f"{name} has no frames that can be decoded; give an H.264 mp4")
    first, last = span if span is not None else (0, count)
    if not 0 <= first < last <= count:
        raise InputMediaError(
            f"span {first} to {last} is outside the {count} frames of {name}; give one within 0 to {count}"
        )
    return first, last


def _require_face(shots: Sequence[ShotFace], detections: Detections, span: tuple[int, int]) -> None:
    if all(shot.chosen is None for shot in shots):
        raise NoFace(f"{frames_text(*span)} of the clip", no_face_details(detections, span))


def _require_weight(weights: Curve, weak: WeakFrames, span: tuple[int, int]) -> None:
    if not weights.any():
        raise NoFace(f"{frames_text(*span)} of the clip", weak_details(weak), "no face that can be changed")


def _require_frames(take_span: tuple[int, int], first: int) -> None:
    if take_span[0] == take_span[1]:
        raise InputMediaError(
            f"the voice is too short: no frame of the take shows the span, which begins at frame {first} of the clip; "
            "set sync_mode: silence, or give a longer voice"
        )


def _per_clip_frame(
    rows: Sequence[Sequence[_Item | None]], shots: Sequence[ShotFace], count: int
) -> list[_Item | None]:
    """Map values per frame of each shot to the frames of the clip; None outside the shots."""
    per_frame: list[_Item | None] = [None] * count
    for row, shot in zip(rows, shots, strict=True):
        per_frame[shot.shot[0] : shot.shot[1]] = row
    return per_frame


def _poses(
    shots: Sequence[ShotFace], layout: SyncPlan, weights: Curve, animate_shot: _Animate, count: int
) -> list[Pose | None]:
    """Animate each shot by itself: the resting shape of the mouth and the head motion end at a cut."""
    poses: list[Pose | None] = [None] * len(layout.frames)
    for shot in shots:
        if shot.chosen is None:
            continue
        in_shot = np.array([shot.shot[0] <= shown < shot.shot[1] for shown in layout.frames])
        shot_poses = animate_shot(_per_clip_frame([shot.landmarks], [shot], count), np.where(in_shot, weights, 0.0))
        poses = [new or pose for new, pose in zip(shot_poses, poses, strict=True)]
    return poses


_MOST_SHOTS = 6
"""This many shots are listed one by one."""
_FULL_STRENGTH = 0.9
"""An expression that stays below this share of its strength is reported."""


def take_notes(detections: Detections, shots: Sequence[ShotFace], span: tuple[int, int], weak: WeakFrames) -> list[str]:
    """Return the notes for the frames [first, last) of the clip that may change."""
    notes = _shot_notes(shots, span) if len(shots) > 1 else _selection_notes(shots[0])
    first, last = span
    missing = sum(first <= number < last for shot in shots for number in _frames_without_face(shot))
    if missing:
        notes.append(f"no face in {missing} of {last - first} frames; these frames keep their expression")
    if weak.covered:
        notes.append(f"the face is covered in {_frames(weak.covered)}; these frames keep their expression")
    if weak.outside:
        notes.append(f"the face leaves the picture in {_frames(weak.outside)}; these frames keep their expression")
    if weak.masked:
        notes.append(f"part of the face is covered in {_frames(weak.masked)}; the covered part is unchanged")
    if weak.cut_off:
        notes.append(f"the edge of the picture cuts off the face in {_frames(weak.cut_off)}; the rest of it is changed")
    if weak.faded:
        notes.append(f"the head is turned away or blurred in {_frames(weak.faded)}; the expression fades out there")
    return notes


def short_span_notes(span: tuple[int, int], fps: Fraction, goes_on: tuple[bool, bool] = (False, False)) -> list[str]:
    """Return a note if the frames [first, last) of the take are too few for the full expression."""
    frames = span[1] - span[0]
    share = float(span_weights(frames, fps, goes_on).max())
    if share >= _FULL_STRENGTH:
        return []
    enough = math.ceil(2 * LEAST_RAMP_S * fps)
    return [f"in {_frames(frames)} the expression reaches {share:.0%} of its strength; use {enough} frames or more"]


def no_face_details(detections: Detections, span: tuple[int, int]) -> str:
    """Return what was detected in a span without a usable face, as a suffix for the message that names its frames."""
    in_span = detections.frames[slice(*span)]
    unconfirmed = sum(bool(frame.faces) for frame in in_span)
    unusable = sum(bool(frame.boxes) and not frame.faces for frame in in_span)
    if unusable:
        return f" (in {unusable} of them a possible face is too small, too dark or turned too far)"
    if unconfirmed:
        candidates = f"candidates in {_frames(unconfirmed)}"
        return f" ({candidates} are not seen by the second detector, or seen for too short a time)"
    return ""


def weak_details(weak: WeakFrames) -> str:
    """Return why the frames of a face are not changed, as a suffix for the message that names them."""
    reasons = [
        f"the head is turned away or blurred in {_frames(weak.faded)}" if weak.faded else "",
        f"the face is covered in {_frames(weak.covered)}" if weak.covered else "",
        f"the face leaves the picture in {_frames(weak.outside)}" if weak.outside else "",
    ]
    listed = ", ".join(reason for reason in reasons if reason)
    return f" ({listed})" if listed else ""


def _frames_without_face(shot: ShotFace) -> list[int]:
    """Return the frames of the clip without a face; a face that is lost for a moment is interpolated."""
    return [shot.shot[0] + offset for offset, points in enumerate(shot.landmarks) if points is None]


def _selection_notes(shot: ShotFace) -> list[str]:
    if shot.chosen is None or shot.chosen.is_aimed or not shot.chosen.reason:
        return []
    return [f"re-expressed face: {shot.chosen.reason}"]


def _shot_notes(shots: Sequence[ShotFace], span: tuple[int, int]) -> list[str]:
    lines = []
    for number, shot in enumerate(shots[:_MOST_SHOTS], 1):
        first, last = max(shot.shot[0], span[0]), min(shot.shot[1], span[1])
        face = "no face" if shot.chosen is None else shot.chosen.reason or "its only face"
        lines.append(f"shot {number}, {frames_text(first, last)}: {face}")
    more = shots[_MOST_SHOTS:]
    if more:
        lines.append(f"{len(more)} more shots, {sum(shot.chosen is None for shot in more)} of them without a face")
    return [f"{len(shots)} shots, each with its own face (frame numbers of the clip): {'; '.join(lines)}"]


def _frames(count: int) -> str:
    return f"{count} frame" if count == 1 else f"{count} frames"
