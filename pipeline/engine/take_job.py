"""What the engine is asked for, and the metrics that it returns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..core.choices import React1Choices

ENGINE_VERSION = 5
"""In the key of every take: raise it when the same request gives other pictures."""


@dataclass(frozen=True)
class TakeJob:
    """One take that is wanted of a clip."""

    out: Path
    """The new mp4; what is there is replaced."""
    choices: React1Choices = React1Choices()
    voice: Path | None = None
    """What the mouth speaks and the take sounds like; None keeps the mouth's own timing, without sound."""
    span: tuple[int, int] | None = None
    """Frames [first, last) of the clip that may change; None is all of them."""
    own_voice: bool | None = None
    """Whether `voice` is what the mouth in the clip says already; it then keeps its own timing. None: it is judged by
    how well they go together, and in doubt the mouth follows the voice."""


@dataclass(frozen=True)
class RenderMetrics:
    """The figures of one take; `dataclasses.asdict` gives JSON."""

    frames: int
    """Frames of the take."""
    frames_with_face: int
    """Frames of the input's span in which the chosen face was seen."""
    frames_changed: int
    """Frames of the take that were re-expressed, ramps included."""
    duration_s: str
    """The take's pictures in exact seconds, "num/den"."""
    audio_samples: int
    """Samples of each channel; 0 without sound."""
    span: tuple[int, int]
    """Frames [first, last) of the take that may differ from the input."""
    notes: tuple[str, ...]
    """What a user should know about this take, a sentence each."""
