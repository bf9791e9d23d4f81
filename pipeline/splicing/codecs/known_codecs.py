"""Which family a codec belongs to."""

from __future__ import annotations

from ..not_applicable import Unsuited
from .avc import Avc
from .closed_gop import Av1, Vpx
from .family import Family
from .hevc import Hevc
from .intra_only import ENCODERS, Lone

_FAMILIES: dict[str, Family] = {
    "h264": Avc(),
    "hevc": Hevc(),
    "vp8": Vpx(),
    "vp9": Vpx(),
    "av1": Av1(),
    **dict.fromkeys(ENCODERS, Lone()),
}


def family_of(codec: str) -> Family:
    """Give the family of a codec by ffmpeg's name.

    Raises:
        Unsuited: it is not spliced packet by packet.
    """
    if codec not in _FAMILIES:
        raise Unsuited(f"{codec} is not spliced packet by packet")
    return _FAMILIES[codec]
