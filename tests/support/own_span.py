"""Takes with the film's own decoded pictures, so that a splice can be compared with the film."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from seen import plane_views

from react1.pipeline.core.values import Segment, Take
from react1.pipeline.media.clip_writer import lossless_encoder
from react1.pipeline.media.probe import probe
from react1.pipeline.splicing import reencode
from react1.pipeline.splicing.codecs import family
from react1.pipeline.splicing.encoders import EncoderSettings

_COLOUR = ("color_range", "color_primaries", "color_trc", "colorspace")
_ENCODE = reencode.encode


def frames_of(path: Path, index: int, start: int, end: int) -> Iterator[av.VideoFrame]:
    """Decode the shown frames [start, end) of a stream from its beginning, without seeking."""
    with av.open(str(path)) as container:
        stream = container.streams[index]
        stream.thread_type = "AUTO"
        for number, frame in enumerate(container.decode(stream)):
            if number >= end:
                return
            if number >= start:
                yield frame


def own_take(context: Any, placed: Segment) -> Take:
    """Return a lossless conformed take of the film's own pictures."""
    video = placed.source.video
    path = context.temp_path("own.mkv")
    first, after = placed.frames[0], placed.frames[-1] + 1
    coder, options = lossless_encoder(video.pix_fmt, (video.width_px, video.height_px))
    with av.open(str(path), "w") as out:
        stream = out.add_stream(coder, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = video.width_px, video.height_px, video.pix_fmt
        for number, frame in enumerate(frames_of(context.path(placed.source.file), video.index, first, after)):
            for key in _COLOUR if number == 0 else ():
                setattr(stream.codec_context, key, getattr(frame, key))
            frame.pts, frame.time_base, frame.pict_type = number, 1 / stream.codec_context.framerate, 0
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    file = context.store(path)
    return Take(segment=placed, media=probe(context.path(file), file), provider="local", request={}, conformed=True)


def record_encoder_choices(monkeypatch: Any) -> list[EncoderSettings]:
    """Record each encoder choice with which a splice encodes pictures from now on."""
    choices: list[EncoderSettings] = []

    def recording(real: Any) -> Any:
        def record_and_call(*args: Any, **kwargs: Any) -> Any:
            choices.extend(arg for arg in args if isinstance(arg, EncoderSettings))
            return real(*args, **kwargs)

        return record_and_call

    for real in (reencode.encode, family.encode_packets):
        for module_name, module in list(sys.modules.items()):
            if module_name.startswith("react1.pipeline.splicing") and getattr(module, real.__name__, None) is real:
                monkeypatch.setattr(module, real.__name__, recording(real))
    return choices


def mean_db(pairs: Iterable[tuple[av.VideoFrame, av.VideoFrame]]) -> float:
    """Return the PSNR over all planes of all pairs of frames, in dB."""
    error = size = 0.0
    peak = 255.0
    for first, second in pairs:
        peak = 2.0 ** first.format.components[0].bits - 1
        for a, b in zip(plane_views(first), plane_views(second), strict=True):
            error += float(np.square(a.astype(np.float32) - b).sum(dtype=np.float64))
            size += a.size
    return float("inf") if not error else float(10 * np.log10(peak**2 / (error / size)))


def alone_db(context: Any, take: Take, choice: Any) -> float:
    """Encode a take's own pictures with an encoder choice; return their PSNR."""
    media, segment = take.media, take.segment
    encoded = context.temp_path("alone.mkv")
    path = context.path(media.file)
    first = segment.head_frames
    last = first + segment.end_frame - segment.start_frame
    numbered = ((frame, number) for number, frame in enumerate(frames_of(path, 0, first, last)))
    _ENCODE(numbered, encoded, segment.source.video, choice, lambda _: None)
    return mean_db(zip(frames_of(path, 0, first, last), frames_of(encoded, 0, 0, last - first), strict=True))
