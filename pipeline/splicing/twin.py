"""An encoder for the new pictures of an H.264 film: the source's twin where its options are known.

A twin writes the very parameter sets that the film has, so nothing changes for a decoder. Where it cannot be had,
the new pictures bring a second set under a free number, and both stand in the avcC.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

from av.codec.context import CodecContext, Flags
from av.video.codeccontext import VideoCodecContext

from ..kinds import VideoStream
from . import h264
from .encoders import Choice, dress_context
from .h264 import Config

_SAME = {
    "cabac": "cabac",
    "ref": "ref",
    "8x8dct": "8x8dct",
    "bframes": "bframes",
    "weightb": "weightb",
    "weightp": "weightp",
    "constrained_intra": "constrained-intra",
    "bluray_compat": "bluray-compat",
    "trellis": "trellis",
    "psy": "psy",
}
_PYRAMID = {"0": "none", "1": "strict", "2": "normal"}
_CHROMA_OFFSETS = (0, 2, -2, 1, -1, 3, -3, 4, -4)
_FINER, _FINER_TREE = 1.6, 1.35
"""Bits beside the source's own, about 4 quantiser steps: a second generation must not show. A source that has the
macroblock tree began 5.4 steps coarser, since the tree refines from there."""


def twin(video: VideoStream, config: Config, noted: dict[str, str], reorder: int) -> Choice | None:
    """Search an x264 that writes the source's own parameter sets; None where there is none."""
    reorders = noted.get("bframes", "0") != "0"
    if noted.get("rc") != "crf" or noted.get("interlaced", "0") != "0" or (reorders and not reorder):
        return None
    params = {_SAME[key]: value.replace(":", ",") for key, value in noted.items() if key in _SAME}
    params["b-pyramid"] = _PYRAMID.get(noted.get("b_pyramid", "2"), "normal")
    params["psy-rd"] = noted.get("psy_rd", "1.00:0.00").replace(":", ",")
    params |= {
        "mbtree": "0",
        "open-gop": "0",
        "zones": f"0,1000000,b={_FINER_TREE if noted.get('mbtree') == '1' else _FINER}",
    }
    crf = str(int(float(noted.get("crf", "23"))))
    aspects = (True, False) if video.sample_aspect == 1 else (True,)
    for says_aspect, clock in itertools.product(aspects, (None, video.time_base)):
        for offset in _CHROMA_OFFSETS:
            shifted = params | ({"chroma-qp-offset": str(offset)} if offset else {})
            choice = replace(_choice(video, crf, shifted), says_aspect=says_aspect, clock=clock)
            sps, pps = parameter_sets(video, choice)
            if sps != set(config.sps):
                break  # the offset stands in the other set
            if pps == set(config.pps):
                return choice
    return None


def stranger(video: VideoStream, config: Config, reorder: int) -> Choice:
    """Choose an x264 whose parameter sets go by a number that the film does not use."""
    number = next(number for number in range(1, 32) if number not in h264.used_ids(config))
    params = {
        "mbtree": "0",
        "sps-id": str(number),
        "open-gop": "0",
        "bframes": "3" if reorder else "0",
        "b-pyramid": "normal" if reorder > 1 else "none",
    }
    return _choice(video, "12", params)


def _choice(video: VideoStream, crf: str, params: dict[str, str]) -> Choice:
    spelled = ":".join(f"{key}={value}" for key, value in params.items())
    return Choice("libx264", video.pix_fmt, {"preset": "fast", "crf": crf, "x264-params": spelled})


def parameter_sets(video: VideoStream, choice: Choice) -> tuple[set[bytes], set[bytes]]:
    """Open an encoder to see the parameter sets that it would write."""
    context = CodecContext.create(choice.encoder, "w")
    assert isinstance(context, VideoCodecContext)
    dress_context(context, video, choice)
    context.framerate = video.rate if video.rate > 0 else Fraction(25)
    context.time_base = choice.clock or 1 / context.framerate
    context.flags |= Flags.global_header
    context.open()
    nals = h264.annexb(bytes(context.extradata or b""))
    return (
        {nal for nal in nals if nal[0] & 31 == h264.SPS},
        {nal for nal in nals if nal[0] & 31 == h264.PPS},
    )
