"""Where chroma lies in the pictures of a film, for an encoder of new ones: a player would shift theirs.

Source: ITU-T H.264 and H.265, E.2.1 (chroma_sample_loc_type_top_field).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from ...media.nal_units import split_start_codes
from ...media.not_applicable import NotApplicable
from ..encoders import EncoderSettings
from . import h264_headers
from .hevc import hvcc_units
from .hevc_sps import first_chroma_location

_START_CODES = (b"\0\0\1", b"\0\0\0\1")
_PARAMS = {"libx264": "x264-params", "libx265": "x265-params"}


def film_chroma_location(codec: str, config: bytes) -> int | None:
    """Return where chroma lies, 0 to 5, as a decoder configuration says it; None if it does not, or of other codecs."""
    is_stream = config.startswith(_START_CODES)
    with suppress(NotApplicable):
        if codec == "h264":
            sets = (h264_headers.parse_in_band if is_stream else h264_headers.parse_avcc)(config)
            return next((h264_headers.parse_sps(unit).chroma_location or None for unit in sets.sps), None)
        if codec == "hevc":
            units = split_start_codes(config) if is_stream else hvcc_units(config)
            return first_chroma_location(units)
    return None


def with_chroma_location(settings: EncoderSettings, location: int | None) -> EncoderSettings:
    """Let x264 or x265 say where chroma lies; other encoders, and pictures of another sampling, do not."""
    name = _PARAMS.get(settings.encoder)
    if location is None or name is None or "420" not in settings.pix_fmt:
        return settings
    params = f"{settings.options[name]}:chromaloc={location}"
    return replace(settings, options={**settings.options, name: params})
