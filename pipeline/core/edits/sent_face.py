"""What is known of the faces of a segment: which one is changed, and the crop in which it is sent.

Positions in the picture are px of the clip of the segment before it is cropped, upright, with square pixels; (0, 0) is
the top left corner of the top left pixel.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


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
    def text(self) -> str:
        """The crop in words."""
        sides = sorted({round(self.side_px / scale) for _, _, scale in self.rows})
        cut = f"{sides[0]}" if len(sides) == 1 else f"{sides[0]} to {sides[-1]}"
        return f"a crop of {cut} px around the face is sent as {self.side_px}x{self.side_px}: {self.reason}"
