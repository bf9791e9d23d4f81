"""Which face of a shot is changed, how it is sent, and how strongly the take is used: the options of an edit.

A face is written as a name (`left`), a number as `react1 faces` shows it (`2`), or a point of the picture at a frame:
`{at: [0.31, 0.42], frame: 320f}`, in one line `0.31,0.42@320f`.

What is known of the faces of a segment goes with it: which one is changed, and the crop in which it is sent. Positions
in the picture are px of the clip of the segment before it is cropped, upright, with square pixels; (0, 0) is the top
left corner of the top left pixel.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from ..errors import shorten
from ..times import Frames, Moment, Seconds, Time, order_key


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ShotFace(_Fact):
    """The face that is changed in one shot of a segment."""

    shot: int
    """The number of the shot in the segment, from 1."""
    start_frame: int
    """First frame of the film that belongs to the shot and to the edited span."""
    end_frame: int
    """The frame after the last one."""
    number: int
    """As `react1 faces` shows it, from 1; 0 if the shot has no such face."""
    count: int
    """The number of people in the shot."""
    rule: str
    """Why it is this face, such as `left` or `largest`."""
    clip_frame: int = 0
    """A frame of the clip in which the face is seen."""
    at_px: tuple[float, float] = (0.0, 0.0)
    """The middle of the face in that frame, in px of the clip that is sent."""
    height_px: float = 0.0
    """The median height of the face in the shot."""
    eyes_px: float = 0.0
    """The median distance between its eyes."""
    seen_frames: int = 0
    """Frames of the shot and the span in which it is seen."""

    def __str__(self) -> str:
        return f"face {self.number} of {self.count} ({self.rule})" if self.number else f"no face ({self.rule})"


class ChosenFaces(_Fact):
    """The face of each shot of a segment."""

    shots: tuple[ShotFace, ...]
    named: bool
    """Whether the user has named a face; else the provider's own rule applies."""

    @property
    def text(self) -> str:
        """The faces in words, such as `face 1 of 2 (left)`."""
        if len(self.shots) == 1:
            return str(self.shots[0])
        return "; ".join(f"shot {shot.shot}: {shot}" for shot in self.shots)


