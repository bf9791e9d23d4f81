"""What a host of React-1 says of itself before anything is sent to it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol


@dataclass(frozen=True)
class Limits:
    """What a host takes in one call; None means no limit."""

    video_s: Fraction | None = None
    audio_s: Fraction | None = None


class Provider(Protocol):
    """A host of the model."""

    @property
    def name(self) -> str:
        """Its name on the command line."""

    @property
    def paid(self) -> bool:
        """Whether a call costs money."""

    @property
    def limits(self) -> Limits:
        """What it takes in one call."""

    def cost_usd(self, output_s: Fraction) -> float:
        """Estimate what a call costs for so many seconds of output."""

    def require(self) -> None:
        """Find out, before anything runs, whether it can be used.

        Raises:
            PresetError: it cannot; the message says what to install or set.
        """
