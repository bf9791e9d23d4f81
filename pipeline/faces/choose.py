"""Choose the face that is changed in each shot of a segment, by what the edit asks for.

The chosen faces are points of the clip at which they are seen, so that the local engine and a provider follow the same
one. Everything is checked here, before anything is paid: numbers and points that do not exist, faces that are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..core.edits.face_choice import ChosenFaces, FaceChoice, FaceOptions, FacePoint, ShotFace
from ..core.errors import InputMediaError
from ..core.values import Segment
from ..engine.arrays import Curve
from ..engine.detect.people import ShotPeople, face_box, find_again
from ..engine.detect.track import Track, fill_gaps
from ..engine.geometry.head_frame import FaceFrame
from ..media.timing.clock import frame_at
from .kept_choice import BY_NUMBER

MISSING_REMARK, MISSING_MOST = 0.1, 0.5
"""Shares of the span without the chosen face: above the first a remark, above the second the span is refused."""
LIST_HINT = "`react1 faces` shows them"


@dataclass(frozen=True, eq=False)
class ShotChoice:
    """The people of a shot, and who of them is changed."""

    people: ShotPeople
    index: int | None
    rule: str

    @property
    def person(self) -> Track | None:
        """The chosen person, or None."""
        return None if self.index is None else self.people.people[self.index]


@dataclass(frozen=True)
class _Wish:
    """What is asked for, with the places of its frames in the clip."""

    segment: Segment
    options: FaceOptions
    detect_speaker: bool
    size_px: tuple[int, int]

    def of_shot(self, number: int) -> FaceChoice:
        """Return the face that is asked for in a shot, by its number from 1."""
        own = (self.options.faces or {}).get(number, self.options.face)
        return own if own is not None else "speaker" if self.detect_speaker else "largest"

    def where(self) -> str:
        return f"segment {self.segment.name}"

    def clip_frame(self, point: FacePoint) -> int:
        """Return the frame of the clip that shows the frame of a point.

        Raises:
            InputMediaError: the frame lies outside the segment.
        """
        frame = frame_at(self.segment.source, point.frame)
        if not self.segment.first_frame <= frame < self.segment.last_frame:
            raise InputMediaError(
                f"{self.where()}: the point {point} lies outside of frames {self.segment.first_frame} to "
                f"{self.segment.last_frame - 1}; give a frame of the span"
            )
        return int(np.abs(np.array(self.segment.frames) - frame).argmin())


def choose_faces(
    segment: Segment,
    shots: Sequence[ShotPeople],
    options: FaceOptions,
    *,
    detect_speaker: bool,
    loudness: Curve | None,
    fps: Fraction,
) -> list[ShotChoice]:
    """Return who is changed in each shot of a segment.

    A number or a point belongs to one shot; in the others the same person is looked for. A shot that shows nobody has
    no face to change.

    Args:
        segment: the segment; its `media` is the clip in which the people were found.
        shots: the people of each shot that overlaps the span.
        options: what the edit, or else the step, asks for.
        detect_speaker: whether the speaker is preferred where no face is named.
        loudness: of the voice, at each frame of the clip; None without a voice.
        fps: frames per second of the clip.

    Raises:
        InputMediaError: there is no such face; the message lists those that there are.
    """
    video = segment.media.video
    assert video is not None
    wish = _Wish(segment, options, detect_speaker, (video.width_px, video.height_px))
    unknown = sorted(number for number in options.faces or {} if number > len(shots))
    if unknown:
        raise InputMediaError(f"{wish.where()} has {len(shots)} shot(s), so there is no shot {unknown[0]} in `faces`")
    anchors = {
        number: _anchor(wish, wish.of_shot(number), number, shots, (options.faces or {}).get(number) is not None)
        for number in range(1, len(shots) + 1)
    }
    return [
        _choose(wish, number, shots[number - 1], anchors[number], loudness, fps) for number in range(1, len(shots) + 1)
    ]


_Anchor = tuple[int, Track] | None
"""The shot that a number or a point refers to, and the person there."""


def _anchor(wish: _Wish, choice: FaceChoice, number: int, shots: Sequence[ShotPeople], own: bool) -> _Anchor:
    """Resolve a number or a point to a person; without a value of the shot's own, a number counts in the first shot."""
    if isinstance(choice, FacePoint):
        frame = wish.clip_frame(choice)
        at = next((place for place, shot in enumerate(shots, 1) if shot.shot[0] <= frame < shot.shot[1]), None)
        if at is None:
            raise InputMediaError(f"{wish.where()}: the point {choice} lies in a shot outside of the span")
        if own and at != number:
            raise InputMediaError(f"{wish.where()}: the point {choice} of shot {number} lies in shot {at}")
        x_px, y_px = choice.at[0] * wish.size_px[0], choice.at[1] * wish.size_px[1]
        index = shots[at - 1].at(frame, x_px, y_px)
        if index is None:
            listed = list_people(shots[at - 1], wish.size_px, frame)
            raise InputMediaError(f"{wish.where()}: no face at {choice}; {listed}")
        return at, shots[at - 1].people[index]
    if isinstance(choice, int):
        at = number if own else 1
        people = shots[at - 1].people
        if choice > len(people):
            listed = list_people(shots[at - 1], wish.size_px)
            raise InputMediaError(f"{wish.where()}: there is no face {choice} in shot {at}; {listed}")
        return at, people[choice - 1]
    return None


