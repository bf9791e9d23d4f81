"""Put new coded pictures beside all the other streams of a file, by ffmpeg's muxers and without re-encoding.

For containers that are not rewritten box by box: Matroska, WebM, MPEG-TS, MPEG-PS, fragmented MP4.
The stream order, tags, chapters, dispositions, colours and attachments come from the source; times are copied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import ffmpeg as spelling
from av.stream import Disposition

from ..core.values import Media, VideoStream
from .programs import Program, options

_UNTOLD = (0, 2)
"""What H.273 calls reserved or unspecified; as a matrix, 0 is RGB, which a film coded anew may not be any more."""
_NOTHING = "9999?"
"""A stream that may be missing, and is: the film is the first input even where nothing of it is taken but its tags."""


def remux_argv(
    ffmpeg: str,
    source: Path,
    pictures: Path,
    made: Path,
    media: Media,
    told: dict[str, str],
    shown_in: Sequence[Program] = (),
) -> list[str]:
    """Spell the call; pure. `told` is what the source's container says of the picture, by ffmpeg's names.

    `shown_in` are the programs of a transport stream.
    """
    assert media.video is not None
    index, kept = media.video.index, stream_indices(media)
    new = spelling.input(f"file:{pictures}", **_turned(media.video))["v:0"]
    more = {f"{key}:{kept.index(index)}": value for key, value in told.items()}
    if made.suffix in (".mp4", ".mov", ".m4v"):
        more["video_track_timescale"] = str(media.video.time_base.denominator)
    return beside(ffmpeg, source, {index: new}, made, kept, shown_in, more)


def beside(
    ffmpeg: str,
    film: Path,
    new: Mapping[int, Any],
    made: Path,
    kept: Sequence[int],
    shown_in: Sequence[Program],
    more: Mapping[str, str],
) -> list[str]:
    """Spell the call that copies the streams `kept` of a film, but for `new` ones (ffmpeg-python's) in their places.

    Tags and chapters are the film's; `more` are options of the output.
    """
    given = spelling.input(f"file:{film}")
    taken = [new[index] if index in new else given[str(index)] for index in kept]
    told = {
        "c": "copy",
        "fflags": "+bitexact",
        "map_metadata": "0",
        "map_chapters": "0",
        **{f"map_metadata:s:{place}": f"0:s:{index}" for place, index in enumerate(kept)},
        **options(shown_in, {index: place for place, index in enumerate(kept)}),
        **muxer_options(made.suffix),
        **more,
    }
    output = spelling.output(given[_NOTHING], *taken, f"file:{made}", **told)
    output = output.global_args("-nostdin", "-v", "error", "-copyts", "-copy_unknown").overwrite_output()
    spelled: list[str] = output.compile(cmd=ffmpeg)
    return spelled


def _turned(video: VideoStream) -> dict[str, str | None]:
    """Tell of pictures how they are shown; ffmpeg counts turns against the clock, and flips after the turn."""
    if video.mirrored:
        return {"display_rotation": str(video.rotation_deg), "display_hflip": None}
    return {"display_rotation": str(-video.rotation_deg)} if video.rotation_deg else {}


def told_of(path: Path, index: int, *, tagged: bool = False) -> dict[str, str]:
    """Read a picture stream's flags and colours; its own bits may say otherwise than its container, or nothing.

    With `tagged` a name of HEVC that ffmpeg would not choose itself goes along: the pictures are of the same codec.
    """
    with av.open(f"file:{path}") as container:
        stream = container.streams[index]
        assert isinstance(stream, av.VideoStream)
        flags, context = stream.disposition, stream.codec_context
        told = {"tag": "hvc1"} if tagged and context.codec_tag == "hvc1" else {}
        if stream.average_rate and container.format.name.startswith("matroska"):
            told["r"] = str(stream.average_rate)  # players tell the length of a frame by it
        if stream.sample_aspect_ratio and context.width and context.height:
            told["aspect"] = str(Fraction(context.width, context.height) * Fraction(stream.sample_aspect_ratio))
        told |= {"disposition": "+".join(flag.name for flag in Disposition if flag in flags and flag.name) or "0"}
        if context.color_range:
            told["color_range"] = str(int(context.color_range))
        for key in ("color_primaries", "color_trc", "colorspace"):
            value = int(getattr(context, key))
            if value not in _UNTOLD:
                told[key] = str(value)
        return told


def stream_indices(media: Media) -> list[int]:
    """List all streams of a file in its own order."""
    streams = [media.video, *media.audio, *media.others]
    return sorted(stream.index for stream in streams if stream is not None)


def muxer_options(suffix: str) -> dict[str, str]:
    """Give the options by which a muxer keeps the times that it is given; pure."""
    same_times = {"avoid_negative_ts": "disabled"}
    if suffix in (".ts", ".m2ts", ".mts", ".m2t", ".mpg", ".mpeg", ".vob"):
        same_times |= {"muxdelay": "0", "muxpreload": "0"}
    if suffix in (".ts", ".m2ts", ".mts", ".m2t"):
        same_times["mpegts_copyts"] = "1"
    if suffix in (".mp4", ".mov", ".m4v"):
        same_times["movflags"] = "use_metadata_tags"
    return same_times
