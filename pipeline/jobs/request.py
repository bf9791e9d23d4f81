"""One call that a run wants, before anybody knows whether it has been made already."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property
from typing import Any

from ..core.choices import React1Choices
from ..core.values import Segment, Upload
from ..media.probe import require_video
from ..media.transcode import length_s
from ..providers.provider_settings import HostedProvider
from .ledger_entry import Call


@dataclass(frozen=True)
class Clock:
    """The time and how to wait for it; tests have one of their own."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    monotonic: Callable[[], float] = time.monotonic
    """Seconds that only rise, whatever becomes of the time of day."""

    def stamp(self) -> str:
        """Spell the time, ISO 8601, UTC."""
        return self.now().astimezone(UTC).isoformat(timespec="milliseconds")

    def since_s(self, stamp: str) -> float:
        """Give the seconds since a spelled time; 0 where it cannot be read or lies ahead."""
        try:
            at = datetime.fromisoformat(stamp)
            return max(0.0, (self.now() - (at if at.tzinfo else at.replace(tzinfo=UTC))).total_seconds())
        except ValueError:
            return 0.0


@dataclass(frozen=True)
class Ask:
    """A segment that is to be re-expressed by a host."""

    upload: Upload
    choices: React1Choices
    provider: HostedProvider
    deadline_s: float = 1800.0
    run: str = ""

    @property
    def segment(self) -> Segment:
        """The segment."""
        return self.upload.segment

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """All six choices; none is left to the host's own default."""
        return self.choices.model_dump(mode="json")

    @cached_property
    def call(self) -> Call:
        """What makes it the same call as another one."""
        voice = self.segment.voice
        return Call(
            provider=self.provider.name,
            host=self.provider.host,
            parameters=self.parameters,
            video=self.segment.media.file.digest,
            audio=voice.digest if voice else "",
        )

    @property
    def lasts_s(self) -> Fraction:
        """How long the picture is that is sent."""
        return length_s(require_video(self.segment.media))

    @cached_property
    def estimate_usd(self) -> float:
        """What it costs by the price table."""
        return self.provider.cost_usd(self.lasts_s, len(self.segment.frames))