def _choose(
    wish: _Wish, number: int, shot: ShotPeople, anchor: _Anchor, loudness: Curve | None, fps: Fraction
) -> ShotChoice:
    choice = wish.of_shot(number)
    if not shot.people:
        return ShotChoice(shot, None, str(choice))
    if anchor is not None:
        return _follow(wish, number, shot, choice, anchor)
    regular = shot.regular
    if choice == "left":
        return ShotChoice(shot, regular[0], _side_rule("left", shot, range(regular[0])))
    if choice == "right":
        return ShotChoice(shot, regular[-1], _side_rule("right", shot, range(regular[-1] + 1, len(shot.people))))
    if choice == "speaker" and len(regular) > 1:
        speaker = shot.speaker(loudness, fps)
        if speaker is not None:
            return ShotChoice(shot, speaker, "the one that moves with the voice")
        reason = "there is no voice" if loudness is None else "none clearly moves with the voice"
        return ShotChoice(shot, shot.largest(), f"the largest, because {reason}")
    return ShotChoice(shot, shot.largest(), "largest" if len(shot.people) > 1 else "the only one")


def _side_rule(side: str, shot: ShotPeople, farther: Iterable[int]) -> str:
    """Return the rule in words, naming the people farther to that side who are hardly seen."""
    first, last = shot.shot
    passed_over = [
        f"face {index + 1}, farther {side}, is seen in {len(shot.people[index].points)} of {last - first} frames"
        for index in farther
    ]
    return "; ".join([side, *passed_over])


def _follow(wish: _Wish, number: int, shot: ShotPeople, choice: FaceChoice, anchor: tuple[int, Track]) -> ShotChoice:
    at, person = anchor
    words = f"at {choice}" if isinstance(choice, FacePoint) else f"face {choice}"
    if at == number:
        index = next(place for place, other in enumerate(shot.people) if other is person)
        return ShotChoice(shot, index, "by its point" if isinstance(choice, FacePoint) else BY_NUMBER)
    again, likeness = find_again(person, shot.people)
    if again is None:
        raise InputMediaError(
            f"{wish.where()}: shot {number} has no face that is clearly {words} of shot {at} "
            f"(likeness {likeness:.2f}); "
            f"choose one for it, such as faces: {{shot {number}: left}}, or make one edit per shot"
        )
    return ShotChoice(shot, again, f"found again, likeness {likeness:.2f}")


