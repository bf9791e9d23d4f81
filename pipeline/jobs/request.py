"""One call that a run wants, whether or not it has been made already."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from functools import cached_property
from typing import Any

from ..core.edits.choices import React1Choices
from ..core.values import Segment, Upload
from ..providers.contract import FACE_POINT, SentFacePoint
from ..providers.provider_settings import HostedProvider
from .ledger_entry import Call


@dataclass(frozen=True)
class Clock:
    """The time and how to wait; tests replace it."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    monotonic: Callable[[], float] = time.monotonic
    """Monotonic seconds."""

    def timestamp(self) -> str:
        """Return the time as ISO 8601, UTC, in milliseconds."""
        return self.now().astimezone(UTC).isoformat(timespec="milliseconds")

    def elapsed_since_s(self, timestamp: str) -> float:
        """Return the seconds since a timestamp; 0 if it is invalid or in the future."""
        try:
            at = datetime.fromisoformat(timestamp)
            return max(0.0, (self.now() - (at if at.tzinfo else at.replace(tzinfo=UTC))).total_seconds())
        except ValueError:
            return 0.0


@dataclass(frozen=True)
class JobRequest:
    """A segment to be re-expressed by a paid provider."""

    upload: Upload
    choices: React1Choices
    provider: HostedProvider
    deadline_s: float = 1800.0

    @property
    def segment(self) -> Segment:
        """The segment."""
        return self.upload.segment

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """All six choices, none left to the provider's default; and the face that is meant, where it can be told."""
        parameters = self.choices.model_dump(mode="json")
        return parameters if self.face is None else {**parameters, FACE_POINT: self.face.model_dump(mode="json")}

    @property
    def face(self) -> SentFacePoint | None:
        """The face that the provider is told; None if its own rule finds it, or a crop shows nothing else."""
        faces = self.segment.faces
        if faces is None or not faces.named or self.segment.crop is not None or not self.provider.limits.face_point:
            return None
        shown = [shot for shot in faces.shots if shot.number]
        if len(faces.shots) != 1 or not shown or shown[0].count < 2 or self.choices.auto_active_speaker_detection:
            return None
        return SentFacePoint(frame=shown[0].clip_frame, at_px=shown[0].at_px)

    @property
    def leaves_face_open(self) -> bool:
        """Whether a face is named that the provider neither is told nor finds by itself."""
        faces = self.segment.faces
        if self.segment.crop is not None or self.face is not None or self.choices.auto_active_speaker_detection:
            return False
        if faces is None:
            return self.segment.edit.names_a_face
        return faces.named and any(shot.count > 1 for shot in faces.shots)

    @cached_property
    def call(self) -> Call:
        """The call's identity: two requests with the same one are one call."""
        voice = self.segment.voice
        return Call(
            provider=self.provider.name,
            host=self.provider.base_url,
            parameters=self.parameters,
            video=self.segment.media.file.digest,
            audio=voice.digest if voice else "",
        )

    @property
    def duration_s(self) -> Fraction:
        """Duration of the video that is sent."""
        from ..media.probe import require_video  # not with the module: a stored take needs no media library
        from ..media.transcode import video_duration_s

        return video_duration_s(require_video(self.segment.media))

    @cached_property
    def estimate_usd(self) -> float:
        """Cost by the price table."""
        return self.provider.cost_usd(self.duration_s, len(self.segment.frames))
