"""Field order of interlaced frames, and the data that come with a frame, such as a timecode.

Some of these data no encoder writes by itself: `codecs/picture_metadata.py` puts them into new packets of some codecs,
in the others they are lost, and are named.

Source: ffmpeg's `select` filter reads the field order of a decoded frame; the frame's own attributes only tell whether
it is interlaced.
"""

from __future__ import annotations

import itertools
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from av.error import BlockingIOError as NoOutput
from av.filter import Graph
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import VideoFrame

from ...core.errors import InputMediaError
from ...core.times import Timecode, order_key
from ...media.frames.film_readers import open_input
from ...media.mpeg_headers import parse_gop_timecode

FieldOrder = Literal["progressive", "top first", "bottom first"]
_side_data: Any = SideDataContainer
"""Its type annotations say that the constructor takes no arguments."""
PICTURE_METADATA = {
    "DYNAMIC_HDR_PLUS": "HDR10+ dynamic metadata",
    "DYNAMIC_HDR_VIVID": "HDR Vivid dynamic metadata",
    "DOVI_RPU_BUFFER": "Dolby Vision metadata",
    "AMBIENT_VIEWING_ENVIRONMENT": "the ambient viewing environment",
    "S12M_TIMECODE": "the timecode inside the pictures",
    "AFD": "the active format description inside the pictures",
}
"""Side data that no encoder here writes by itself, by ffmpeg's names, for messages."""
_FIRST_PACKETS = 100


def field_order(frame: VideoFrame) -> FieldOrder:
    """Return the field order of a decoded frame."""
    if not frame.interlaced_frame:
        return "progressive"
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1)
    )
    select, sink = graph.add("select", "eq(interlace_type,BOTTOMFIRST)"), graph.add("buffersink")
    source.link_to(select)
    select.link_to(sink)
    graph.configure()
    graph.push(frame)
    try:
        graph.pull()
    except NoOutput:
        return "top first"
    return "bottom first"


def side_data_of(frame: VideoFrame) -> Any:
    """Return the side data of a frame, such as captions.

    Not `frame.side_data`: it makes the frame refer to itself, and keeps its picture in memory for long.
    """
    return _side_data(frame)


def lost_metadata(frame: Any) -> tuple[str, ...]:
    """Name the metadata of a frame that no encoder's pictures will have; static metadata may be the container's."""
    names = {data.type.name for data in frame.side_data}
    return tuple(text for name, text in PICTURE_METADATA.items() if name in names)


def require_known_colors(frame: VideoFrame) -> None:
    """Check that a frame's colors are not those that only Dolby Vision's metadata explain (profiles 5 and 10.0).

    Raises:
        InputMediaError: they are: decoders here take their IPT for luma and chroma.
    """
    for data in side_data_of(frame):
        if data.type.name == "DOVI_METADATA" and _has_dolby_colors(bytes(data)):
            raise InputMediaError(
                "the film's colors are Dolby Vision's own (profile 5, IPT), and every take would be made of wrong "
                "ones; convert it to HDR10 first (ffmpeg -i film -vf libplacebo=apply_dolbyvision=true:"
                "colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084 -c:v libx265 -c:a copy hdr10.mp4)"
            )


def _has_dolby_colors(data: bytes) -> bool:
    """Return whether the header of ffmpeg's AVDOVIMetadata names the profile, and a full range, of IPT pictures.

    Source: libavutil/dovi_meta.h, and `ff_dovi_guess_profile_hevc`.
    """
    (header,) = struct.unpack_from("=Q", data)
    profile, full_range = (data[header + place : header + place + 1] for place in (4, 10))
    return profile == b"\0" and full_range == b"\1"


def gop_timecode(frame: VideoFrame) -> Timecode | None:
    """Return the timecode that an MPEG-1 or MPEG-2 frame has, as the first of a group of pictures.

    None without one, or for 00:00:00:00, which encoders write that know none.
    """
    codes = [bytes(data) for data in side_data_of(frame) if data.type.name == "GOP_TIMECODE"]
    timecode = parse_gop_timecode(struct.unpack("=q", codes[0][:8])[0]) if codes else Timecode(0, 0, 0, 0)
    return timecode if any(order_key(timecode)) else None


def has_keyframes_only(path: Path, stream: int) -> bool:
    """Return whether the first packets of a picture stream are all keyframes, as tapes and cameras have them."""
    with open_input(path) as container:
        packets = itertools.islice(container.demux(container.streams[stream]), _FIRST_PACKETS)
        kinds = [packet.is_keyframe for packet in packets if packet.size]
    return len(kinds) > 1 and all(kinds)
