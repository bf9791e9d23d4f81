"""What one face is asked to do in one frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..edit import ModelMode
from .emotions import HeadMove
from .frame import MouthShape


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

    def unit(self, name: str) -> float:
        """Give the amplitude of a unit."""
        return self.units.get(name, 0.0)
