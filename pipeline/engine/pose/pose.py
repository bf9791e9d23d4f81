"""The pose of one face in one frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ...core.edits.choices import ModelMode
from ..geometry.head_frame import MouthShape
from .emotions import HeadMove

Color: TypeAlias = tuple[float, float, float]
"""Red, green and blue."""


@dataclass(frozen=True)
class Spoken:
    """What a voice does to the lips besides opening them; 0 to 1 each, ramp included."""

    press: float = 0.0
    """Lips pressed together (p, b, m)."""
    bite: float = 0.0
    """The lower lip on the upper teeth (f, v)."""
    bared: float = 0.0
    """Lips apart over shut teeth (s, sh)."""
    round: float = 0.0
    """Lips drawn together and forward (oo, oh, w)."""
    parted: float = 0.0
    """The part of `Pose.gap` that the lips open without the jaw; in units."""


@dataclass(frozen=True)
class Pose:
    """Amplitudes for one frame, temperature and ramp included."""

    mode: ModelMode
    weight: float
    """The ramp, 0 to 1; at 0 the frame is unchanged."""
    units: Mapping[str, float]
    """Action unit → amplitude; other units are 0."""
    calm: float
    """Share of the mouth's resting expression that is removed, 0 to 1."""
    rest: MouthShape
    """The mouth around this moment without its speech."""
    gap: float
    """The target opening of the lips, in units."""
    widen: float = 0.0
    """Wider (spread) or narrower (rounded) lips from the voice, in units."""
    head: HeadMove = field(default_factory=HeadMove)
    spoken: Spoken = Spoken()
    resting_lip: float | None = None
    """Where this clip's upper lip rests, below the base of the nose, in units; None: measured in the frame."""
    tooth_color: Color | None = None
    """The colour of this performer's teeth, as shares of white; None if the clip does not show them."""

    def amplitude(self, name: str) -> float:
        """Return the amplitude of a unit."""
        return self.units.get(name, 0.0)
