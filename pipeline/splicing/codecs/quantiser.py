"""How coarse re-encoded pictures are: another quantiser for an encoder, with the same parameter sets.

Steps are counted from a quantiser that is finer than any that is needed.

x264 writes the integer part of its `crf` into the PPS, so a twin's `crf` cannot change; zones shift the quantiser
instead. Without `qcomp=1` the first picture would keep the quantiser `crf`, whatever its zone says. Source: x264's
encoder/ratecontrol.c (`zone->f_bitrate_factor` divides the scale of the quantiser; `rate_estimate_qscale` for the first
picture) and encoder/set.c. The `crf` of VP9 and AV1 is an index, whose step sizes grow linearly in its lower third,
then exponentially (VP9 bitstream specification, 8.6.1).
"""

from __future__ import annotations

import math
from dataclasses import replace

from ...media.mpeg_headers import MPEG_CODECS
from ..encoders import EncoderSettings

FINEST_STEPS, COARSEST_STEPS = 0.0, 40.0
_LARGEST_CRF = {"libx265": 51, "libvpx": 63, "libvpx-vp9": 63, "libsvtav1": 63}
FINEST_MPEG_QUALITY, _COARSEST_QUALITY = 118, 31 * 118
"""libavcodec's units (lambda): 118 for each step of its quantiser, from 1 to 31."""
_ANY_RATE = 300_000_000
"""Bits/s, so many that the rate control wants a finer quality than it may choose."""
_FINEST_QUANTISER = 8
"""Of the predicted pictures, at no steps, with x264 and x265."""
_KEY_STEPS = 6
"""By how many steps the first picture of a range is finer than the others: all of them refer to it."""
_ZONE, _LIMIT = "zones", "qpmax"
STEPS_PER_DOUBLE = 6
"""That make the quantiser's step size twice as large, and the bits about half as many, with every encoder."""
_LAST_LINEAR_CRF, _CRF_PER_DOUBLE = 24, 9.5
_CONSTANT = {"qcomp": "1", "ipratio": "1.8", "pbratio": "1.15"}
"""One quantiser throughout, so a trial of the first pictures foretells how fine the later ones come out."""
_X264_SEARCH = {"aq-strength": "0.6"}
"""The search of `superfast` is enough where the source's bits decide; full adaptive quantisation spends bits on flat
areas."""
_X264_THOROUGH = {
    "me": "hex",
    "subme": "7",
    "partitions": "i8x8,i4x4,p8x8,b8x8",
    "b-adapt": "2",
    "rc-lookahead": "10",
    "trellis": "1",
    "psy": "0",
}
"""A quarter to two fifths fewer bits for the same picture, for two and a half times the time, and four times for grain;
none for an impression of sharpness that is not in the film."""
_X265_SEARCH = {"aq-strength": "0.6", "psy-rd": "0"}
_X265_THOROUGH = {"rdoq-level": "2", "psy-rdoq": "0"}
"""2 to 7 % fewer bits for up to one and a half times the time; nothing else gave as much, slower presets included."""


def has_quantiser(settings: EncoderSettings) -> bool:
    """Return whether `coarser` has an effect; codecs without references have a fixed quantiser here."""
    return settings.encoder in ("libx264", *MPEG_CODECS) or settings.encoder in _LARGEST_CRF


def has_thorough_search(settings: EncoderSettings) -> bool:
    """Return whether `coarser` with `thorough` differs: libvpx's slower searches make grain larger."""
    return settings.encoder in ("libx264", "libx265")


def coarser(settings: EncoderSettings, steps: float, *, thorough: bool = False) -> EncoderSettings:
    """Return settings for pictures as coarse as `steps` says; the parameter sets are the same.

    With `thorough` the encoder takes more time for fewer bits, if it can.
    """
    if settings.encoder == "libx264":
        params = _x264_params(settings, steps, _X264_THOROUGH if thorough else {})
        return replace(settings, options={**settings.options, "x264-params": params})
    if settings.encoder == "libx265":
        crf = min(_FINEST_QUANTISER + steps, _LARGEST_CRF[settings.encoder])
        search = {**_CONSTANT, **_X265_SEARCH, **(_X265_THOROUGH if thorough else {})}
        params = ":".join((settings.options["x265-params"], *_joined(search)))
        return replace(settings, options={**settings.options, "crf": f"{crf:.1f}", "x265-params": params})
    if settings.encoder in MPEG_CODECS:
        quality = min(FINEST_MPEG_QUALITY * 2 ** (steps / STEPS_PER_DOUBLE), _COARSEST_QUALITY)
        return with_mpeg_quality(settings, quality)
    size = _step_size(float(settings.options["crf"])) * 2 ** (steps / STEPS_PER_DOUBLE)
    crf = min(_crf_of(size), _LARGEST_CRF[settings.encoder])
    return replace(settings, options={**settings.options, "crf": str(math.floor(crf + 1e-6))})


def with_mpeg_quality(settings: EncoderSettings, quality: float) -> EncoderSettings:
    """Return settings of MPEG-1 or MPEG-2 whose rate control may choose this quality alone."""
    flags = settings.options["flags"].replace("+qscale", "-qscale")
    limits = dict.fromkeys(("lmin", "lmax"), str(round(quality)))
    return replace(settings, options={**settings.options, **limits, "flags": flags}, bit_rate=_ANY_RATE)


def _step_size(crf: float) -> float:
    """Return the quantiser's step size at a `crf` of VP9 or AV1, in eighths of a step of 8-bit pixels."""
    linear = 4 * min(crf, _LAST_LINEAR_CRF) + 7
    return float(linear * 2 ** (max(0.0, crf - _LAST_LINEAR_CRF) / _CRF_PER_DOUBLE))


def _crf_of(size: float) -> float:
    """Return the `crf` of VP9 or AV1 with a step size."""
    largest_linear = _step_size(_LAST_LINEAR_CRF)
    if size <= largest_linear:
        return max(0.0, (size - 7) / 4)
    return _LAST_LINEAR_CRF + _CRF_PER_DOUBLE * math.log2(size / largest_linear)


def _x264_params(settings: EncoderSettings, steps: float, search: dict[str, str]) -> str:
    params = dict(item.split("=", 1) for item in settings.options["x264-params"].split(":"))
    params.pop(_LIMIT, None)
    # The quantiser is `crf`, which stands in the parameter sets, less what the zone takes off.
    finer = float(settings.options["crf"]) - _FINEST_QUANTISER - steps
    zones = f"0,0,b={_bit_factor(finer + _KEY_STEPS):.4f}/1,1000000,b={_bit_factor(finer):.4f}"
    return ":".join(_joined({**params, **_CONSTANT, **_X264_SEARCH, **search, _ZONE: zones}))


def _bit_factor(steps: float) -> float:
    """Return the factor of a zone whose quantiser is finer by `steps`."""
    return float(2 ** (steps / STEPS_PER_DOUBLE))


def _joined(params: dict[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in params.items()]
