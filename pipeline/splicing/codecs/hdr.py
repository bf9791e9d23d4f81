"""High-dynamic-range metadata in the pictures: passed to an encoder, or reported as lost.

Source: libavutil/mastering_display_metadata.h for the layout (ten rationals: red, green, blue, white, minimum and
maximum luminance; then two flags); x265's manual for `master-display` and `max-cll`.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction
from typing import Any

from ..encoders import EncoderSettings

_CHROMA_STEPS, _LUMA_STEPS = 50_000, 10_000
_STATIC = frozenset({"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"})
"""Only x265 gets them here."""
_DYNAMIC = {
    "DYNAMIC_HDR_PLUS": "HDR10+ dynamic metadata",
    "DOVI_RPU_BUFFER": "Dolby Vision metadata",
    "AMBIENT_VIEWING_ENVIRONMENT": "the ambient viewing environment",
}


def with_static_hdr(settings: EncoderSettings, frame: Any) -> EncoderSettings:
    """Add the mastering display and light levels of a decoded frame to x265's settings."""
    if settings.encoder != "libx265":
        return settings
    side_data = {data.type.name: bytes(data) for data in frame.side_data}
    params = [settings.options["x265-params"]]
    if "MASTERING_DISPLAY_METADATA" in side_data:
        params.append(f"master-display={mastering_display(side_data['MASTERING_DISPLAY_METADATA'])}")
    if "CONTENT_LIGHT_LEVEL" in side_data:
        params.append("max-cll={},{}".format(*struct.unpack_from("=2I", side_data["CONTENT_LIGHT_LEVEL"])))
    return replace(settings, options={**settings.options, "x265-params": ":".join(params)})


def mastering_display(data: bytes) -> str:
    """Return a mastering display for x265: chromaticities in 1/50000, luminances in 1/10000 cd/m²."""
    numbers = struct.unpack_from("=20i", data)
    values = [Fraction(numbers[i], numbers[i + 1] or 1) for i in range(0, 20, 2)]
    red, green, blue, white = (
        "({},{})".format(*(round(value * _CHROMA_STEPS) for value in values[i : i + 2])) for i in (0, 2, 4, 6)
    )
    minimum, maximum = (round(value * _LUMA_STEPS) for value in values[8:10])
    return f"G{green}B{blue}R{red}WP{white}L({maximum},{minimum})"


def lost_hdr(settings: EncoderSettings, frame: Any) -> tuple[str, ...]:
    """Name the metadata of a frame that the encoder's pictures will not have."""
    names = {data.type.name for data in frame.side_data}
    lost = [text for name, text in _DYNAMIC.items() if name in names]
    if settings.encoder != "libx265" and names & _STATIC:
        lost.append("the static HDR description inside the pictures")
    return tuple(lost)
