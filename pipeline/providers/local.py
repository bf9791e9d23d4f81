"""The local engine as a host: free, in this process, and honest that it is a preview.

Takes   an upload whose addresses name content in the store, and the eight parameters.
Gives   a take on the frames of what was sent; its length follows the sync mode.
Raises  MissingExtra without the extra `local`, BadInput where no face is found.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.choices import React1Choices
from ..core.errors import InputMediaError
from ..core.node import NodeContext
from ..core.values import Segment, Take, Upload
from .contract import Limits
from .local_faces import detect_faces_cached
from .parameters import React1Request

if TYPE_CHECKING:
    from ..engine.take_job import RenderMetrics

PREVIEW = "made by the local preview engine, which is not React-1"


class LocalProvider:
    """Renders here; nothing leaves the machine and nothing is paid."""

    name = "local"
    paid = False
    limits = Limits()

    def cost_usd(self, output_s: Fraction, frames: int) -> float:
        """Cost nothing."""
        return 0.0

    def require(self) -> None:
        """Find out whether the engine's parts are installed."""
        from ..engine.available import require

        require()


def render_take(context: NodeContext, upload: Upload, choices: React1Choices) -> Take:
    """Re-express the picture of an upload with the local engine.

    The handles are passed through: only the span itself changes, and the expression grows from its first frame on.
    """
    from ..media.probe import probe

    segment, out = upload.segment, context.temp_path("take.mp4")
    request = React1Request.build(choices, video_url=upload.video_url, audio_url=upload.audio_url or "none:")
    began = time.monotonic()
    figures = _render(context, segment, choices, out)
    file = context.store(out)
    return Take(
        segment=segment,
        media=probe(context.path(file), file),
        provider="local",
        request=request.model_dump(),
        seconds=round(time.monotonic() - began, 3),
        metrics={"local": asdict(figures)},
        notes=(PREVIEW, *figures.notes),
    )


def _render(context: NodeContext, segment: Segment, choices: React1Choices, out: Path) -> RenderMetrics:
    from ..engine.planning.take_plan import FACE_HINT, NoFace
    from ..engine.render.render import DETECT_SHARE, render

    scouted = detect_faces_cached(context, segment.media.file, lambda done: context.progress(DETECT_SHARE * done))
    try:
        return render(
            context.path(segment.media.file),
            context.path(segment.voice) if segment.voice else None,
            out,
            choices,
            span=edited_frames(segment),
            own_voice=segment.edit.audio is None,
            scouted=scouted,
            progress=lambda done: context.progress(DETECT_SHARE + (1 - DETECT_SHARE) * done),
        )
    except NoFace as error:
        span = f"frames {segment.start_frame} to {segment.end_frame - 1} of the film"
        raise InputMediaError(f"no face found in {span}{error.details}; {FACE_HINT}") from error


def edited_frames(segment: Segment) -> tuple[int, int]:
    """Give the frames [first, last) of the sent clip that show the span without its handles."""
    inside = [index for index, frame in enumerate(segment.frames) if segment.start_frame <= frame < segment.end_frame]
    if not inside:
        raise InputMediaError(
            f"segment {segment.name} is shorter than one frame of the clip that is sent; make it longer"
        )
    return inside[0], inside[-1] + 1
