"""Which of a frame's two fields is shown first.

Source  ffmpeg's `select` filter, which tells a decoded frame's flags; the frame's own attributes name only that it is
        interlaced.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from av.error import BlockingIOError as Nothing
from av.filter import Graph
from av.video.frame import VideoFrame

Fields = Literal["progressive", "top first", "bottom first"]


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
