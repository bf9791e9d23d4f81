"""Answers about the film: its facts, faces, spoken lines, cuts, and what the checks of a finished film found."""

from __future__ import annotations

from ..page_words import PageText
from .general_answers import Answer


class Clock(Answer):
    """What the labels of frames count by."""

    rate: tuple[int, int]
    drop: bool
    """Whether it is drop-frame."""
    start: int
    """The number of the first frame."""


class FilmFacts(Answer):
    """What the page needs of a film, once."""

    name: str
    path: str
    width: int
    height: int
    frames: int
    rate: tuple[int, int]
    first_s: float
    length_s: float
    times: list[float] | None
    """When each frame is shown, and the end; None if the rate says it."""
    slack_s: float
    """By how much a time may be too early for its frame: people write milliseconds, and containers round."""
    sound: bool
    codec: str
    playable: bool
    """Whether browsers play it as it is."""
    hdr: bool
    version: str
    """A digest of the film's content."""


class ShownFace(Answer):
    """A face as the page outlines it; places are shares of the picture."""

    number: int
    left: float
    top: float
    right: float
    bottom: float
    frames: int
    """Frames of the shot in which it was detected."""


class Faces(Answer):
    """The faces that a frame shows, and how far their search is."""

    share: float
    problem: PageText
    shot: tuple[int, int] | None
    """The frames [start, end) of the shot within the searched part; None before the search."""
    faces: list[ShownFace]
    in_shot: int
    """The number of faces in the shot, those that this frame does not show included."""


class FacePath(Answer):
    """Where a face is in each frame, as shares (left, top, right, bottom); None where it is not known."""

    boxes: list[tuple[float, float, float, float] | None]
    still: tuple[float, float, float, float] | None
    """Where the face of the take was when it was made, in one of its frames; None if no step has looked for it."""


class LineWave(Answer):
    """The waveform of a new line."""

    peaks: list[int]
    per_s: int
    name: str
    seconds: float


class Cuts(Answer):
    """The frames in [start, end) that begin a shot."""

    start: int
    end: int
    cuts: list[int]


class Cue(Answer):
    """A spoken line."""

    start_s: float
    end_s: float
    text: str


class Marker(Answer):
    """A marker of the film or of its timeline."""

    frame: int
    text: str


class Marks(Answer):
    """What lies on the timeline besides edits."""

    cues: list[Cue]
    markers: list[Marker]
    problem: PageText
    """Why there may be others that are not shown, as a run of the job says it; empty if nothing is wrong."""


class Check(Answer):
    """A check of a finished film."""

    text: PageText
    passed: bool


class Seam(Answer):
    """The seams of one edit of a finished film, in plain words."""

    name: str
    text: str
    frames: tuple[int, int] | None
    passed: bool


class FilmChecks(Answer):
    """What the checks of a finished film found."""

    checks: list[Check]
    seams: list[Seam]