class CropPath(_Fact):
    """The crop in which a segment is sent: a square that follows the face.

    Column x of the picture lies at `(x - left) * scale` of the crop, and rows alike.
    """

    side_px: int
    """Width and height of what is sent."""
    picture_px: tuple[int, int]
    """(width, height) of the picture that it is cut from."""
    rows: tuple[tuple[float, float, float], ...]
    """Left, top and scale for each frame of the clip; the scale is px sent per px of the picture."""
    reason: str
    """Why a crop is sent, such as `the face is 60 px high, less than a fifth of the picture`."""

    @property
    def enlarges(self) -> float:
        """How much larger what is sent is than in the picture, at least 1; the middle of all frames."""
        return max(1.0, sorted(scale for _, _, scale in self.rows)[len(self.rows) // 2])

    @property
    def text(self) -> str:
        """The crop in words."""
        sides = sorted({round(self.side_px / scale) for _, _, scale in self.rows})
        cut = f"{sides[0]}" if len(sides) == 1 else f"{sides[0]} to {sides[-1]}"
        return f"a crop of {cut} px around the face is sent as {self.side_px}x{self.side_px}: {self.reason}"


FaceName = Literal["largest", "speaker", "left", "right"]
FACE_NAMES: tuple[str, ...] = get_args(FaceName)
CropMode = Literal["auto", "on", "off"]
FACE_FORMS = "largest, speaker, left, right, a number from 1, or a point such as 0.31,0.42@320f"
_POINT_TEXT = re.compile(r"(?a)\s*([01]?\.?\d*)\s*,\s*([01]?\.?\d*)\s*@\s*(.+?)\s*")
_SHOT_KEY = re.compile(r"(?a)shot[ -]?([1-9]\d{0,3})")

_Share = Annotated[float, Field(ge=0, le=1)]


class FacePoint(BaseModel):
    """A point of the picture at a frame of the film: the face there is meant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: tuple[_Share, _Share] = Field(description="right and down, as shares of the picture from its top left, 0 to 1")
    frame: Time = Field(description="a frame of the film at which the face is there, such as 320f")

    def __str__(self) -> str:
        return f"{self.at[0]:g},{self.at[1]:g}@{self.frame}"


def parse_face(value: Any) -> Any:
    """Return a number or the parts of a point that are written as text; other values unchanged."""
    if isinstance(value, (bool, float)):
        raise ValueError(f"{shorten(repr(value))} is not a face; write {FACE_FORMS}")
    if isinstance(value, int) and value < 1:
        raise ValueError(f"{value} is not the number of a face; numbers start at 1")
    if isinstance(value, Mapping):
        return _checked_point(value)
    if not isinstance(value, str):
        return value
    text = value.strip()
    if re.fullmatch(r"(?a)\d{1,4}", text):
        return parse_face(int(text))
    if match := _POINT_TEXT.fullmatch(text):
        try:
            at = [float(match[1]), float(match[2])]
        except ValueError:
            raise ValueError(f"{shorten(repr(text))} is not a point; write it as 0.31,0.42@320f") from None
        return _checked_point({"at": at, "frame": match[3]})
    if text not in FACE_NAMES:
        raise ValueError(f"{shorten(repr(text))} is not a face; write {FACE_FORMS}")
    return text


def _checked_point(value: Mapping[str, Any]) -> FacePoint:
    """Return the point of a mapping; one message says what is wrong with it, rather than one per kind of face."""
    try:
        return FacePoint.model_validate(dict(value))
    except ValidationError as failure:
        error = failure.errors(include_url=False)[0]
        where = ".".join(str(part) for part in error["loc"])
        raise ValueError(
            f"{where}: {error['msg'].removeprefix('Value error, ')}; a point is {{at: [0.31, 0.42], frame: 320f}}, "
            "with shares of the picture from 0 to 1"
        ) from None


FaceChoice = Annotated[FaceName | int | FacePoint, BeforeValidator(parse_face)]
"""A field for a face."""
FaceAxisValue = Annotated[FaceName | int, BeforeValidator(parse_face)]
"""A face that a matrix of takes may range over: a name or a number."""


def _parse_crop(value: Any) -> Any:
    """Accept true and false, as which some readers understand `on` and `off`."""
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


CropField = Annotated[CropMode, BeforeValidator(_parse_crop)]


def _parse_shots(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    parsed = {}
    for key, face in value.items():
        match = _SHOT_KEY.fullmatch(str(key))
        if match is None and not re.fullmatch(r"(?a)[1-9]\d{0,3}", str(key)):
            raise ValueError(f"{key!r} is not a shot of the span; write faces: {{shot 1: left, shot 2: 1}}")
        parsed[int(match[1] if match else key)] = face
    return parsed


ShotFaces = Annotated[dict[int, FaceChoice], BeforeValidator(_parse_shots)]
"""The face of each shot of a span, by the number of the shot in it, from 1."""


class FaceOptions(BaseModel):
    """Which face is changed, and how it is sent; each may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    face: FaceChoice | None = Field(
        default=None,
        description="the face that is changed: largest, speaker, left, right, its number in `react1 faces`, "
        "or a point {at: [0.31, 0.42], frame: 320f} (default largest)",
    )
    faces: ShotFaces | None = Field(
        default=None, description="the face of each shot, where a span has several: {shot 1: left, shot 2: 1}"
    )
    crop: CropField | None = Field(
        default=None,
        description="send a crop that follows the face: on, off, or auto: where the face is small, or the provider "
        "cannot be told which face is meant (default auto)",
    )
    allow_missing_face: bool | None = Field(
        default=None,
        description="accept a span that does not show the chosen face in more than half of its frames (default false)",
    )

    @property
    def names_a_face(self) -> bool:
        """Whether the user has chosen a face, rather than leaving it to the default."""
        return self.face is not None or bool(self.faces)


def _parse_strength(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected a number from 0 to 1, or points such as [[0f, 0], [12f, 1]]")
    if isinstance(value, (int, float)) and not 0 <= value <= 1:
        # An int may be larger than any float.
        number = f"{value:g}" if isinstance(value, float) else shorten(str(value))
        raise ValueError(f"{number} is not a strength; write a number from 0 to 1")
    if not isinstance(value, str):
        return value
    try:
        return _parse_strength(float(value))
    except ValueError as error:
        if "not a strength" in str(error):
            raise
        points = [part.rpartition(":") for part in value.split(",")]
    if not all(colon for _, colon, _ in points):
        raise ValueError(
            f"{shorten(repr(value))} is not a strength; write a number from 0 to 1, or points such as 0f:0,12f:1"
        )
    return [(at.strip(), strength.strip()) for at, _, strength in points]


class StrengthPoint(BaseModel):
    """One point of an envelope: a time from the start of the span, and the strength there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Time
    strength: _Share

    @model_validator(mode="before")
    @classmethod
    def _from_pair(cls, value: Any) -> Any:
        if isinstance(value, (list, tuple)) and len(value) == 2:
            return {"at": value[0], "strength": value[1]}
        return value


def _check_envelope(value: float | tuple[StrengthPoint, ...]) -> float | tuple[StrengthPoint, ...]:
    if isinstance(value, float):
        return value
    if not value:
        raise ValueError("an envelope needs at least one point, such as [0f, 1]")
    for point in value:
        if not isinstance(point.at, (Frames, Seconds)) or type(point.at) is not type(value[0].at):
            raise ValueError(
                f"{point.at}: an envelope counts from the start of the span, all in frames or all in seconds"
            )
    for before, after in pairwise(value):
        if order_key(after.at) <= order_key(before.at):
            raise ValueError(f"the points are not in order: {after.at} comes after {before.at}; sort them by time")
    return value


Strength = Annotated[
    _Share | tuple[StrengthPoint, ...],
    BeforeValidator(_parse_strength),
    AfterValidator(_check_envelope),
]
"""A field for the strength of a take: a number, or an envelope over the span; as text `0.5` or `0f:0,12f:1,75f:0.3`."""


def strength_curve(strength: Strength | None, times_s: Sequence[Fraction], first_frame: int) -> list[float]:
    """Return how much of a take is used in each frame, 0 to 1; 1 without a value.

    Between the points of an envelope the value is eased (3t² - 2t³); before the first and after the last it stays.

    Args:
        strength: of the edit.
        times_s: the start of each frame, in seconds from the start of the edit's span; negative for a handle.
        first_frame: the number of the first of them, counted from there, too.
    """
    if strength is None or isinstance(strength, float):
        return [1.0 if strength is None else strength] * len(times_s)
    points = [_position(point.at) for point in strength]
    values = [point.strength for point in strength]
    by_frame = isinstance(strength[0].at, Frames)
    places = [Fraction(first_frame + number) for number in range(len(times_s))] if by_frame else list(times_s)
    return [_eased(place, points, values) for place in places]


def _position(moment: Moment) -> Fraction:
    return Fraction(moment.count) if isinstance(moment, Frames) else Fraction(order_key(moment)[0])


def _eased(place: Fraction, points: Sequence[Fraction], values: Sequence[float]) -> float:
    after = bisect_right(points, place)
    if after == 0:
        return values[0]
    if after == len(points):
        return values[-1]
    share = float((place - points[after - 1]) / (points[after] - points[after - 1]))
    eased = share * share * (3 - 2 * share)
    return values[after - 1] + (values[after] - values[after - 1]) * eased
