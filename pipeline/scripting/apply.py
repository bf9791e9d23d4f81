"""Apply a user's MoviePy function to the video of a file, frame by frame.

The output is a lossless file with the same frames, times, size, pixel format and color description; audio is copied.
Frames that the function returns unchanged keep their exact samples; the others are converted by 8-bit RGB.

Scripts that may run: only files that the user named, on the command line or in the environment.

A preset can come from anywhere, so it names a function of such a file, never a path.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputMediaError, PresetError, React1Error, ToolFailed
from ..core.nodes.node import NodeContext
from ..core.values import Media, Segment, VideoStream
from ..media.clip_writer import BT709, FULL_RANGE, TV_RANGE, ClipWriter, ColorTags, VideoSettings, rgb_frame
from ..media.frames.color import PRIMARIES, SPACES, TRANSFERS, full_color
from ..media.frames.decode import exact_frames, rgb, turn_coded, turn_upright
from ..media.probe import probe, require_video
from .moviepy_clips import Reader, picture_at

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
    # Unlike Path.expanduser, this does not raise for a user who does not exist.
    return [
        Path(os.path.expanduser(part))  # noqa: PTH111
        for part in os.environ.get(ENVIRONMENT, "").split(os.pathsep)
        if part
    ]


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
        require_same_frames(function, clip, video, reader.at(0).shape)
        changed = _write(context, function, clip, path, media, output)
    finally:
        clip.close()
    note = f"script {function} changed {changed} of {video.frame_count} frames; they were converted by 8-bit RGB"
    file = context.store(output)
    return _with_source_facts(probe(context.path(file), file), media), (note,)


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


def require_same_frames(function: str, clip: Any, video: VideoStream, shape: tuple[int, ...]) -> None:
    """Check that a clip has the length, rate and size of the video that it replaces.

    Raises:
        InputMediaError: it differs; the message says in what.
    """
    rate = float(video.rate)
    size, video_size = tuple(getattr(clip, "size", None) or ()), (shape[1], shape[0])
    count = None if getattr(clip, "duration", None) is None else round(clip.duration * rate)
    differences = []
    if count != video.frame_count:
        length = "no length" if count is None else f"{count} frames"
        differences.append(f"{length} instead of {video.frame_count} frames")
    if (fps := getattr(clip, "fps", None)) is not None and abs(fps - rate) > 1e-3 * rate:
        differences.append(f"{fps:g} frames/s instead of {rate:g}")
    if size != video_size:
        text = "x".join(map(str, size)) or "no size"
        differences.append(f"{text} pixels instead of {video_size[0]}x{video_size[1]}")
    if differences:
        raise InputMediaError(f"script {function} returned {' and '.join(differences)}; a segment must keep its frames")


def _run_script(script: Script, reader: Reader, segment: Segment) -> Any:
    from moviepy import VideoClip

    clip = script(reader.clip(), segment_facts(segment))
    if not isinstance(clip, VideoClip):
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


def _write(context: NodeContext, function: str, clip: Any, path: Path, media: Media, output: Path) -> int:
    video = require_video(media)
    changed = 0
    with LosslessWriter(output, path, media) as writer:
        for index, frame in exact_frames(path, video):
            original = turn_upright(rgb(frame, video), video)
            picture = _call_script(function, partial(picture_at, clip, index, video.rate))
            if picture.shape != original.shape:
                raise InputMediaError(
                    f"script {function} returned frame {index} as {picture.shape}, not {original.shape}"
                )
            if np.array_equal(picture, original):
                writer.add(frame)
            else:
                writer.add_picture(turn_coded(picture, video), frame.pts)
                changed += 1
            context.progress((index + 1) / video.frame_count)
    return changed


def _with_source_facts(media: Media, source: Media) -> Media:
    """Return the new media with the properties that a container loses: rotation, color, exact rate."""
    video, source_video = require_video(media), require_video(source)
    names = ("sample_aspect", "rotation_deg", "mirrored", "interlaced", "rate", "constant_rate")
    colors = ("color_range", "color_primaries", "color_transfer", "color_space")
    properties = {name: getattr(source_video, name) for name in (*names, *colors)}
    return media.model_copy(
        update={
            "video": video.model_copy(update=properties),
            "start_s": source.start_s,
            "duration_s": source.duration_s,
            "start_timecode": source.start_timecode,
            "metrics": source.metrics,
            "notes": source.notes,
        }
    )


_X264_FORMATS = frozenset(
    [f"{family}{layout}p" for family in ("yuv", "yuvj") for layout in (420, 422, 444)]
    + [f"yuv{layout}p10le" for layout in (420, 422, 444)]
)
_FINEST_TIMESCALE = 1_000_000


def file_name(video: VideoStream) -> str:
    """Name a file that stores this video losslessly on its own time base: x264 in QuickTime, or FFV1 in NUT."""
    return "scripted.mov" if video.pix_fmt in _X264_FORMATS else "scripted.nut"


class LosslessWriter:
    """Writes one file in a `with` block; frames are added in order."""

    def __init__(self, target: Path, path: Path, like: Media) -> None:
        """Start `target`, named by `file_name`, with the properties and the audio of `like`, whose file is `path`."""
        self._video = require_video(like)
        self._color = full_color(self._video)
        ticks = self._video.time_base.denominator
        options = {"fflags": "+bitexact"}
        if target.suffix == ".mov":
            options["video_track_timescale"] = str(ticks if ticks <= _FINEST_TIMESCALE else 90_000)
        self._writer = ClipWriter(target, options=options)
        self._writer.add_copies(path, [track.index for track in like.audio])
        self._writer.add_video(self._settings())

    def __enter__(self) -> LosslessWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._writer.finish()
                self._writer.copy_packets()
        finally:
            self._writer.close()

    def add(self, frame: Any) -> None:
        """Add a decoded frame unchanged."""
        frame.pict_type = 0
        frame.time_base = self._video.time_base
        self._writer.write_frame(frame)

    def add_picture(self, picture: NDArray[np.uint8], ticks: int) -> None:
        """Add `(height, width, 3) uint8 RGB` in coded orientation, shown at `ticks` of the file's time base."""
        matrix = _code(SPACES, self._color.space)
        matrix = BT709 if matrix is None else matrix
        frame = rgb_frame(picture, self._video.pix_fmt, matrix=matrix, range_=self._range)
        frame.pts = ticks
        self.add(frame)

    @property
    def _range(self) -> int:
        return FULL_RANGE if self._color.range == "pc" else TV_RANGE

    def _settings(self) -> VideoSettings:
        video = self._video
        x264 = video.pix_fmt in _X264_FORMATS  # 8 and 10 bits; its `qp 0` is lossless at both
        return VideoSettings(
            "libx264" if x264 else "ffv1",
            (video.width_px, video.height_px),
            video.rate,
            video.pix_fmt,
            time_base=video.time_base,
            options={"preset": "ultrafast", "qp": "0", "bf": "0"} if x264 else {"level": "3", "g": "1"},
            color=ColorTags(
                _code(PRIMARIES, video.color_primaries),
                _code(TRANSFERS, video.color_transfer),
                _code(SPACES, video.color_space),
                self._range,
            ),
        )


def _code(names: dict[int, str], name: str) -> int | None:
    """Return the code point of a name."""
    return next((code for code, known in names.items() if known == name), None)
