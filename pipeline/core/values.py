"""Exact numbers: `Fraction` in memory, "num/den" in JSON, never a float in between.

What flows on the wires: small frozen values that survive a trip through JSON.

A value never holds bytes or a local path: files are named by the digest of their content, and a `NodeContext`
(node.py) turns a `File` into a path where the work is done. A segment remembers its source and its place.

What goes back to an editing system: clips, and the timelines on which they lie over the film.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from .edit import Edit
from .file import File
from .timestamps import Timestamps


def _to_fraction(value: Any) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, (int, str, Fraction)):
        raise ValueError("expected a fraction such as 30000/1001")
    return Fraction(value)


Exact = Annotated[
    Fraction,
    BeforeValidator(_to_fraction),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string"}),
]
"""A `Fraction` field of a value: seconds, a rate, a ratio."""


class Value(BaseModel):
    """The base of all that flows: frozen, and strict about its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class VideoStream(Value):
    """The picture, as it is coded; `rotation_deg` and `mirrored` say how it is shown."""

    index: int
    codec: str
    profile: str = ""
    width_px: int
    height_px: int
    pix_fmt: str
    bit_depth: int
    time_base: Exact
    rate: Exact
    """Frames per second: exact where constant, else the average."""
    constant_rate: bool
    timestamps: Timestamps
    sample_aspect: Exact = Fraction(1)
    rotation_deg: int = 0
    """Clockwise turn that shows the picture upright: 0, 90, 180 or 270."""
    mirrored: bool = False
    """Whether the picture is flipped left to right, before the turn, to be shown right."""
    color_range: str = ""
    """`tv`, `pc`, or empty where the stream does not say; the three below use ffmpeg's names likewise."""
    color_primaries: str = ""
    color_transfer: str = ""
    color_space: str = ""
    interlaced: bool = False
    bit_rate: int = 0
    """Bits per second; 0 where unknown."""

    @property
    def frame_count(self) -> int:
        """How many frames are shown."""
        return self.timestamps.count

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer is PQ or HLG."""
        return self.color_transfer in ("smpte2084", "arib-std-b67")

    @property
    def shown_size_px(self) -> tuple[int, int]:
        """(width, height) upright and with square pixels."""
        width, height = round(self.width_px * self.sample_aspect), self.height_px
        return (height, width) if self.rotation_deg in (90, 270) else (width, height)


class AudioStream(Value):
    """One sound track."""

    index: int
    codec: str
    sample_rate_hz: int
    channels: int
    layout: str
    start_s: Exact
    duration_s: Exact
    language: str = ""
    title: str = ""
    default: bool = False


class OtherStream(Value):
    """A stream that is neither the picture nor a sound track: subtitles, data, timecode, a second picture."""

    index: int
    kind: str
    codec: str = ""
    language: str = ""


class Media(Value):
    """A file and what a probe found in it."""

    file: File
    container: str
    """ffmpeg's names of the format, such as `mov,mp4,m4a,3gp,3g2,mj2`."""
    start_s: Exact
    """Where the container's clock starts; what a player calls zero."""
    duration_s: Exact
    video: VideoStream | None = None
    audio: tuple[AudioStream, ...] = ()
    others: tuple[OtherStream, ...] = ()
    start_timecode: str = ""
    metrics: dict[str, Any] = Field(default_factory=dict)
    """What nodes measured on the way, by node name; JSON only."""
    notes: tuple[str, ...] = ()
    """What the user should hear, such as a way of splicing that was not the first choice."""


