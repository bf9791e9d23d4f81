"""The values that pass between nodes: small, frozen, and unchanged by a round trip through JSON.

A value has no bytes and no local path: a `File` names content by its digest, and `NodeContext.path` (node.py) returns
a path to it. Exact numbers are `Fraction` in memory and "num/den" in JSON, never float.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from .edits.edit import Edit
from .edits.face_choice import ChosenFaces, CropPath
from .file import File

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .nodes.node import NodeContext


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
    """Base class of all values: frozen; unknown fields are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Timestamps(BaseModel):
    """The increasing pts of all displayed frames, in the stream's time base, as runs of constant spacing."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    runs: tuple[tuple[int, int, int], ...]
    """Runs of constant spacing: (first, step, count)."""
    last_duration: int
    """The duration of the last frame, in the same units."""

    @classmethod
    def of(cls, times: NDArray[np.int64] | list[int], last_duration: int) -> Timestamps:
        """Build runs from increasing times."""
        import numpy as np  # not with the module: a stored value passes from step to step without it

        array = np.asarray(times, np.int64)
        runs: list[tuple[int, int, int]] = []
        start, steps = 0, np.diff(array)
        # The last frame of each stretch of constant spacing.
        for end in (*(np.flatnonzero(np.diff(steps)) + 1).tolist(), len(array) - 1):
            if end > start or end == start == len(array) - 1:
                runs.append((int(array[start]), int(steps[start]) if end > start else 0, end - start + 1))
                start = end + 1
        return cls(runs=tuple(runs), last_duration=last_duration)

    @cached_property
    def count(self) -> int:
        """The number of displayed frames."""
        return sum(count for _, _, count in self.runs)

    @cached_property
    def smallest_step(self) -> int:
        """The smallest spacing within a run, in the same units; 0 if no run has two frames."""
        return min((step for _, step, count in self.runs if count > 1), default=0)

    @cached_property
    def array(self) -> NDArray[np.int64]:
        """All times, `(frames,) int64`; do not modify."""
        import numpy as np

        parts = [first + step * np.arange(count, dtype=np.int64) for first, step, count in self.runs]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    @property
    def end(self) -> int:
        """The end of the last frame."""
        return int(self.array[-1]) + self.last_duration


class VideoStream(Value):
    """The video stream as coded; `rotation_deg` and `mirrored` say how to display it."""

    index: int
    codec: str
    profile: str = ""
    width_px: int
    height_px: int
    pix_fmt: str
    bit_depth: int
    time_base: Exact
    rate: Exact
    """Frames per second: exact if constant, else the average."""
    constant_rate: bool
    timestamps: Timestamps
    sample_aspect: Exact = Fraction(1)
    rotation_deg: int = 0
    """Clockwise rotation that makes the picture upright: 0, 90, 180 or 270."""
    mirrored: bool = False
    """Whether the picture must be flipped left to right before the rotation."""
    color_range: str = ""
    """`tv`, `pc`, or empty if unspecified; the three below use ffmpeg's names too."""
    color_primaries: str = ""
    color_transfer: str = ""
    color_space: str = ""
    interlaced: bool = False
    bit_rate: int = 0
    """Bits per second; 0 if unknown."""

    @property
    def frame_count(self) -> int:
        """The number of displayed frames."""
        return self.timestamps.count

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer function is PQ or HLG."""
        return self.color_transfer in ("smpte2084", "arib-std-b67")

    @property
    def upright_size_px(self) -> tuple[int, int]:
        """(width, height) of the coded picture turned upright; its pixels need not be square."""
        size = self.width_px, self.height_px
        return size[::-1] if self.rotation_deg in (90, 270) else size

    @property
    def shown_size_px(self) -> tuple[int, int]:
        """(width, height) of the upright picture with square pixels."""
        width, height = round(self.width_px * self.sample_aspect), self.height_px
        return (height, width) if self.rotation_deg in (90, 270) else (width, height)


class AudioStream(Value):
    """One audio stream."""

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
    """Any other stream: subtitles, data, timecode, a second video stream."""

    index: int
    kind: str
    codec: str = ""
    language: str = ""


class Media(Value):
    """A file and its probed properties."""

    file: File
    container: str
    """ffmpeg's names for the format, such as `mov,mp4,m4a,3gp,3g2,mj2`."""
    start_s: Exact
    """The start of the container's clock, which players show as zero."""
    duration_s: Exact
    video: VideoStream | None = None
    audio: tuple[AudioStream, ...] = ()
    others: tuple[OtherStream, ...] = ()
    start_timecode: str = ""
    metrics: dict[str, Any] = Field(default_factory=dict)
    """Measurements, by node name; JSON only."""
    notes: tuple[str, ...] = ()
    """Messages for the user, such as a splicing strategy that was not the first choice."""
    sidecar: File | None = None
    """The provenance manifest of a film whose container cannot hold it; it is delivered beside the film."""

    def clip(self, context: NodeContext) -> Any:
        """Return a `moviepy.VideoClip` with exactly these frames, upright, and the sound: at k / rate it shows frame k.

        Raises:
            MissingExtra: MoviePy is not installed.
        """
        return context.open_clip(self)

    def with_clip(self, context: NodeContext, clip: Any) -> Media:
        """Return media with the pictures of a MoviePy clip of as many frames; times, color and sound stay.

        Pictures that did not change keep their exact samples.

        Raises:
            InputMediaError: the clip has another length, rate or size.
        """
        return context.store_clip(clip, self)

    @classmethod
    def from_clip(cls, context: NodeContext, clip: Any) -> Media:
        """Return a MoviePy clip as media of its own: H.264 (near-lossless), and PCM where it has sound.

        Raises:
            InputMediaError: the clip has no length or no rate.
        """
        return context.store_clip(clip)


