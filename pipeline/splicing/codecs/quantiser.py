"""Make the pictures of an encoder coarser by some steps of its quantiser, with the same parameter sets.

x264 writes the integer part of its `crf` into the PPS, so a twin's `crf` cannot change; a zone over all pictures shifts
the quantiser instead: six steps halve the quantiser's step size, and about halve the bits. Source: x264's
encoder/ratecontrol.c (`zone->f_bitrate_factor` divides the scale of the quantiser) and encoder/set.c.
"""

from __future__ import annotations

from dataclasses import replace

from ..encoders import EncoderSettings

FINEST_STEPS, COARSEST_STEPS = -8.0, 40.0
_LARGEST_CRF = {"libx265": 51, "libvpx": 63, "libvpx-vp9": 63, "libsvtav1": 63}
_ZONE, _LIMIT = "zones", "qpmax"
_STEPS_PER_HALF = 6
_EVEN = ("ipratio=1.15", "pbratio=1.05")
"""All pictures are about as close to the source's: what was a reference there has no more to give than the others."""


def has_quantiser(settings: EncoderSettings) -> bool:
    """Return whether `coarser` has an effect; codecs without references have a fixed quantiser here."""
    return settings.encoder == "libx264" or settings.encoder in _LARGEST_CRF


def coarser(settings: EncoderSettings, steps: float) -> EncoderSettings:
    """Return settings whose quantiser is coarser by `steps`; finer if that is negative."""
    if settings.encoder == "libx264":
        options = {"preset": "veryfast", "x264-params": _shifted(settings, steps)}
        return replace(settings, options={**settings.options, **options})
    crf = max(0.0, min(float(settings.options["crf"]) + steps, _LARGEST_CRF[settings.encoder]))
    if settings.encoder == "libx265":
        params = ":".join((settings.options["x265-params"], *_EVEN))
        return replace(settings, options={**settings.options, "crf": f"{crf:.1f}", "x265-params": params})
    return replace(settings, options={**settings.options, "crf": str(round(crf))})


def _shifted(settings: EncoderSettings, steps: float) -> str:
    params = dict(item.split("=", 1) for item in settings.options["x264-params"].split(":"))
    factor = float(params.pop(_ZONE, "b=1").rpartition("=")[2])
    params.pop(_LIMIT, None)
    params[_ZONE] = f"0,1000000,b={factor * 2 ** (-steps / _STEPS_PER_HALF):.4f}"
    return ":".join((*(f"{name}={value}" for name, value in params.items()), *_EVEN))