class Segment(Value):
    """A span of a source, the edit asked for, and the file that now stands for it."""

    name: str
    source: Media
    edit: Edit
    start_frame: int
    """First edited frame of the source."""
    end_frame: int
    """The frame after the last edited one."""
    head_frames: int
    """Source frames before `start_frame` that `media` also holds (the handle)."""
    tail_frames: int
    """Source frames from `end_frame` on that `media` also holds."""
    media: Media
    """The file that stands for the span and its handles; its clock starts at 0."""
    frames: tuple[int, ...]
    """For each frame of `media`, the source frame that it shows."""
    voice: File | None = None
    """The voice that the model hears, as long as `media`'s picture; None where there is no sound."""
    metrics: dict[str, Any] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    edit_start_frame: int | None = None
    """With `edit_end_frame`: the span of the whole edit, where this is only one part of it; None where it is whole."""
    edit_end_frame: int | None = None

    @property
    def edit_span(self) -> tuple[int, int]:
        """The source frames [start, end) of the whole edit, of which this segment may be one part."""
        if self.edit_start_frame is None or self.edit_end_frame is None:
            return self.start_frame, self.end_frame
        return self.edit_start_frame, self.edit_end_frame

    @property
    def first_frame(self) -> int:
        """The first source frame that `media` holds, its handle included."""
        return self.start_frame - self.head_frames

    @property
    def last_frame(self) -> int:
        """The source frame after the last one that `media` holds."""
        return self.end_frame + self.tail_frames


class Upload(Value):
    """A segment whose picture and voice have addresses that a provider can read."""

    segment: Segment
    video_url: str
    audio_url: str
    """Empty where the segment has no voice."""
    expires_at: str = ""
    """ISO 8601, UTC; empty where the addresses do not expire."""
    storage: str = "auto"
    """Where the files are to be sent, as the preset has it."""
    keep: bool = False
    """Whether they stay there after the run."""


class Take(Value):
    """What a provider gave back for a segment."""

    segment: Segment
    media: Media
    """As the provider gave it, or, after `conform`, on the source's grid: one frame per source frame of
    the span and its handles, in the source's size and colour."""
    provider: str
    request: dict[str, Any]
    """The eight parameters as they were sent."""
    request_id: str = ""
    cost_usd: float = 0.0
    seconds: float = 0.0
    """How long the provider took."""
    conformed: bool = False
    status: Literal["done", "original"] = "done"
    """`original`: the take failed and the original footage is kept."""
    name: str = ""
    """Which combination it is, where the edit has a matrix of takes; else empty."""
    metrics: dict[str, Any] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()


class StepRecord(Value):
    """How one step went for one segment, or for the film."""

    step: str
    node: str
    segment: str = ""
    take: str = ""
    """Which combination of a matrix it was done for; empty where there is none."""
    key: str
    reused: bool
    seconds: float


class Record(Value):
    """The run so far, which `report` draws."""

    run: str
    preset: str
    title: str = ""
    """The film's name as the user wrote it."""
    source: Media | None = None
    segments: tuple[Segment, ...] = ()
    takes: tuple[Take, ...] = ()
    offered: tuple[Take, ...] = ()
    """Takes of which somebody is to choose one per segment; none of them is in the film."""
    film: Media | None = None
    steps: tuple[StepRecord, ...] = ()


class Report(Value):
    """The page and the machine-readable record of a run."""

    page: File
    data: File
    sheets: dict[str, File] = Field(default_factory=dict)
    """Pictures that lie beside the page, by file name."""


class TurnoverClip(Value):
    """A re-expressed segment as a clip of its own, for an editing system."""

    name: str
    file: File
    start_frame: int
    """First frame of the film that it replaces, its handle left out."""
    end_frame: int
    head_frames: int
    tail_frames: int
    changes_sound: bool
    """Whether its sound is to be heard as well: it has a new line."""
    about: dict[str, Any] = Field(default_factory=dict)
    """What was asked for, who made it, and what it cost: JSON only."""


class Turnover(Value):
    """What goes back to an editing system: the clips, and all that its timelines say."""

    title: str
    source: Media
    source_path: str
    """Where the film lies that stands on the first track, as the user wrote it."""
    reel: str
    dialects: tuple[str, ...]
    clips: tuple[TurnoverClip, ...]
