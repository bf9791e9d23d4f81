"""Which of a frame's two fields is shown first, and whether one of them is shown twice.

Source  ffmpeg's `select` filter, which tells a decoded frame's flags; the frame's own attributes name only that it is
        interlaced.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
from av.error import BlockingIOError as Nothing
from av.filter import Graph
from av.video.frame import VideoFrame

Fields = Literal["progressive", "top first", "bottom first"]
_EXTENSION, _PICTURE_CODING = b"\0\0\1\xb5", 8


def fields(frame: VideoFrame) -> Fields:
    """Tell how a decoded frame is woven."""
    if not frame.interlaced_frame:
        return "progressive"
    graph = Graph()
    given = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1)
    )
    chosen, out = graph.add("select", "eq(interlace_type,BOTTOMFIRST)"), graph.add("buffersink")
    given.link_to(chosen)
    chosen.link_to(out)
    graph.configure()
    graph.push(frame)
    try:
        graph.pull()
    except Nothing:
        return "top first"
    return "bottom first"


def repeats_fields(path: Path, stream: int) -> bool:
    """Tell whether any MPEG-2 picture asks for one of its fields to be shown twice, as film on 30 frames/s does.

    Source  ISO/IEC 13818-2, 6.2.3.1: repeat_first_field of the picture coding extension.
    """
    with av.open(f"file:{path}") as container:
        return any(_repeats(bytes(packet)) for packet in container.demux(container.streams[stream]))


def _repeats(packet: bytes) -> bool:
    at = packet.find(_EXTENSION)
    while 0 <= at < len(packet) - 7:
        if packet[at + 4] >> 4 == _PICTURE_CODING and packet[at + 7] & 2:
            return True
        at = packet.find(_EXTENSION, at + 4)
    return False
