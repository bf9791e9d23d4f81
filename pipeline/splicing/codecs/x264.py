"""An x264 for the new pictures of an H.264 film: the source's twin where one can be found.

A twin writes the very parameter sets that the film has, so nothing changes for a decoder. It is searched from what
the sets themselves say, so the note that x264 leaves in a film may be missing. Where there is none, the new pictures
bring a second set under a free number.

Source  x264's encoder/set.c for what it makes of its options: the quantiser of the picture set is the whole part of
        crf, or 26 with `stitchable`; the order count's bits follow from `bframes`; references are the default list.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ...core.values import VideoStream
from ..encoders import Choice
from ..not_applicable import Unsuited
from . import h264
from .coding import opened
from .h264 import Config, Picture, Sequence
from .nal import behind_codes

Woven = Mapping[str, str]
"""How two fields make a frame, as options."""
PLAIN: Woven = {}
_CHROMA_OFFSETS = (0, 2, -2, 1, -1, 3, -3, 4, -4)
_MANY_BFRAMES = (3, 2, 1, 4, 5, 8, 16)
_PLAIN_QUANTISER, _FINE = 26, "12"
_COARSEST = 20
"""A film may be as coarse as it likes: the new pictures are never coarser than this quantiser."""
_FINER, _FINER_TREE = 1.6, 1.35
"""Bits beside the source's own, about 4 quantiser steps: a second generation must not show. A source that has the
macroblock tree began 5.4 steps coarser, since the tree refines from there."""


def twin(
    video: VideoStream, config: Config, noted: dict[str, str], reorder: int, woven: Woven = PLAIN
) -> Choice | None:
    """Search an x264 that writes the source's own parameter sets; None where there is none."""
    if len(config.sps) != 1 or len(config.pps) != 1:
        return None
    try:
        sequence, picture = h264.read_sequence(config.sps[0]), h264.read_picture(config.pps[0])
    except Unsuited:
        return None
    if sequence.reordered and not reorder:
        return None
    for plain in _candidates(video, sequence, picture, noted):
        choice = _with_params(plain, woven)
        sps, _ = parameter_sets(video, choice)
        if sps != config.sps:
            continue
        for offset in _CHROMA_OFFSETS:
            shifted = _with_params(choice, {"chroma-qp-offset": str(offset)} if offset else {})
            if parameter_sets(video, shifted)[1] == config.pps:
                return shifted
    return None


def _candidates(video: VideoStream, sequence: Sequence, picture: Picture, noted: dict[str, str]) -> Iterator[Choice]:
    """Spell the x264s that might have written these sets, the likeliest first."""
    params = {
        "cabac": str(int(picture.cabac)),
        "ref": str(picture.references),
        "8x8dct": str(int(picture.transform_8x8)),
        "weightb": str(int(picture.weighted_bi == 2)),
        "weightp": noted.get("weightp", "1") if picture.weighted else "0",
        "constrained-intra": str(int(picture.constrained_intra)),
        "level": str(sequence.level),
        "mbtree": "0",
        "open-gop": "0",
        "trellis": noted.get("trellis", "1"),
        "psy-rd": noted.get("psy_rd", "1.00:0.00").replace(":", ","),
    }
    if sequence.fixed_rate:
        params["force-cfr"] = "1"
    if noted.get("bluray_compat", "0") != "0":
        params["bluray-compat"] = "1"
    if picture.quantiser == _PLAIN_QUANTISER:
        crf, params["stitchable"] = _FINE, "1"
    else:
        crf = str(picture.quantiser)
        params["zones"] = f"0,1000000,b={_FINER_TREE if noted.get('mbtree') == '1' else _FINER}"
        if picture.quantiser > _COARSEST:
            params["qpmax"] = str(_COARSEST)
    clocks = dict.fromkeys((sequence.tick, None, video.time_base))
    for many, clock in itertools.product(_orders(sequence, noted), clocks):
        choice = _choice(video, crf, params | many)
        yield replace(choice, says_aspect=sequence.tells_aspect, clock=clock)


def _orders(sequence: Sequence, noted: dict[str, str]) -> Iterator[dict[str, str]]:
    """Spell how pictures may be reordered."""
    if sequence.order_bits == 0 or sequence.reordered == 0:
        yield from ({"bframes": "0"}, {"bframes": "0", "keyint": "1"})
        return
    told = int(noted.get("bframes", "0"))
    for bframes in dict.fromkeys((told, *_MANY_BFRAMES) if told else _MANY_BFRAMES):
        for pyramid in ("normal", "none", "strict") if bframes > 1 else ("none",):
            if (pyramid == "none") == ((sequence.reordered or 1) == 1):
                yield {"bframes": str(bframes), "b-pyramid": pyramid}


def stranger(video: VideoStream, config: Config, reorder: int, woven: Woven = PLAIN) -> Choice:
    """Choose an x264 whose parameter sets go by a number that the film does not use."""
    free = [number for number in range(1, 32) if number not in h264.used_ids(config)]
    if not free:
        raise Unsuited("the film uses all numbers of parameter sets")
    params = {
        "mbtree": "0",
        "sps-id": str(free[0]),
        "open-gop": "0",
        "bframes": "3" if reorder else "0",
        "b-pyramid": "normal" if reorder > 1 else "none",
        **woven,
    }
    return _choice(video, _FINE, params)


def _choice(video: VideoStream, crf: str, params: dict[str, str]) -> Choice:
    return Choice("libx264", video.pix_fmt, {"preset": "superfast", "crf": crf, "x264-params": _spelt(params)})


def _with_params(choice: Choice, params: Mapping[str, str]) -> Choice:
    if not params:
        return choice
    spelt = choice.options["x264-params"] + ":" + _spelt(params)
    return replace(choice, options={**choice.options, "x264-params": spelt})


def _spelt(params: Mapping[str, str]) -> str:
    return ":".join(f"{key}={value}" for key, value in params.items())


def parameter_sets(video: VideoStream, choice: Choice) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Open an encoder to see the parameter sets that it would write."""
    found = behind_codes(bytes(opened(video, choice).extradata or b""))
    sps, pps = (tuple(unit for unit in found if unit[0] & 31 == kind) for kind in (h264.SPS, h264.PPS))
    return sps, pps
