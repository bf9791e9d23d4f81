"""Which encoder re-encodes a picture stream, and with which settings: the same codec, visually lossless.

Quantisers are so low that the loss stays below the source's own: PSNR above 45 dB on the clips of the tests. How
pictures are made coarser is in `quantiser.py`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

from av.codec import Codec
from av.video.codeccontext import VideoCodecContext

from ..core.times import Timecode, timecode_to_frames
from ..core.values import VideoStream
from ..media.clip_writer import BT709, FULL_RANGE, TV_RANGE
from ..media.frames.color import is_rgb
from ..media.mpeg_headers import MPEG_CODECS
from .pictures.fields import FieldOrder, has_keyframes_only

_MPEG_RATES = (
    *(Fraction(rate * 1000, 1001) for rate in (24, 30, 60)),
    *(Fraction(rate) for rate in (24, 25, 30, 50, 60)),
)
_MPEG4_ENCODERS = {"mpeg4": "mpeg4", "msmpeg4v3": "msmpeg4", "flv1": "flv", "wmv1": "wmv1", "wmv2": "wmv2"}
_MPEG4_TICKS = 65_535
_THREADS = 4
"""Fixed, since most encoders write other bytes for another number, and a film must be the same everywhere. x265 and
SVT-AV1 use all cores besides; each of x264's threads keeps pictures, and with six a splice passes 400 MB at 1080p."""
_PRORES_PROFILES = {"proxy": 0, "lt": 1, "standard": 2, "hq": 3, "4444": 4, "xq": 5}


@dataclass(frozen=True)
class EncoderSettings:
    """An encoder, its pixel format, and its options."""

    encoder: str
    pix_fmt: str
    options: dict[str, str] = field(default_factory=dict)
    same_codec: bool = True
    bit_rate: int = 0
    writes_aspect: bool = True
    """Whether the sample aspect ratio is written; many films leave it out if it is square."""
    time_base: Fraction | None = None
    """Seconds per tick of the encoder, which H.264 writes into its headers; None for one tick per frame."""


@contextlib.contextmanager
def normal_priority() -> Iterator[None]:
    """Open encoders inside the block without a change of the process's priority.

    Run as root, SVT-AV1 makes the thread that opens it a real-time thread (SCHED_FIFO 99), and with it every thread and
    process that comes from there: they would starve all others of the machine. Here they get back what was before.
    """
    if not hasattr(os, "sched_getscheduler"):  # Linux only
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            for task in Path("/proc/self/task").iterdir():
                with contextlib.suppress(OSError):  # a thread may have ended
                    if os.sched_getscheduler(int(task.name)) == os.SCHED_FIFO:
                        os.sched_setscheduler(int(task.name), policy, parameters)