def list_people(shot: ShotPeople, size_px: tuple[int, int], frame: int | None = None) -> str:
    """Return the people of a shot in words, with their places as shares of the picture."""
    if not shot.people:
        return "the shot shows no face"
    parts = []
    for number, person in enumerate(shot.people, 1):
        near = min(person.points, key=lambda seen: abs(seen - (frame if frame is not None else min(person.points))))
        left, top, right, bottom = face_box(person, near)
        parts.append(f"{number} at {(left + right) / 2 / size_px[0]:.2f},{(top + bottom) / 2 / size_px[1]:.2f}")
    return f"the shot shows {len(parts)} face(s): {', '.join(parts)} ({LIST_HINT})"


def describe_faces(
    segment: Segment, choices: Sequence[ShotChoice], span: tuple[int, int], fps: Fraction, *, named: bool
) -> ChosenFaces:
    """Return the chosen faces as a value; `span` are the frames [first, last) of the clip that may change."""
    return ChosenFaces(
        shots=tuple(_describe(segment, number, choice, span, fps) for number, choice in enumerate(choices, 1)),
        named=named,
    )


def _describe(segment: Segment, number: int, choice: ShotChoice, span: tuple[int, int], fps: Fraction) -> ShotFace:
    first, last = max(choice.people.shot[0], span[0]), min(choice.people.shot[1], span[1])
    frames = segment.frames
    place = {
        "shot": number,
        "start_frame": frames[first],
        "end_frame": frames[last - 1] + 1,
        "count": len(choice.people.people),
        "rule": choice.rule,
    }
    person = choice.person
    if person is None or choice.index is None:
        return ShotFace(number=0, **place)
    boxes = {frame: face_box(person, frame) for frame in person.points}
    shown = [frame for frame in boxes if first <= frame < last] or list(boxes)
    clip_frame = choice.people.frame_of(choice.index, shown)
    left, top, right, bottom = boxes[clip_frame]
    filled = fill_gaps([person.points.get(frame) for frame in range(*choice.people.shot)], float(fps))
    seen = sum(
        points is not None and first <= frame < last for frame, points in enumerate(filled, choice.people.shot[0])
    )
    return ShotFace(
        number=choice.index + 1,
        clip_frame=clip_frame,
        at_px=(round((left + right) / 2, 2), round((top + bottom) / 2, 2)),
        height_px=round(float(np.median([boxes[frame][3] - boxes[frame][1] for frame in shown])), 1),
        eyes_px=round(float(np.median([FaceFrame(person.points[frame]).unit_px for frame in shown])), 1),
        seen_frames=seen,
        **place,
    )


def check_seen(segment: Segment, faces: ChosenFaces, span: tuple[int, int], *, allow_missing: bool) -> tuple[str, ...]:
    """Return a remark if the chosen face is missing in more than a tenth of the span.

    Raises:
        InputMediaError: it is missing in more than half, and that is not allowed.
    """
    frames = span[1] - span[0]
    missing = frames - sum(shot.seen_frames for shot in faces.shots)
    share = missing / max(1, frames)
    text = f"the chosen face is not seen in {missing} of {frames} frames ({share:.0%})"
    if share > MISSING_MOST and not allow_missing:
        raise InputMediaError(
            f"segment {segment.name}: {text}; choose another face ({LIST_HINT}) or a shorter span, "
            "or set allow_missing_face: true"
        )
    return (f"{text}; they keep their expression",) if share > MISSING_REMARK else ()


def several_people_note(faces: ChosenFaces) -> tuple[str, ...]:
    """Return a note for a span with several people and no named face: who was taken, and how to choose another."""
    several = [shot for shot in faces.shots if shot.count > 1]
    if faces.named or not several:
        return ()
    numbers = range(1, several[0].count + 1)
    others = " or ".join(str(number) for number in numbers if number != several[0].number)
    return (f"several people: {faces.text}; for another set face: {others}, left or right ({LIST_HINT})",)
