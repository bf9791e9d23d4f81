"""The local engine as a provider: free, in this process, and marked as a preview.

The take has the frames of the clip that was sent; its length follows the sync mode. The faces of a clip are detected,
its teeth measured and what covers a face found once: further takes of the same clip read them from the cache.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.cancellation import exclusive
from ..core.edits.choices import React1Choices
from ..core.errors import InputMediaError, PresetError
from ..core.file import File
from ..core.nodes.node import NodeContext, cached_value
from ..core.times import frames_text
from ..core.values import Segment, Take, Upload
from .contract import Limits, React1Request

if TYPE_CHECKING:
    from ..engine.detect.detect import Detections
    from ..engine.detect.people import FaceAim
    from ..engine.occlusion.occlusion import KeepOcclusion, Occlusion
    from ..engine.planning.tooth_color import KeepTeeth, Teeth
    from ..engine.take_job import RenderMetrics


def detect_faces_cached(context: NodeContext, clip: File, progress: Callable[[float], None]) -> Detections:
    """Return the faces of a clip, from the cache or detected now.

    Concurrent calls of this process for the same clip wait for the first of them.

    Args:
        context: has the clip and the cache.
        clip: an mp4 that the engine can read.
        progress: gets 0 to 1 during detection, 0 while waiting for another call, and nothing if the faces are cached.
            What it raises is passed on.

    Raises:
        MissingExtra: the extra `local` is not installed.
        InputMediaError: the clip cannot be read.
    """
    from ..engine.detect.detect import CACHE_SUFFIX, cache_key_parts, read_detections, write_detections
    from ..engine.render.render import find_faces

    parts: dict[str, Any] = {"what": "faces", "clip": clip.digest, "by": cache_key_parts()}
    with exclusive(clip.digest, lambda: progress(0)):
        return cached_value(
            context,
            parts,
            f"faces{CACHE_SUFFIX}",
            read_detections,
            lambda: find_faces(context.path(clip), progress),
            write_detections,
        )


def teeth_cache(context: NodeContext, clip: File) -> KeepTeeth:
    """Return what keeps the measured colour of teeth of a clip: it does not depend on the emotion or its strength."""
    by = _measured_by()

    def keep(name: str, measure: Callable[[], Teeth]) -> Teeth:
        parts: dict[str, Any] = {"what": "teeth", "clip": clip.digest, "by": by, "of": name}
        return cached_value(context, parts, "teeth.json", _read_teeth, measure, _write_teeth)

    return keep


def _measured_by() -> dict[str, Any]:
    """Return what the measures of a face in a clip depend on besides the clip: the libraries and the engine."""
    from ..engine.detect.detect import cache_key_parts
    from ..engine.take_job import ENGINE_VERSION

    return {"detected": cache_key_parts(), "engine": ENGINE_VERSION}


def _write_teeth(path: Path, teeth: Teeth) -> None:
    path.write_text(json.dumps([teeth[0], *teeth[1]]), encoding="utf-8")


def _read_teeth(path: Path) -> Teeth | None:
    """Return cached teeth; None if the file is not what `_write_teeth` writes."""
    try:
        share, red, green, blue = (float(number) for number in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return share, (red, green, blue)


def occlusion_cache(context: NodeContext, clip: File) -> KeepOcclusion:
    """Return what keeps what covers the faces of a clip: it does not depend on the emotion or its strength."""
    from ..engine.occlusion.occlusion import SUFFIX, read_occlusion, write_occlusion

    by = _measured_by()

    def keep(name: str, count: int, find: Callable[[], Occlusion]) -> Occlusion:
        parts: dict[str, Any] = {"what": "occlusion", "clip": clip.digest, "by": by, "of": name}
        return cached_value(
            context, parts, f"occlusion{SUFFIX}", lambda path: read_occlusion(path, count), find, write_occlusion
        )

    return keep


PREVIEW = "made by the local preview engine, which is not React-1"


class LocalProvider:
    """Render in this process; nothing leaves the machine and nothing is paid."""

    name = "local"
    paid = False
    limits = Limits()

    def cost_usd(self, output_s: Fraction, frames: int) -> float:
        """Return 0: rendering is free."""
        return 0.0

    def require(self) -> None:
        """Check that the engine's dependencies are installed.

        Raises:
            MissingExtra: they are not.
        """
        from ..engine.available import require_installed

        require_installed()


def render_take(context: NodeContext, upload: Upload, choices: React1Choices, *, resync: bool = False) -> Take:
    """Re-express the video of an upload with the local engine.

    The handles stay unchanged: only the span itself changes, and the expression grows from its first frame on. Where an
    edit goes on in another segment, the handle changes too, since the two takes are blended there. With `resync` the
    film's own sound moves the lips, too.

    Raises:
        MissingExtra: the extra `local` is not installed.
        InputMediaError: no face is found.
    """
    from ..media.probe import probe

    segment, out = upload.segment, context.temp_path("take.mp4")
    request = React1Request.build(choices, video_url=upload.video_url, audio_url=upload.audio_url or "none:")
    started_s = time.monotonic()
    render_metrics = _render(context, segment, choices, out, resync=resync)
    file = context.store(out)
    return Take(
        segment=segment,
        media=probe(context.path(file), file),
        provider="local",
        request=request.model_dump(),
        seconds=round(time.monotonic() - started_s, 3),
        metrics={"local": asdict(render_metrics)},
        notes=(PREVIEW, *render_metrics.notes),
    )


def _render(
    context: NodeContext, segment: Segment, choices: React1Choices, out: Path, *, resync: bool
) -> RenderMetrics:
    from ..engine.planning.take_plan import FACE_HINT, NoFace
    from ..engine.render.render import DETECT_SHARE, render
    from ..engine.take_job import TakeJob

    first, last = edited_frames(segment)
    start, end = segment.edit_span
    goes_on = start < segment.start_frame, segment.end_frame < end
    detections = detect_faces_cached(context, segment.media.file, lambda done: context.progress(DETECT_SHARE * done))
    if segment.crop is not None:
        detections = confirmed_in_crop(detections, segment.crop.side_px)
    job = TakeJob(
        out,
        choices,
        context.path(segment.voice) if segment.voice else None,
        span=(0 if goes_on[0] else first, len(segment.frames) if goes_on[1] else last),
        own_voice=segment.edit.audio is None,
        resync=resync,
        aims=face_aims(segment),
        goes_on=goes_on,
        enlarged=1.0 if segment.crop is None else segment.crop.enlarges,
    )
    try:
        return render(
            context.path(segment.media.file),
            job,
            detections=detections,
            keep_teeth=teeth_cache(context, segment.media.file),
            keep_occlusion=occlusion_cache(context, segment.media.file),
            progress=lambda done: context.progress(DETECT_SHARE + (1 - DETECT_SHARE) * done),
        )
    except NoFace as error:
        span = f"{frames_text(segment.start_frame, segment.end_frame)} of the film"
        raise InputMediaError(f"{error.problem} in {span}{error.details}; {FACE_HINT}") from error


def confirmed_in_crop(detections: Detections, side_px: int) -> Detections:
    """Return the detections of a crop, all confirmed: the second detector has seen the face in the whole picture.

    It is made for faces that are far away, and may not detect one that fills the crop.
    """
    everywhere = ((0.0, 0.0, float(side_px), float(side_px)),)
    frames = [frame if frame.boxes is None else replace(frame, boxes=everywhere) for frame in detections.frames]
    return replace(detections, frames=tuple(frames))


def face_aims(segment: Segment) -> tuple[FaceAim, ...]:
    """Return where the chosen face of each shot is in the clip; none for a crop, which shows no other face.

    Raises:
        PresetError: the edit names a face, and no step has looked for it.
    """
    from ..engine.detect.people import FaceAim

    if segment.faces is None and segment.edit.names_a_face:
        raise PresetError(f"segment {segment.name} names a face; add the step face to the preset, before `upload`")
    if segment.faces is None or segment.crop is not None:
        return ()
    shown = [shot for shot in segment.faces.shots if shot.number]
    return tuple(FaceAim(shot.clip_frame, *shot.at_px, reason=str(shot)) for shot in shown)


def edited_frames(segment: Segment) -> tuple[int, int]:
    """Return the frames [first, last) of the sent clip that show the span without its handles."""
    indexes = [index for index, frame in enumerate(segment.frames) if segment.start_frame <= frame < segment.end_frame]
    if not indexes:
        raise InputMediaError(
            f"segment {segment.name} is shorter than one frame of the clip that is sent; make it longer"
        )
    return indexes[0], indexes[-1] + 1