class Segment(Value):
    """A span of the source, its edit, and the file that currently represents it."""

    name: str
    source: Media
    edit: Edit
    start_frame: int
    """First edited frame of the source."""
    end_frame: int
    """The frame after the last edited frame."""
    head_frames: int
    """The head handle: source frames before `start_frame` that `media` also has."""
    tail_frames: int
    """The tail handle: source frames from `end_frame` on that `media` also has."""
    media: Media
    """The file of the span and its handles; its clock starts at 0."""
    frames: tuple[int, ...]
    """For each frame of `media`, its source frame."""
    voice: File | None = None
    """The audio for the model, as long as the video of `media`; None if there is none."""
    metrics: dict[str, Any] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    faces: ChosenFaces | None = None
    """The face that is changed in each shot; None if no step has looked for it."""
    crop: CropPath | None = None
    """How `media` is cropped out of the picture; None if it shows all of it."""
    edit_start_frame: int | None = None
    """With `edit_end_frame`: the span of the edit, if this segment is only a part of it; else None."""
    edit_end_frame: int | None = None

    @property
    def edit_span(self) -> tuple[int, int]:
        """The source frames [start, end) of the edit, of which this segment may be a part."""
        if self.edit_start_frame is None or self.edit_end_frame is None:
            return self.start_frame, self.end_frame
        return self.edit_start_frame, self.edit_end_frame

    @property
    def first_frame(self) -> int:
        """The first source frame of `media`, with its handle."""
        return self.start_frame - self.head_frames

    @property
    def last_frame(self) -> int:
        """The source frame after the last one of `media`."""
        return self.end_frame + self.tail_frames

    def clip(self, context: NodeContext) -> Any:
        """Return `media` as a `moviepy.VideoClip`, with the handles; see `Media.clip`."""
        return self.media.clip(context)

    def with_clip(self, context: NodeContext, clip: Any) -> Segment:
        """Return the segment with the pictures of a MoviePy clip of as many frames; see `Media.with_clip`."""
        return self.model_copy(update={"media": self.media.with_clip(context, clip)})


class Upload(Value):
    """A segment whose video and audio have URLs that a provider can read."""

    segment: Segment
    video_url: str
    audio_url: str
    """Empty if the segment has no audio."""
    expires_at: str = ""
    """ISO 8601, UTC; empty if the URLs do not expire."""
    storage: str = "auto"
    """The storage for the files, as written in the preset."""
    keep: bool = False
    """Whether the files stay there after the run."""


class Take(Value):
    """A provider's result for a segment."""

    segment: Segment
    media: Media
    """The provider's file; after `conform`, a frame per source frame, with handles, in the source's size and colour."""
    provider: str
    request: dict[str, Any]
    """The eight parameters as sent."""
    request_id: str = ""
    cost_usd: float = 0.0
    seconds: float = 0.0
    """The provider's processing time."""
    conformed: bool = False
    unchanged: bool = False
    """Whether a conformed take shows the film's own pictures, because none of it is used."""
    status: Literal["done", "original"] = "done"
    """`original`: the take failed, and the original footage is kept."""
    name: str = ""
    """The name of the combination, if the edit has a matrix of takes; else empty."""
    metrics: dict[str, Any] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def changes_film(self) -> bool:
        """Whether anything of it goes into the film: its picture, or a new line of dialogue."""
        return self.status == "done" and (not self.unchanged or self.segment.edit.changes_sound)

    def clip(self, context: NodeContext) -> Any:
        """Return `media` as a `moviepy.VideoClip`; see `Media.clip`."""
        return self.media.clip(context)

    def with_clip(self, context: NodeContext, clip: Any) -> Take:
        """Return the take with the pictures of a MoviePy clip of as many frames; see `Media.with_clip`."""
        return self.model_copy(update={"media": self.media.with_clip(context, clip)})


class StepRecord(Value):
    """The result of a step for one segment, or for the film."""

    step: str
    node: str
    segment: str = ""
    take: str = ""
    """The name of the combination in a matrix of takes, or empty."""
    key: str
    reused: bool
    seconds: float
    makes_takes: bool = False
    """Whether the node renders takes."""


class Record(Value):
    """The run so far, as `report` shows it."""

    run: str
    preset: str
    title: str = ""
    """The film's name as written by the user."""
    source: Media | None = None
    segments: tuple[Segment, ...] = ()
    takes: tuple[Take, ...] = ()
    offered: tuple[Take, ...] = ()
    """Takes from which the user must choose one per segment; none of them is in the film."""
    film: Media | None = None
    steps: tuple[StepRecord, ...] = ()


class Report(Value):
    """The report of a run: a page and JSON."""

    page: File
    data: File
    sheets: dict[str, File] = Field(default_factory=dict)
    """The images of the page, by file name."""


class TurnoverClip(Value):
    """A re-expressed segment as a separate clip, for an editing system."""

    name: str
    file: File
    start_frame: int
    """The first film frame that it replaces, without the handle."""
    end_frame: int
    head_frames: int
    tail_frames: int
    changes_sound: bool
    """Whether its audio must be used too: it has a new line of dialogue."""
    about: dict[str, Any] = Field(default_factory=dict)
    """The edit, the provider and the cost; JSON only."""


class Turnover(Value):
    """The clips for an editing system, and everything that its timelines need."""

    title: str
    source: Media
    source_path: str
    """The path of the film on the first track, as written by the user."""
    reel: str
    dialects: tuple[str, ...]
    clips: tuple[TurnoverClip, ...]


def segment_of(value: Value | None) -> Segment | None:
    """Return the segment that a value belongs to, or None if it belongs to the film."""
    if isinstance(value, (Upload, Take)):
        return value.segment
    return value if isinstance(value, Segment) else None
