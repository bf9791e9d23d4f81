"""Where chroma lies in the pictures of a film, for an encoder of new ones: a player would shift theirs.

MPEG-2 has one place only (at the left), MPEG-1, JPEG and VP8 another one (in the middle), and VP9 says nothing.

Source: ITU-T H.264 and H.265, E.2.1 (chroma_sample_loc_type_top_field); AV1, 6.4.2 (chroma_sample_position), and its
storage in ISOBMFF, 2.3.3 (av1C).
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
_PARAMS = {"libx264": "x264-params", "libx265": "x265-params", "libsvtav1": "svtav1-params"}
_AV1_PLACES = {1: 0, 2: 2}
"""By AV1's number (vertical, colocated): that of H.264 (at the left, at the top left)."""
_AV1_NAMES = {0: "vertical", 2: "colocated"}
_AV1C_MARK, _AV1C_BYTES = 0x81, 4


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
    if codec == "av1" and len(config) >= _AV1C_BYTES and config[0] == _AV1C_MARK:
        return _AV1_PLACES.get(config[2] & 3)
    return None


def with_chroma_location(settings: EncoderSettings, location: int | None) -> EncoderSettings:
    """Let an encoder say where chroma lies, if it has an option for that and the pictures are of this sampling."""
    name = _PARAMS.get(settings.encoder)
    if location is None or name is None or "420" not in settings.pix_fmt:
        return settings
    param = f"chromaloc={location}"
    if settings.encoder == "libsvtav1":
        if location not in _AV1_NAMES:
            return settings
        param = f"chroma-sample-position={_AV1_NAMES[location]}"
    params = f"{settings.options[name]}:{param}"
    return replace(settings, options={**settings.options, name: params})
