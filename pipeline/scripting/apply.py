"""Run a user's MoviePy function over the picture of a file, frame for frame.

Takes   a file, and the function of a file that the user allowed.
Gives   a lossless file with the same frames, times, size, pixel format and colour description; sound is copied. Frames
        that the function leaves as they were keep their very samples; the others went through 8-bit RGB.
Raises  PresetError when the function is not allowed; ToolFailed when it fails; BadInput when it gives back another
        length, rate or size.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import InputMediaError, React1Error, ToolFailed
from ..core.node import NodeContext
from ..core.values import Media, Segment, VideoStream
from ..media.decode import exact_frames, rgb, turn_coded, turn_upright
from ..media.probe import probe, require_video
from .allowlist import Script, load_script
from .lossless_writer import LosslessWriter, file_name
from .moviepy_reader import Reader, picture_at


def apply_script(context: NodeContext, function: str, segment: Segment, media: Media) -> tuple[Media, tuple[str, ...]]:
    """Give the new file of `media`, and what the user should hear of it."""
    script = load_script(function)
    video = require_video(media)
    path = context.path(media.file)
    reader = Reader(path, video, lambda frame: turn_upright(rgb(frame, video), video))
    made = context.temp_path(file_name(video))
    clip = _call_script(function, lambda: _run_script(script, reader, segment))
    try:
        require_same_frames(function, clip, video, reader.at(0).shape)
        changed = _write(context, function, clip, path, media, made)
    finally:
        clip.close()
    said = f"script {function} changed {changed} of {video.frame_count} frames, worked out in 8-bit RGB"
    file = context.store(made)
    return _with_source_facts(probe(context.path(file), file), media), (said,)


def segment_facts(segment: Segment) -> dict[str, Any]:
    """Give what a script is told of its segment; plain values."""
    video = require_video(segment.source)
    return {
        "name": segment.name,
        "prompt": segment.edit.prompt,
        "temperature": segment.edit.temperature,
        "start_frame": segment.start_frame,
        "end_frame": segment.end_frame,
        "head_frames": segment.head_frames,
        "tail_frames": segment.tail_frames,
        "rate": float(video.rate),
    }


def require_same_frames(function: str, clip: Any, video: VideoStream, shape: tuple[int, ...]) -> None:
    """Raise BadInput where a clip differs from the file it stands for, saying in what."""
    rate = float(video.rate)
    size, wanted = tuple(getattr(clip, "size", None) or ()), (shape[1], shape[0])
    count = None if getattr(clip, "duration", None) is None else round(clip.duration * rate)
    found = []
    if count != video.frame_count:
        found.append(f"{'no length' if count is None else f'{count} frames'} instead of {video.frame_count} frames")
    if (fps := getattr(clip, "fps", None)) is not None and abs(fps - rate) > 1e-3 * rate:
        found.append(f"{fps:g} frames/s instead of {rate:g}")
    if size != wanted:
        found.append(f"{'x'.join(map(str, size)) or 'no size'} pixels instead of {wanted[0]}x{wanted[1]}")
    if found:
        raise InputMediaError(f"script {function} gave back {' and '.join(found)}; a segment must keep its frames")


def _run_script(script: Script, reader: Reader, segment: Segment) -> Any:
    from moviepy import VideoClip

    clip = script(reader.clip(), segment_facts(segment))
    if not isinstance(clip, VideoClip):
        raise TypeError(f"it gave back {type(clip).__name__}, not a moviepy VideoClip")
    return clip


def _call_script(function: str, act: Callable[[], Any]) -> Any:
    """Run the user's code; what it raises is told in one line."""
    try:
        return act()
    except React1Error:
        raise
    except Exception as error:
        raise ToolFailed(f"script {function} failed: {type(error).__name__}: {error}") from error


def _write(context: NodeContext, function: str, clip: Any, path: Path, media: Media, made: Path) -> int:
    video = require_video(media)
    changed = 0
    with LosslessWriter(made, path, media) as writer:
        for index, frame in exact_frames(path, video):
            given = turn_upright(rgb(frame, video), video)
            new = _call_script(function, partial(picture_at, clip, index, video.rate))
            if new.shape != given.shape:
                raise InputMediaError(f"script {function} gave back frame {index} as {new.shape}, not {given.shape}")
            if np.array_equal(new, given):
                writer.add(frame)
            else:
                writer.add_picture(turn_coded(new, video), frame.pts)
                changed += 1
            context.progress((index + 1) / video.frame_count)
    return changed


def _with_source_facts(made: Media, like: Media) -> Media:
    """Carry over what a container loses: turn, colour, exact rate."""
    video, given = require_video(made), require_video(like)
    kept = ("sample_aspect", "rotation_deg", "mirrored", "interlaced", "rate", "constant_rate")
    colours = ("color_range", "color_primaries", "color_transfer", "color_space")
    known = {name: getattr(given, name) for name in (*kept, *colours)}
    return made.model_copy(
        update={
            "video": video.model_copy(update=known),
            "start_s": like.start_s,
            "duration_s": like.duration_s,
            "start_timecode": like.start_timecode,
            "metrics": like.metrics,
            "notes": like.notes,
        }
    )
