"""Re-express a face in a clip, on this machine.

Takes   an H.264 mp4 of constant rate (8-bit 4:2:0, upright, even sides), and a voice as wav, or none.
Gives   a new mp4: near-lossless H.264 High, AAC where there is a voice; length and frame order by the sync mode.
Raises  MissingExtra where the landmark library is not installed; BadInput where the clip cannot be read or has no face.

Two passes: the first finds the face in every frame and keeps its landmarks only, the second changes frame by frame.
What the first found can be given again, for other takes of the same clip; several takes share both passes.
Pixels away from the face go through as decoded, and frames outside the span wholly so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ...core.choices import React1Choices
from .. import available
from ..detect.detect import Scouted, scout
from ..mouth.tooth_color import with_own_enamel
from ..take_job import RenderMetrics, TakeJob
from ..take_plan import direct
from ..voice.voice_samples import read_sound, sound_of
from .clip_frames import Frames
from .draw import Scene, draw, retouch_picture

__all__ = ["Expression", "RenderFigures", "TakeJob", "find_faces", "render", "render_takes", "retouch_picture"]

SCOUT_SHARE = 0.3
"""The first pass's share of the work for one take."""


def render(
    video: Path,
    voice: Path | None,
    out: Path,
    choices: React1Choices,
    *,
    span: tuple[int, int] | None = None,
    own_voice: bool | None = None,
    scouted: Scouted | None = None,
    progress: Callable[[float], None],
) -> RenderMetrics:
    """Write a take of a clip with another expression: the case of `render_takes` with one take.

    Args:
        video: the clip; never written to.
        voice: what the mouth speaks and the take sounds like; None keeps the mouth's own timing, without sound.
        out: the new mp4; what is there is replaced. It is whole only when this returns.
        expression: what is wanted.
        span: frames [first, last) of the clip that may change; None is all of them.
        own_voice: whether `voice` is what the mouth in the clip says already; see `TakeJob`.
        scouted: what `find_faces` gave for this very clip; None looks for the faces first.
        progress: gets 0 to 1 at every frame; what it raises passes through, with all files closed.

    Raises:
        MissingExtra: the landmark library is missing or does not load.
        BadInput: a file cannot be read, or no face is seen in the span.
    """
    job = TakeJob(out, choices, voice, span, own_voice)
    return render_takes(video, [job], scouted=scouted, progress=progress)[0]


def find_faces(video: Path, progress: Callable[[float], None]) -> Scouted:
    """Do the first pass alone; what it gives serves every take of the same clip.

    Raises:
        MissingExtra: the landmark library is missing or does not load.
        BadInput: the clip cannot be read.
    """
    available.require()
    with Frames(video) as frames:
        return scout(frames, frames.look, progress)


def render_takes(
    video: Path, jobs: Sequence[TakeJob], *, scouted: Scouted | None = None, progress: Callable[[float], None]
) -> list[RenderMetrics]:
    """Write several takes of a clip, which is looked at once; each has the bytes that it would have alone.

    Args:
        video: the clip; never written to.
        jobs: the takes; each file is whole only when this returns.
        scouted: what `find_faces` gave for this very clip; None looks for the faces first.
        progress: gets 0 to 1 at every frame; what it raises passes through, with all files closed.

    Raises:
        MissingExtra: the landmark library is missing or does not load.
        BadInput: a file cannot be read, or no face is seen in the span of one of the takes; nothing is written then.
    """
    available.require()
    sounds = [read_sound(job.voice) if job.voice is not None else None for job in jobs]
    heard_there = sound_of(video) if any(job.choices.auto_active_speaker_detection for job in jobs) else None
    share = 0.0 if scouted is not None else SCOUT_SHARE / (SCOUT_SHARE + (1 - SCOUT_SHARE) * len(jobs))
    with Frames(video) as frames:
        if scouted is None:
            scouted = scout(frames, frames.look, lambda done: progress(share * done))
        else:
            frames.know(scouted.times)
        scenes = [
            Scene(
                job.out,
                direct(
                    scouted,
                    frames.look,
                    sound,
                    job.choices,
                    job.span,
                    job.own_voice,
                    video.name,
                    heard_there=heard_there,
                ),
                sound,
            )
            for job, sound in zip(jobs, sounds, strict=True)
        ]
        scenes = [replace(scene, direction=with_own_enamel(frames, scene.direction)) for scene in scenes]
        draw(frames, scenes, lambda done: progress(share + (1 - share) * done))
        return [scene.metrics(frames.look.fps) for scene in scenes]
