"""What one face is asked to do in one frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from ...core.choices import ModelMode
from .emotions import HeadMove
from .head_frame import MouthShape

Colour: TypeAlias = tuple[float, float, float]
"""Red, green and blue."""


@dataclass(frozen=True)
class Spoken:
    """What a voice does to the lips besides opening them; 0 to 1 each, with the ramp already in it."""

    press: float = 0.0
    """Lips pressed together (p, b, m)."""
    bite: float = 0.0
    """The lower lip on the upper teeth (f, v)."""
    bared: float = 0.0
    """Lips parted over teeth that are shut (s, sh)."""
    round: float = 0.0
    """Lips drawn together and forward (oo, oh, w)."""
    parted: float = 0.0
    """How much of `Pose.gap` the lips open alone, without the jaw; in units."""


@dataclass(frozen=True)
class Pose:
    """Amplitudes for one frame, with temperature and ramp already in them."""

    mode: ModelMode
    weight: float
    """The temporal ramp, 0 to 1; at 0 the frame is not touched."""
    units: Mapping[str, float]
    """Action unit → amplitude; a unit that is not named is 0."""
    calm: float
    """How much of the resting expression of the mouth is taken away, 0 to 1."""
    rest: MouthShape
    """The mouth around this moment without its speech."""
    gap: float
    """The opening of the lips that is wanted, in units."""
    widen: float = 0.0
    """Wider (spread) or narrower (rounded) lips from the voice, in units."""
    head: HeadMove = field(default_factory=HeadMove)
    spoken: Spoken = Spoken()
    lip_at_rest: float | None = None
    """Where this clip's upper lip rests, below the base of the nose, in units; None takes it from the frame."""
    enamel: Colour | None = None
    """The colour of this performer's teeth, as shares of white; None where the clip never showed them."""

    def unit(self, name: str) -> float:
        """Give the amplitude of a unit."""
        return self.units.get(name, 0.0)
