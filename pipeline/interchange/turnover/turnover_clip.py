"""Cut a re-expressed segment out of the finished film, with handles and its true timecode, as a clip of its own.

Takes   the finished film, the frames to keep, and whether ProRes or the film's own codec is wanted.
Gives   a MOV (ProRes 422 HQ or 4444, PCM) or a file of the film's kind; upright, every sound track, timecode and reel.
Raises  ToolFailed when ffmpeg does, or gives another number of frames than was asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import ffmpeg

from ...core.errors import ToolFailed
from ...core.file import File
from ...core.node import NodeContext
from ...core.values import Media, VideoStream
from ...media.decode import frames
from ...media.ffmpeg import ffmpeg_path
from ...media.probe import probe_outside, require_video
from ...media.transcode import upright
from ...media.trim import picked, tick_s, write_tracks
from ...splicing.container import is_boxed
from ...splicing.encoders import Choice, choose, colour_options
from ...splicing.pictures.fields import fields

ClipCodec = Literal["prores", "source"]
_DEEP_SOUND_BITS = "pcm_s24le"


def cut_clip(
    context: NodeContext, film: Media, span: tuple[int, int], codec: ClipCodec, timecode: str, reel: str
) -> File:
    """Write the frames [first, end) of a film as a clip; `timecode` labels the first of them."""
    video, path = require_video(film), context.path(film.file)
    boxed = codec == "source" and is_boxed(film) and film.file.suffix == ".mp4"
    made = context.temp_path("clip.mp4" if boxed else "clip.mov")
    tracks = write_tracks(context, path, film, *span)
    ((_, first),) = frames(path, video, span[0], span[0] + 1)
    choice = _prores(video) if codec == "prores" else choose(video, 0, made.suffix, fields(first))
    lasts_s = float(tick_s(video, span[1]) - tick_s(video, span[0]))
    for seek in (True, False):  # some files cannot be sought in; from the start is slow and always right
        picture = picked(path, film, span, seek=seek)
        context.run_tool(_argv(picture, film, choice, tracks, made, timecode, reel), duration_s=lasts_s)
        given = require_video(probe_outside(made)).frame_count
        if given == span[1] - span[0]:
            return context.store(made)
    raise ToolFailed(f"ffmpeg gave {given} frames of the clip, not {span[1] - span[0]}")


def _prores(video: VideoStream) -> Choice:
    whole = "444" in video.pix_fmt or video.pix_fmt.startswith(("gbr", "rgb"))
    pix_fmt, profile = ("yuv444p10le", "4") if whole else ("yuv422p10le", "3")
    flags = {"flags": "+ildct+ilme"} if video.interlaced else {}
    return Choice("prores_ks", pix_fmt, {"profile:v": profile, "vendor": "apl0", **flags})


def _argv(
    picture: Any, film: Media, choice: Choice, tracks: list[Path], made: Path, timecode: str, reel: str
) -> list[str]:
    video = require_video(film)
    full = video.color_range == "pc"
    if choice.encoder == "prores_ks":
        turned = {"in_range": "full", "out_range": "limited"} if full else {}
        if video.interlaced:
            turned["interl"] = "1"  # else the colours of the two fields run into each other
        picture = picture.filter("scale", flags="lanczos+accurate_rnd+full_chroma_int", **turned)
    picture = upright(picture.filter("format", choice.pix_fmt), video)
    # A container such as Matroska rounds its times, and an editing system would see another rate.
    picture = picture.filter("setpts", f"N/({video.rate}*TB)")
    if video.rotation_deg or video.mirrored:
        picture = picture.filter("sidedata", mode="delete", type="DISPLAYMATRIX")
    tags = {name: value for name, value in colour_options(video).items() if value}
    if choice.encoder == "prores_ks":
        tags["color_range"] = "tv"
    options: dict[str, Any] = {
        "c:v": choice.encoder,
        **choice.options,
        **tags,
        "pix_fmt": choice.pix_fmt,
        "threads": "4",
        "c:a": _DEEP_SOUND_BITS if made.suffix == ".mov" else "aac",
        "fps_mode": "passthrough",
        "enc_time_base:v": f"{1 / video.rate}",  # of the picture alone: it would coarsen the times of the sound, too
        "video_track_timescale": str(video.rate.numerator if video.rate.denominator > 1 else int(video.rate) * 100),
        "timecode": timecode,
        "metadata:s:v:0": f"reel_name={reel}",
        "map_metadata": "-1",
        "movflags": "+faststart+write_colr",
        "fflags": "+bitexact",
        "flags:a": "+bitexact",
    }
    if choice.bit_rate:
        options["b:v"] = str(choice.bit_rate)
    if made.suffix == ".mp4":
        options["b:a"] = "320k"
    for place, track in enumerate(film.audio):
        told = {"language": track.language, "title": track.title}
        if tagged := [f"{name}={value}" for name, value in told.items() if value]:
            options[f"metadata:s:a:{place}"] = tagged
    sounds = [ffmpeg.input(f"file:{track}")["a:0"] for track in tracks]
    spelled: list[str] = (
        ffmpeg.output(picture, *sounds, f"file:{made}", **options).overwrite_output().compile(cmd=ffmpeg_path())
    )
    return spelled
