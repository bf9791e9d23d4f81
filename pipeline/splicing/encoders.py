"""Which encoder takes a picture stream, and how: the same codec family, visually lossless.

Pure but for one look at what the installed libraries can do. Quantisers are low enough that the loss lies
under the source's own: measured in docs as PSNR above 45 dB on the clips of the tests.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache

from av.codec import Codec
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream as AvVideoStream

from ..core.values import VideoStream
from .pictures.fields import Fields

_MPEG_RATES = (
    *(Fraction(rate * 1000, 1001) for rate in (24, 30, 60)),
    *(Fraction(rate) for rate in (24, 25, 30, 50, 60)),
)
_THREADS = 4
"""Fixed, since most encoders write other bytes for another number: one film must come out alike everywhere. x265 and
SVT-AV1 use all cores besides; each of x264's threads holds pictures, and with six a splice passes 400 MB at 1080p."""
_PRORES = {"proxy": 0, "lt": 1, "standard": 2, "hq": 3, "4444": 4, "xq": 5}


@dataclass(frozen=True)
class Choice:
    """An encoder, the pixel format that it gets, and its options."""

    encoder: str
    pix_fmt: str
    options: dict[str, str] = field(default_factory=dict)
    same_codec: bool = True
    bit_rate: int = 0
    says_aspect: bool = True
    """Whether the pixels' shape is written; many films leave out that it is square."""
    clock: Fraction | None = None
    """Seconds per tick of the encoder, which H.264 writes down; None for one tick per frame."""


