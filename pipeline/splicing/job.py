"""A splice job, the film that one strategy wrote for it, and the film that passed the checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.nodes.node import NodeContext
from ..core.values import Media, Take, VideoStream
from ..media.mp4.sample_tables import Ints
from .container import Program, container_suffix, read_programs
from .mp4.replace_samples import NewSamples
from .pictures.frames import Insert
from .splice_params import Seam, Thresholds

Quality = Literal["matched", "high"]
"""How finely the re-encoded pictures are coded: about as the source's, or as finely as there is room for."""
ALL_FRAMES: tuple[range, ...] = ()
"""Stands for all frames of a film."""


@dataclass(frozen=True)
class SpliceJob:
    """What every strategy needs."""

    context: NodeContext
    ffmpeg: str
    media: Media
    video: VideoStream
    source: Path
    inserts: tuple[Insert, ...]
    takes: tuple[Take, ...]
    in_place: bool = False
    """Whether to edit a copy of the film in place instead of writing a new file."""
    audio_samples: tuple[NewSamples, ...] = ()
    """New packets of the dialogue track that are written together with the pictures."""
    seam: Seam | None = None
    """How takes are blended in, if the seams are to be measured while the film is compared with the source."""
    finer: bool = False
    """Whether a complete re-encode uses half the usual quantiser, because the first result was not close enough."""

    quality: Quality = "matched"
    limits: Thresholds = field(default_factory=Thresholds)
    """The limits for the metrics of the seams: a range of matched quality that is above one is coded once more."""

    @property
    def suffix(self) -> str:
        """The suffix of the film's files."""
        return container_suffix(self.media)

    @cached_property
    def programs(self) -> list[Program]:
        """The programs of a transport stream; empty for other containers."""
        is_transport_stream = self.media.container.split(",")[0] == "mpegts"
        return read_programs(self.context, self.ffmpeg, self.source) if is_transport_stream else []


@dataclass(frozen=True)
class UncheckedFilm:
    """The film that one strategy wrote, before it is checked."""

    path: Path
    way: str
    """`exact` or `reencoded-picture`, as in the metrics."""
    encoded_packets: int
    notes: tuple[str, ...] = ()
    untouched: Callable[[Ints], NDArray[np.bool_]] | None = None
    """Tells by their pts which picture packets are the source's own; None if all were re-encoded."""
    failure: str = ""
    new_lines: int = 0
    """Number of new lines of dialogue."""
    metrics: dict[str, Any] = field(default_factory=dict)
    has_new_audio: bool = False
    """Whether the job's new packets of the dialogue track are in it."""
    seams: tuple[tuple[str, dict[str, Any]], ...] = ()
    """The names of the takes' segments and the metrics of their seams, if they were measured."""
    strict_ranges: tuple[range, ...] = ALL_FRAMES
    """The shown frames to decode strictly."""
    decoded_strictly: Path | None = None
    """The file of which all these frames were decoded strictly, without an error, while they were compared."""


@dataclass(frozen=True)
class SplicedFilm:
    """A finished film in the context's temporary folder, not yet in the store."""

    path: Path
    metrics: dict[str, Any]
    notes: tuple[str, ...]
    seams: tuple[tuple[str, dict[str, Any]], ...] = ()
    """The names of the takes' segments and the metrics of their seams, if they were measured."""
