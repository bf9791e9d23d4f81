"""Render one take in a process of its own: `python -m react1.pipeline.server.worker FOLDER`.

Reads the request from the folder, fetches the media, transcodes the video if the engine needs it, renders, applies
perturbations, and writes the result to the folder. An unexpected exception ends this process and fails this request
only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from ..core.errors import InputMediaError, React1Error
from ..core.values import Media, VideoStream
from ..media.probe import require_video
from ..media.timing.clock import timecode_rate
from ..media.timing.frame_rate import nearest_rate
from ..media.tools.ffmpeg import ffmpeg_path
from ..media.transcode import LIMITS, transcode, video_duration_s
from ..providers.local import PREVIEW, detect_faces_cached
from .faults import Perturbation
from .sources import FolderContext, fetch_media, probe_file
from .worker_protocol import REQUEST_FILE, WorkerRequest, WorkerResult, failed_result, write_result

MEMORY_BYTES = 8 << 30
"""Limit of the address space: a decompression bomb ends the worker, not the machine."""
VOICE_HZ = 48_000
_TAKE_CODING: dict[str, Any] = {"c:v": "libx264", "crf": "12", "preset": "ultrafast", "c:a": "copy"}


def main(folder: Path) -> None:
    """Render the take that the request in `folder` describes."""
    _limit_memory()
    request = WorkerRequest.model_validate_json((folder / REQUEST_FILE).read_bytes())
    try:
        result = render_take(request, folder)
    except React1Error as error:
        result = failed_result(error)
    write_result(folder, result)


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard_limit = resource.getrlimit(resource.RLIMIT_AS)
    limit = MEMORY_BYTES if hard_limit == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard_limit)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard_limit))


def render_take(request: WorkerRequest, folder: Path) -> WorkerResult:
    """Render the take with the local engine.

    Raises:
        InputMediaError: the media cannot be used.
        ProviderError: the media cannot be fetched.
        MissingExtra: the engine is not installed.
        ToolFailed: ffmpeg failed.
    """
    from ..engine.render.render import render
    from ..engine.take_job import TakeJob
    from ..media.audio.samples import read_all, write_wav

    context = FolderContext(folder, Path(request.home) if request.home else None)
    video, audio = fetch_media(context, request)
    if not engine_accepts(video):
        video, _ = transcode(context, video, "react1")
    voice = write_wav(context.temp_path("voice.wav"), read_all(context.path(audio.file), VOICE_HZ), VOICE_HZ)
    take = context.temp_path("take.mp4")
    faces = detect_faces_cached(context, video.file, lambda _: None)
    job = TakeJob(take, request.parameters, voice)
    rendering = render(context.path(video.file), job, detections=faces, progress=lambda _: None)
    return _perturbed_result(context, request, take, (PREVIEW, *rendering.notes))


def copy_take(request: WorkerRequest, folder: Path, check: Callable[[], None]) -> WorkerResult:
    """Return the source video as the take, unchanged but for perturbations."""
    context = FolderContext(folder)
    video, _ = fetch_media(context, request, check)
    take = context.temp_path("take.mp4")
    take.write_bytes(context.path(video.file).read_bytes())
    return _perturbed_result(context, request, take, ("a copy of the source video, as `engine: copy` requests",))


def mark_take(request: WorkerRequest, folder: Path, check: Callable[[], None]) -> WorkerResult:
    """Return the source video with a lighter square in its middle as the take, in which every frame is changed."""
    context = FolderContext(folder)
    video, _ = fetch_media(context, request, check)
    take = context.temp_path("take.mp4")
    context.run_tool(mark_argv(ffmpeg_path(), context.path(video.file), take))
    return _perturbed_result(context, request, take, ("the source video with a square, as `engine: mark` requests",))


def mark_argv(ffmpeg_path: str, source: Path, output: Path) -> list[str]:
    """Build the ffmpeg command that lightens a square, too little for a visible seam; the audio is copied. Pure."""
    streams = ffmpeg.input(f"file:{source}")
    square = {"x": "(iw-ih/4)/2", "y": "ih*3/8", "w": "ih/4", "h": "ih/4", "color": "white@0.09", "thickness": "fill"}
    return _take_argv(ffmpeg_path, streams["v:0"].filter("drawbox", **square), streams, output)


def _take_argv(ffmpeg_path: str, picture: Any, streams: Any, output: Path) -> list[str]:
    """Build the ffmpeg command that writes a picture, and the audio of its input, as a take."""
    command = ffmpeg.output(picture, streams["a?"], f"file:{output}", movflags="+faststart", **_TAKE_CODING)
    argv: list[str] = command.overwrite_output().compile(cmd=ffmpeg_path)
    return argv


def engine_accepts(media: Media) -> bool:
    """Return whether the engine can read the video without transcoding."""
    video = require_video(media)
    return all(
        (
            "mp4" in media.container,
            video.codec == "h264",
            video.pix_fmt == "yuv420p",
            video.constant_rate and video.rate == nearest_rate(timecode_rate(video)),
            int(video.timestamps.array[0]) == 0,
            _fits_envelope(video),
            not video.interlaced,
            not video.is_hdr,
        )
    )


def _fits_envelope(video: VideoStream) -> bool:
    envelope, sides = LIMITS["react1"], sorted((video.width_px, video.height_px))
    in_size = sides[0] <= envelope.short_side_px and sides[1] <= envelope.long_side_px
    upright = video.rotation_deg == 0 and not video.mirrored and video.sample_aspect == Fraction(1)
    return upright and in_size and not (video.width_px % 2 or video.height_px % 2)


def _perturbed_result(
    context: FolderContext, request: WorkerRequest, take: Path, notes: tuple[str, ...]
) -> WorkerResult:
    for perturbation in request.perturbations:
        output = context.temp_path("perturbed.mp4")
        video = require_video(probe_file(take, "the take"))
        context.run_tool(perturb_argv(ffmpeg_path(), perturbation, video, take, output))
        take = output
    duration_s = video_duration_s(require_video(probe_file(take, "the take")))
    return WorkerResult(file=take.name, output_s=round(float(duration_s), 6), notes=notes)


def perturb_argv(
    ffmpeg_path: str, perturbation: Perturbation, video: VideoStream, source: Path, output: Path
) -> list[str]:
    """Build the ffmpeg command that perturbs a take; its audio is copied. Pure.

    Raises:
        InputMediaError: no frame would be left.
    """
    streams = ffmpeg.input(f"file:{source}")
    picture = _change_timing(streams["v:0"], perturbation, video)
    if perturbation.width_px or perturbation.height_px:
        size = perturbation.width_px or video.width_px, perturbation.height_px or video.height_px
        picture = picture.filter("scale", *size)
    if perturbation.round_lines_to:
        lines = perturbation.height_px or video.height_px
        picture = _pad_lines(picture, lines, perturbation.round_lines_to)
    if perturbation.colour_shift:
        shift = perturbation.colour_shift  # lutyuv clips values that leave the range
        picture = picture.filter("lutyuv", u=f"val{-shift:+d}", v=f"val{shift:+d}")
    return _take_argv(ffmpeg_path, picture, streams, output)


def _change_timing(picture: Any, perturbation: Perturbation, video: VideoStream) -> Any:
    shorter, longer = perturbation.shorter_frames, perturbation.longer_frames
    if shorter >= video.frame_count:
        raise InputMediaError(f"the take has {video.frame_count} frames; {shorter} cannot be removed")
    if shorter:
        picture = picture.filter("trim", end_frame=video.frame_count - shorter)
    if longer:
        picture = picture.filter("tpad", stop=longer, stop_mode="clone")
    return picture.filter("fps", fps=str(Fraction(perturbation.rate))) if perturbation.rate else picture


def _pad_lines(picture: Any, lines: int, multiple: int) -> Any:
    added = -lines % multiple
    if not added:
        return picture
    padded = picture.filter("pad", "iw", lines + added, 0, 0)
    return padded.filter("fillborders", bottom=added, mode="smear")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