def choose(
    video: VideoStream, reorder: int, suffix: str = ".mp4", fields: Fields = "top first", *, finer: bool = False
) -> Choice:
    """Choose the encoder for a stream; pictures are reordered by at most `reorder` places (0, 1 or 2).

    `fields` counts where the stream is interlaced. With `finer` an encoder that has a quantiser gets half of it.
    """
    choice = _woven(_chosen(video, reorder, suffix), video, fields)
    crf = choice.options.get("crf")
    return replace(choice, options={**choice.options, "crf": str(int(crf) // 2)}) if finer and crf else choice


def _chosen(video: VideoStream, reorder: int, suffix: str) -> Choice:
    makers: dict[str, Callable[[VideoStream, int], Choice]] = {
        "h264": _x264,
        "hevc": _x265,
        "vp8": _vpx,
        "vp9": _vpx,
        "av1": _svt,
        "mpeg1video": _mpeg,
        "mpeg2video": _mpeg,
        "mjpeg": _mjpeg,
        "prores": _prores,
        "ffv1": lambda one, _: Choice("ffv1", one.pix_fmt),
    }
    maker = makers.get(video.codec)
    if maker is not None:
        choice = maker(video, reorder)
        if choice.pix_fmt in pixel_formats(choice.encoder):
            return choice
    if suffix == ".webm":
        deep = video.bit_depth > 8 and "yuv420p10le" not in pixel_formats("libvpx-vp9")
        return _other(video, _svt(video, reorder) if deep else _vpx(video, reorder))
    return _other(video, _x264(video, reorder))


def _woven(choice: Choice, video: VideoStream, fields: Fields) -> Choice:
    """Tell an encoder that a frame is two fields; those left out here know no fields, or read them off the frame."""
    options = choice.options
    if not video.interlaced:
        return choice
    if choice.encoder == "libx264":
        first = "bff=1" if fields == "bottom first" else "tff=1"
        return replace(choice, options={**options, "x264-params": f"{options['x264-params']}:{first}"})
    if choice.encoder in ("mpeg2video", "prores_ks"):
        return replace(choice, options={**options, "flags": options.get("flags", "") + "+ildct+ilme"})
    return choice


def _other(video: VideoStream, choice: Choice) -> Choice:
    """Fit a choice to a stream that its encoder cannot take as it is."""
    formats = pixel_formats(choice.encoder)
    deep = "yuv420p10le" if video.bit_depth > 8 else "yuv420p"
    pix_fmt = choice.pix_fmt if choice.pix_fmt in formats else deep
    same = (choice.encoder, video.codec) in (("libx264", "h264"), ("libvpx-vp9", "vp9"))
    return Choice(choice.encoder, pix_fmt, choice.options, same_codec=same, bit_rate=choice.bit_rate)


@cache
def pixel_formats(encoder: str) -> frozenset[str]:
    """List the pixel formats that an encoder of this installation takes."""
    return frozenset(form.name for form in Codec(encoder, "w").video_formats or ())


def _x264(video: VideoStream, reorder: int) -> Choice:
    # The macroblock tree reads memory that x264 never wrote: with it, two runs give different bytes.
    params = [
        "mbtree=0",
        "open-gop=0",
        f"bframes={3 if reorder else 0}",
        f"b-pyramid={'normal' if reorder > 1 else 'none'}",
    ]
    return Choice("libx264", video.pix_fmt, {"preset": "fast", "crf": "12", "x264-params": ":".join(params)})


def _x265(video: VideoStream, reorder: int) -> Choice:
    params = [
        "log-level=none",
        "open-gop=0",
        "repeat-headers=0",
        f"bframes={3 if reorder else 0}",
        f"b-pyramid={1 if reorder > 1 else 0}",
    ]
    return Choice("libx265", video.pix_fmt, {"preset": "veryfast", "crf": "10", "x265-params": ":".join(params)})


def _vpx(video: VideoStream, reorder: int) -> Choice:
    # Alternate reference frames are packets without a picture: they would break one packet per frame.
    options = {"crf": "4", "deadline": "good", "cpu-used": "4", "auto-alt-ref": "0", "lag-in-frames": "0", "qmin": "0"}
    encoder = "libvpx" if video.codec == "vp8" else "libvpx-vp9"
    # The quantiser is to rule: VP9 needs no bound on the rate then, VP8 one that it does not reach.
    rate = max(8_000_000, video.width_px * video.height_px * 200) if video.codec == "vp8" else 0
    return Choice(encoder, video.pix_fmt, options, bit_rate=rate)


def _svt(video: VideoStream, reorder: int) -> Choice:
    # Without its lookahead of many pictures, and with every picture shown in the order in which it is coded.
    # Its faster presets break ten bits at fine quantisers: hard edges came to 32 dB at preset 8, to 67 dB at 6.
    preset = "6" if video.bit_depth > 8 else "8"
    return Choice("libsvtav1", video.pix_fmt, {"preset": preset, "crf": "10", "svtav1-params": "pred-struct=1"})


def _mpeg(video: VideoStream, reorder: int) -> Choice:
    options = {"flags": "+qscale", "global_quality": "118", "qmin": "1", "bf": "0", "g": "15"}
    if video.codec == "mpeg1video":
        # Its coefficients end at 255: at the finest step a hard edge is cut off, unless each block is tried.
        options["mbd"] = "rd"
    return Choice(video.codec, video.pix_fmt, options, bit_rate=video.bit_rate or 8_000_000)


def _mjpeg(video: VideoStream, reorder: int) -> Choice:
    return Choice("mjpeg", video.pix_fmt, {"flags": "+qscale", "global_quality": "118", "qmin": "1"})


def _prores(video: VideoStream, reorder: int) -> Choice:
    profile = _PRORES.get(video.profile.lower(), 3)
    # A decoder gives 12 bits of the 4444 kinds, the encoder takes 10; both lie below the loss of the coding itself.
    pix_fmt = video.pix_fmt.replace("p12", "p10")
    return Choice("prores_ks", pix_fmt, {"profile": str(profile), "qscale": "4", "vendor": "apl0"})


def coded_rate(choice: Choice, rate: Fraction) -> Fraction:
    """Give the rate that an encoder is told; MPEG-1 and MPEG-2 know eight, and their muxer the true times."""
    if choice.encoder not in ("mpeg1video", "mpeg2video"):
        return rate if rate > 0 else Fraction(25)
    return min(_MPEG_RATES, key=lambda known: abs(known - rate))


def colour_options(video: VideoStream) -> dict[str, str]:
    """Spell the source's colour description as encoder options; what it does not say stays unsaid."""
    named = {
        "color_range": video.color_range,
        "color_primaries": video.color_primaries,
        "color_trc": video.color_transfer,
        "colorspace": video.color_space,
    }
    return {key: name for key, name in named.items() if name and name not in ("unknown", "reserved")}


def dress(stream: AvVideoStream, video: VideoStream, choice: Choice) -> None:
    """Give an encoder stream the source's size, colour and shape."""
    dress_context(stream.codec_context, video, choice)


def dress_context(context: VideoCodecContext, video: VideoStream, choice: Choice) -> None:
    """Give an encoder that is not opened yet the source's size, colour and shape."""
    context.width, context.height, context.pix_fmt = video.width_px, video.height_px, choice.pix_fmt
    if choice.bit_rate:
        context.bit_rate = choice.bit_rate
    if video.sample_aspect > 0 and choice.says_aspect:
        context.sample_aspect_ratio = video.sample_aspect
    context.options = {**choice.options, **colour_options(video)}
    context.thread_type, context.thread_count = "AUTO", _THREADS
    if choice.encoder == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # else it tells the terminal of itself; 1 is errors alone
