"""High-dynamic-range descriptions that travel with the pictures, told to an encoder or to the user.

Source  libavutil/mastering_display_metadata.h for the layout (ten rationals: red, green, blue, white, least and
        greatest luminance; then two flags); x265's manual for `master-display` and `max-cll`.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction
from typing import Any

from ..encoders import Choice

_CHROMA_STEPS, _LUMA_STEPS = 50_000, 10_000
_STATIC = frozenset({"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"})
"""Only x265 is told these here."""
_DYNAMIC = {
    "DYNAMIC_HDR_PLUS": "HDR10+ dynamic metadata",
    "DOVI_RPU_BUFFER": "Dolby Vision metadata",
    "AMBIENT_VIEWING_ENVIRONMENT": "the ambient viewing environment",
}


def with_static(choice: Choice, frame: Any) -> Choice:
    """Give x265 the mastering display and light levels that a decoded frame carries."""
    if choice.encoder != "libx265":
        return choice
    side = {data.type.name: bytes(data) for data in frame.side_data}
    params = [choice.options["x265-params"]]
    if "MASTERING_DISPLAY_METADATA" in side:
        params.append(f"master-display={mastering(side['MASTERING_DISPLAY_METADATA'])}")
    if "CONTENT_LIGHT_LEVEL" in side:
        params.append("max-cll={},{}".format(*struct.unpack_from("=2I", side["CONTENT_LIGHT_LEVEL"])))
    return replace(choice, options={**choice.options, "x265-params": ":".join(params)})


def mastering(data: bytes) -> str:
    """Spell a mastering display for x265: chromaticities in 1/50000, luminances in 1/10000 cd/m²."""
    numbers = struct.unpack_from("=20i", data)
    parts = [Fraction(numbers[i], numbers[i + 1] or 1) for i in range(0, 20, 2)]
    red, green, blue, white = (
        "({},{})".format(*(round(part * _CHROMA_STEPS) for part in parts[at : at + 2])) for at in (0, 2, 4, 6)
    )
    least, greatest = (round(part * _LUMA_STEPS) for part in parts[8:10])
    return f"G{green}B{blue}R{red}WP{white}L({greatest},{least})"


def lost_with(choice: Choice, frame: Any) -> tuple[str, ...]:
    """Name what a frame carries and an encoder's pictures will not."""
    names = {data.type.name for data in frame.side_data}
    lost = [text for name, text in _DYNAMIC.items() if name in names]
    if choice.encoder != "libx265" and names & _STATIC:
        lost.append("the static HDR description inside the pictures")
    return tuple(lost)
