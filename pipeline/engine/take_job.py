"""What the engine is asked for, and the metrics that it returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.edits.choices import React1Choices

if TYPE_CHECKING:
    from .detect.people import FaceAim

ENGINE_VERSION = 36
"""Part of the cache key of every take: increase it when the same request gives different pictures."""


@dataclass(frozen=True)
class TakeJob:
    """One take to render from a clip."""

    out: Path
    """The new mp4; an existing file is replaced."""
    choices: React1Choices = field(default_factory=React1Choices)
    voice: Path | None = None
    """The speech for the mouth, and the sound of the take; None keeps the mouth's own timing, without sound."""
    span: tuple[int, int] | None = None
    """Frames [first, last) of the clip that may change; None for all."""
    own_voice: bool | None = None
    """Whether `voice` is the clip's own sound; the mouth then keeps its own timing. None: decided by the correlation of
    the two; in doubt the mouth follows the voice."""
    resync: bool = False
    """Whether the clip's own sound moves the lips all the same, as for a dubbed film; never a mouth that is shut."""
    aims: tuple[FaceAim, ...] = ()
    """Where the chosen face of each shot is; without any, a face is selected in every shot."""
    goes_on: tuple[bool, bool] = (False, False)
    """Whether the edit goes on before and after the span, in other clips; the expression then does not fade there."""
    enlarged: float = 1.0
    """By how much the clip's pictures were enlarged, as a crop's are, at least 1: they show no more detail for it."""


@dataclass(frozen=True)
class RenderMetrics:
    """Metrics of one take; `dataclasses.asdict` gives JSON."""

    frames: int
    """Frames of the take."""
    frames_with_face: int
    """Frames of the input's span in which the selected face was detected."""
    frames_changed: int
    """Re-expressed frames of the take, ramps included."""
    duration_s: str
    """Duration of the video in exact seconds, "num/den"."""
    audio_samples: int
    """Samples per channel; 0 without sound."""
    span: tuple[int, int]
    """Frames [first, last) of the take that may differ from the input."""
    notes: tuple[str, ...]
    """What a user should know about this take, one sentence each."""
