"""The families of the codecs that can be spliced packet by packet."""

from __future__ import annotations

from ..not_applicable import NotApplicable
from .closed_gop import Av1, ClosedGop
from .family import CodecFamily
from .h264 import H264
from .hevc import Hevc
from .intra_only import ENCODERS, IntraOnly

_FAMILIES: dict[str, CodecFamily] = {
    "h264": H264(),
    "hevc": Hevc(),
    "vp8": ClosedGop(),
    "vp9": ClosedGop(),
    "av1": Av1(),
    **dict.fromkeys(ENCODERS, IntraOnly()),
}


def codec_family(codec: str) -> CodecFamily:
    """Return the family of a codec by ffmpeg's name.

    Raises:
        NotApplicable: the codec cannot be spliced packet by packet.
    """
    if codec not in _FAMILIES:
        raise NotApplicable(f"{codec} cannot be spliced packet by packet")
    return _FAMILIES[codec]
