"""Apply a user's MoviePy function to the video of a file, frame by frame.

The output is a lossless file with the same frames, times, size, pixel format and color description; audio is copied.
Frames that the function returns unchanged keep their exact samples; the others are converted by 8-bit RGB.

Only files that the user named, on the command line or in the environment, may run: a preset can come from anywhere, so
it names a function of such a file, never a path.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from ..core.errors import PresetError, React1Error, ToolFailed
from ..core.file import expand_user
from ..core.nodes.node import NodeContext
from ..core.values import Media, Segment
from ..media.frames.decode import rgb, turn_upright
from ..media.probe import probe, require_video
from .lossless_clip import file_name, require_same_frames, with_facts_of, write_like
from .moviepy_clips import Reader, picture_at, require_moviepy

ENVIRONMENT = "REACT1_SCRIPT"
SHIPPED: ContextVar[tuple[Path, ...] | None] = ContextVar("shipped", default=None)
"""Copies of the user's files for a call that another machine has sent; they replace the environment's."""
Script = Callable[[Any, dict[str, Any]], Any]
"""`f(clip: moviepy.VideoClip, segment: dict) -> moviepy.VideoClip`."""


def script_file(function: str) -> Path:
    """Return the file that `module:function` belongs to.

    Raises:
        PresetError: the user has not named such a file, or it does not exist.
    """
    module = function.partition(":")[0]
    paths = allowed_files()
    for path in paths:
        if path.stem == module and path.suffix == ".py":
            if not path.is_file():
                raise PresetError(f"script {path}, named by {ENVIRONMENT} or --script, does not exist; check the path")
            return path
    allowed = f"allowed: {', '.join(path.name for path in paths)}" if paths else "no script is allowed"
    raise PresetError(
        f"script {function!r} is not allowed: a preset cannot bring its own code ({allowed}); "
        f"if you trust {module}.py, give --script /path/to/{module}.py or set {ENVIRONMENT}"
    )


def allowed_files() -> list[Path]:
    """Return the files that the user has named, or that came with the call."""
    shipped = SHIPPED.get()
    if shipped is not None:
        return list(shipped)
    return [expand_user(part) for part in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if part]


def script_digest(function: str) -> str:
    """Return the SHA-256 of a function's file, in hex: it is part of the step's key."""
    return hashlib.sha256(script_file(function).read_bytes()).hexdigest()


def load_script(function: str) -> Script:
    """Run a function's file and return the function.

    Raises:
        PresetError: the file is not allowed, raises, or has no such function.
    """
    path = script_file(function)
    name = function.partition(":")[2]
    function_object = getattr(_run_file(path), name, None)
    if not callable(function_object):
        raise PresetError(f"script {path.name} has no function {name!r}")
    script: Script = function_object
    return script


def _run_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"react1_script_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise PresetError(f"script {path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise PresetError(f"script {path.name} cannot be run: {type(error).__name__}: {error}") from error
    return module


def apply_script(context: NodeContext, function: str, segment: Segment, media: Media) -> tuple[Media, tuple[str, ...]]:
    """Apply a function to `media` and return the new media and the notes.

    Raises:
        PresetError: the function is not allowed.
        ToolFailed: it raises.
        InputMediaError: it returns another length, rate or size.
    """
    script = load_script(function)
    video = require_video(media)
    path = context.path(media.file)
    reader = Reader(path, video, lambda frame: turn_upright(rgb(frame, video), video))
    output = context.temp_path(file_name(video))
    clip = _call_script(function, lambda: _run_script(script, reader, segment))
    try:
        require_same_frames(f"script {function} returned", clip, video, reader.at(0).shape)
        changed = write_like(
            lambda index: _call_script(function, partial(picture_at, clip, index, video.rate)),
            path,
            media,
            output,
            what=f"script {function} returned",
            progress=context.progress,
        )
    finally:
        clip.close()
    note = f"script {function} changed {changed} of {video.frame_count} frames; they were converted by 8-bit RGB"
    file = context.store(output)
    return with_facts_of(media, probe(context.path(file), file)), (note,)


def segment_facts(segment: Segment) -> dict[str, Any]:
    """Return the description of a segment that a script gets; plain values."""
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


def _run_script(script: Script, reader: Reader, segment: Segment) -> Any:
    clip = script(reader.clip(), segment_facts(segment))
    if not isinstance(clip, require_moviepy().VideoClip):
        raise TypeError(f"it returned {type(clip).__name__}, not a moviepy VideoClip")
    return clip


def _call_script(function: str, call: Callable[[], Any]) -> Any:
    """Run the user's code, converting its exceptions to ToolFailed."""
    try:
        return call()
    except React1Error:
        raise
    except Exception as error:
        raise ToolFailed(f"script {function} failed: {type(error).__name__}: {error}") from error