def choose_encoder(
    video: VideoStream,
    reorder: int,
    suffix: str = ".mp4",
    field_order: FieldOrder = "top first",
    *,
    finer: bool = False,
) -> EncoderSettings:
    """Choose the encoder for a stream.

    Args:
        video: the stream.
        reorder: by how many positions pictures may be reordered: 0, 1 or 2.
        suffix: of the film's container.
        field_order: used only if the stream is interlaced.
        finer: halve the quantiser of encoders that have one.
    """
    settings = _with_field_order(_progressive_settings(video, reorder, suffix), video, field_order)
    crf = settings.options.get("crf")
    return replace(settings, options={**settings.options, "crf": str(int(crf) // 2)}) if finer and crf else settings


def _progressive_settings(video: VideoStream, reorder: int, suffix: str) -> EncoderSettings:
    builders: dict[str, Callable[[VideoStream, int], EncoderSettings]] = {
        "h264": _x264,
        "hevc": _x265,
        "vp8": _libvpx,
        "vp9": _libvpx,
        "av1": _svt_av1,
        **dict.fromkeys(MPEG_CODECS, _mpeg),
        **dict.fromkeys(_MPEG4_ENCODERS, _mpeg4),
        "mjpeg": _mjpeg,
        "prores": _prores,
        **dict.fromkeys(("ffv1", "qtrle"), lambda stream, _: EncoderSettings(stream.codec, stream.pix_fmt)),
    }
    builder = builders.get(video.codec)
    if builder is not None:
        settings = builder(video, reorder)
        if settings.pix_fmt in pixel_formats(settings.encoder):
            return settings
    if suffix == ".webm":
        deep = video.bit_depth > 8 and "yuv420p10le" not in pixel_formats("libvpx-vp9")
        return _substitute(video, _svt_av1(video, reorder) if deep else _libvpx(video, reorder))
    return _substitute(video, _x264(video, reorder))


def _with_field_order(settings: EncoderSettings, video: VideoStream, order: FieldOrder) -> EncoderSettings:
    """Make an encoder code interlaced frames; the other encoders have no fields, or read them from the frame."""
    options = settings.options
    if not video.interlaced:
        return settings
    if settings.encoder == "libx264":
        first = "bff=1" if order == "bottom first" else "tff=1"
        return replace(settings, options={**options, "x264-params": f"{options['x264-params']}:{first}"})
    if settings.encoder in ("mpeg2video", "mpeg4", "prores_ks"):
        return replace(settings, options={**options, "flags": options.get("flags", "") + "+ildct+ilme"})
    return settings


def _substitute(video: VideoStream, settings: EncoderSettings) -> EncoderSettings:
    """Adapt settings to a stream of another codec or pixel format."""
    formats = pixel_formats(settings.encoder)
    fallback = "yuv420p10le" if video.bit_depth > 8 else "yuv420p"
    pix_fmt = settings.pix_fmt if settings.pix_fmt in formats else fallback
    same = (settings.encoder, video.codec) in (("libx264", "h264"), ("libvpx-vp9", "vp9"))
    return EncoderSettings(settings.encoder, pix_fmt, settings.options, same_codec=same, bit_rate=settings.bit_rate)


@cache
def pixel_formats(encoder: str) -> frozenset[str]:
    """Return the pixel formats that an encoder of this installation takes."""
    return frozenset(video_format.name for video_format in Codec(encoder, "w").video_formats or ())


X264_RGB = {"gbrp": "rgb24"}
"""What `libx264rgb` takes for the pixel format that its pictures have."""


def _x264(video: VideoStream, reorder: int) -> EncoderSettings:
    # The macroblock tree reads memory that x264 never wrote: with it, two runs give different bytes.
    params = [
        "mbtree=0",
        "open-gop=0",
        f"bframes={3 if reorder else 0}",
        f"b-pyramid={'normal' if reorder > 1 else 'none'}",
    ]
    options = {"preset": "fast", "crf": "12", "x264-params": ":".join(params)}
    if video.pix_fmt in X264_RGB:
        return EncoderSettings("libx264rgb", X264_RGB[video.pix_fmt], options)
    return EncoderSettings("libx264", video.pix_fmt, options)


def _x265(video: VideoStream, reorder: int) -> EncoderSettings:
    params = [
        "log-level=none",
        "open-gop=0",
        "repeat-headers=0",
        f"bframes={3 if reorder else 0}",
        f"b-pyramid={1 if reorder > 1 else 0}",
    ]
    options = {"preset": "veryfast", "crf": "10", "a53cc": "1", "x265-params": ":".join(params)}
    return EncoderSettings("libx265", video.pix_fmt, options)


def _libvpx(video: VideoStream, reorder: int) -> EncoderSettings:
    # Alternate reference frames are packets without a picture: they would break one packet per frame.
    options = {"crf": "4", "deadline": "good", "cpu-used": "4", "auto-alt-ref": "0", "lag-in-frames": "0", "qmin": "0"}
    encoder = "libvpx" if video.codec == "vp8" else "libvpx-vp9"
    # The quantiser decides: VP9 needs no bit rate then, VP8 needs one that it does not reach.
    rate = max(8_000_000, video.width_px * video.height_px * 200) if video.codec == "vp8" else 0
    return EncoderSettings(encoder, video.pix_fmt, options, bit_rate=rate)


def _svt_av1(video: VideoStream, reorder: int) -> EncoderSettings:
    # Low delay: no lookahead of many pictures, and every picture is shown in the order in which it is coded.
    # Its faster presets break ten bits at fine quantisers: hard edges came to 32 dB at preset 8, to 67 dB at 6.
    preset = "6" if video.bit_depth > 8 else "8"
    options = {"preset": preset, "crf": "10", "svtav1-params": "pred-struct=1"}
    return EncoderSettings("libsvtav1", video.pix_fmt, options)


def _mpeg(video: VideoStream, reorder: int) -> EncoderSettings:
    options = {"flags": "+qscale", "global_quality": "118", "qmin": "1", "bf": "0", "g": "15"}
    if video.codec == "mpeg1video":
        # Its coefficients end at 255: at the finest step a hard edge is clipped, unless each block is tried.
        options["mbd"] = "rd"
    return EncoderSettings(video.codec, video.pix_fmt, options, bit_rate=video.bit_rate or 8_000_000)


def with_timecode(settings: EncoderSettings, timecode: Timecode, rate: Fraction) -> EncoderSettings | None:
    """Add the timecode of the first picture to settings; None if the encoder writes none, or not this one.

    Pictures of MPEG-1 and MPEG-2 have one. `rate` is the film's.
    """
    if settings.encoder not in MPEG_CODECS:
        return None
    with contextlib.suppress(ValueError):
        timecode_to_frames(timecode, encoder_rate(settings, rate))
        return replace(settings, options={**settings.options, "gop_timecode": str(timecode)})
    return None


def as_intra_only(settings: EncoderSettings, film: Path, stream: int) -> EncoderSettings:
    """Return settings with which every picture is a keyframe, if those of the film are and its codec stays."""
    return intra_only(settings) if settings.same_codec and has_keyframes_only(film, stream) else settings


def intra_only(settings: EncoderSettings) -> EncoderSettings:
    """Return settings with which every picture is a keyframe."""
    return replace(settings, options={**settings.options, "g": "1"})


def with_keyframes(settings: EncoderSettings) -> EncoderSettings:
    """Return settings with which a frame that is asked to be a keyframe (picture type I) becomes one."""
    if settings.encoder != "libx265":  # its I pictures are none otherwise
        return settings
    return replace(settings, options={**settings.options, "forced-idr": "1"})


def _mpeg4(video: VideoStream, reorder: int) -> EncoderSettings:
    # The finest step clips hard edges, unless each block is tried; XviD's and DivX's streams are MPEG-4 Part 2.
    options = {"flags": "+qscale", "global_quality": "118", "qmin": "1", "bf": "0", "g": "15", "mbd": "rd"}
    return EncoderSettings(_MPEG4_ENCODERS[video.codec], "yuv420p", options, bit_rate=video.bit_rate or 8_000_000)


def _mjpeg(video: VideoStream, reorder: int) -> EncoderSettings:
    return EncoderSettings("mjpeg", video.pix_fmt, {"flags": "+qscale", "global_quality": "118", "qmin": "1"})


def _prores(video: VideoStream, reorder: int) -> EncoderSettings:
    profile = _PRORES_PROFILES.get(video.profile.lower(), 3)
    # Decoders give 12 bits for 4444, the encoder takes 10; the difference is below the coding loss.
    pix_fmt = video.pix_fmt.replace("p12", "p10")
    return EncoderSettings("prores_ks", pix_fmt, {"profile": str(profile), "qscale": "4", "vendor": "apl0"})


def codec_change(video: VideoStream, settings: EncoderSettings) -> str:
    """Return in one sentence that the codec changes, and to which; empty if it stays."""
    name = new_codec(settings)
    if not name:
        return ""
    return f"{video.codec} ({video.pix_fmt}) is not encoded in its own codec here: the pictures become {name}"


def change_notes(video: VideoStream, settings: EncoderSettings) -> tuple[str, ...]:
    """Return sentences that say what changes of the codec and of the pixel format; none if both stay."""
    notes = [change] if (change := codec_change(video, settings)) else []
    if settings.pix_fmt not in (video.pix_fmt, X264_RGB.get(video.pix_fmt)):
        notes.append(f"the pixel format changed from {video.pix_fmt} to {settings.pix_fmt}")
    return tuple(notes)


def new_codec(settings: EncoderSettings) -> str:
    """Return the name of the codec that replaces the film's; "" if it stays."""
    return "" if settings.same_codec else str(Codec(settings.encoder, "w").canonical_name)


def encoder_rate(settings: EncoderSettings, rate: Fraction) -> Fraction:
    """Return the frame rate for an encoder; the muxer gets the true times.

    MPEG-1 and MPEG-2 have eight; MPEG-4 Part 2 counts at most 65,535 ticks a second.
    """
    if settings.encoder in _MPEG4_ENCODERS.values() and rate.numerator > _MPEG4_TICKS:
        return Fraction(round(rate * 1000), 1000).limit_denominator(1000) if rate < 60 else Fraction(round(rate))
    if settings.encoder not in MPEG_CODECS:
        return rate if rate > 0 else Fraction(25)
    return min(_MPEG_RATES, key=lambda known: abs(known - rate))


def loses_rgb(video: VideoStream, pix_fmt: str) -> bool:
    """Return whether red, green and blue become luma and chroma in pictures that get this pixel format."""
    return is_rgb(video.pix_fmt) and not is_rgb(pix_fmt)


def color_conversion(video: VideoStream, pix_fmt: str) -> dict[str, int]:
    """Return options of `reformat` for pictures that get another pixel format, which `color_options` describes."""
    if loses_rgb(video, pix_fmt):
        return {"src_color_range": FULL_RANGE, "dst_colorspace": BT709, "dst_color_range": TV_RANGE}
    return {}


def color_options(video: VideoStream, pix_fmt: str) -> dict[str, str]:
    """Return the source's color description as options of an encoder of `pix_fmt`, without what is unknown."""
    space, color_range = video.color_space, video.color_range
    if loses_rgb(video, pix_fmt):
        space, color_range = "bt709", "tv"
    elif space == "gbr":
        # FLV may say so of luma and chroma, which no encoder takes.
        space = "rgb" if is_rgb(pix_fmt) else ""
    named = {
        "color_range": color_range,
        "color_primaries": video.color_primaries,
        "color_trc": video.color_transfer,
        "colorspace": space,
    }
    return {key: name for key, name in named.items() if name and name not in ("unknown", "reserved")}


def configure_encoder(context: VideoCodecContext, video: VideoStream, settings: EncoderSettings) -> None:
    """Set the source's size, color and sample aspect ratio on an encoder that is not open yet."""
    context.width, context.height, context.pix_fmt = video.width_px, video.height_px, settings.pix_fmt
    if settings.bit_rate:
        context.bit_rate = settings.bit_rate
    if video.sample_aspect > 0 and settings.writes_aspect:
        context.sample_aspect_ratio = video.sample_aspect
    context.options = {**settings.options, **color_options(video, settings.pix_fmt)}
    if settings.encoder == "libx264":
        # Cameras keep data of their own in each picture's unregistered SEI messages; x265 garbles them, see hevc.py.
        context.options = {**context.options, "udu_sei": "1"}
    context.thread_type, context.thread_count = "AUTO", _THREADS
    if settings.encoder == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # errors only; by default it logs to the terminal
