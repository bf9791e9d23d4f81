"""Re-express a face in a clip, on this machine.

The clip is an H.264 mp4 of constant rate (8-bit 4:2:0, upright, even sides); the voice is a wav, or None. The take is a
new mp4: near-lossless H.264 High, AAC if there is a voice; its length and frame order follow the sync mode.

There are two passes: the first finds the face in every frame and keeps only its landmarks; the second changes frame by
frame. The result of the first can be passed in again for other takes of the same clip; several takes share both passes.
Pixels away from the face stay as decoded, and so do complete frames outside the span.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from .. import available
from ..detect.detect import Detections, detect_faces
from ..frames.clip_frames import ClipFrames
from ..occlusion.occlusion import KeepOcclusion
from ..planning.take_plan import plan_take
from ..planning.tooth_color import KeepTeeth, with_tooth_color
from ..take_job import RenderMetrics, TakeJob
from ..voice.voice_features import read_audio, read_clip_audio
from .draw import PlannedTake, draw_takes

DETECT_SHARE = 0.3
"""Share of the first pass in the work for one take."""


def render(
    video: Path,
    job: TakeJob,
    *,
    detections: Detections | None = None,
    keep_teeth: KeepTeeth | None = None,
    keep_occlusion: KeepOcclusion | None = None,
    progress: Callable[[float], None],
) -> RenderMetrics:
    """Write one take of a clip; the other arguments and the errors are those of `render_takes`."""
    return render_takes(
        video,
        [job],
        detections=detections,
        keep_teeth=keep_teeth,
        keep_occlusion=keep_occlusion,
        progress=progress,
    )[0]


def find_faces(video: Path, progress: Callable[[float], None]) -> Detections:
    """Run the first pass; its result serves every take of the same clip.

    Raises:
        MissingExtra: the landmark library is missing or does not load.
        InputMediaError: the clip cannot be read.
    """
    available.require()
    with ClipFrames(video) as frames:
        return detect_faces(frames, frames.video_format, progress)


def render_takes(
    video: Path,
    jobs: Sequence[TakeJob],
    *,
    detections: Detections | None = None,
    keep_teeth: KeepTeeth | None = None,
    keep_occlusion: KeepOcclusion | None = None,
    progress: Callable[[float], None],
) -> list[RenderMetrics]:
    """Write several takes of a clip, whose faces are found once; each has the same bytes as if rendered alone.

    Args:
        video: the clip; never written to.
        jobs: the takes; each file is complete only when this returns.
        detections: the result of `find_faces` for this clip; None finds the faces first.
        keep_teeth: stores the measured colour of teeth between takes of this clip; None measures it.
        keep_occlusion: stores what covers a face between takes of this clip; None finds it.
        progress: called with 0 to 1 at every frame; its exceptions propagate, with all files closed.

    Raises:
        MissingExtra: the landmark library is missing or does not load.
        InputMediaError: a file cannot be read, or no face is found in the span of a take; nothing is written then.
    """
    if detections is None:
        available.require()
    else:
        available.require_opencv()
    sounds = [read_audio(job.voice) if job.voice is not None else None for job in jobs]
    clip_sound = read_clip_audio(video) if any(job.choices.auto_active_speaker_detection for job in jobs) else None
    share = 0.0 if detections is not None else DETECT_SHARE / (DETECT_SHARE + (1 - DETECT_SHARE) * len(jobs))
    with ClipFrames(video) as frames:
        if detections is None:
            detections = detect_faces(frames, frames.video_format, lambda done: progress(share * done))
        else:
            frames.set_times(detections.times)
        takes = []
        for job, sound in zip(jobs, sounds, strict=True):
            progress(share)  # a plan takes a while, and the caller may want to stop
            plan = plan_take(
                detections,
                frames.video_format,
                sound,
                job,
                video.name,
                clip_sound=clip_sound,
                keep_occlusion=keep_occlusion,
            )
            takes.append(PlannedTake(job.out, plan, sound))
        progress(share)
        takes = [replace(take, plan=with_tooth_color(frames, take.plan, keep_teeth)) for take in takes]
        draw_takes(frames, takes, lambda done: progress(share + (1 - share) * done))
        return [take.metrics(frames.video_format.fps) for take in takes]
