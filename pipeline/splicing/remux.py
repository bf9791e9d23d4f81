"""Put new coded pictures beside all the other streams of a file, by ffmpeg's muxers and without re-encoding.

For containers that are not rewritten box by box: Matroska, WebM, MPEG-TS, MPEG-PS, fragmented MP4.
The stream order, tags, chapters, dispositions and attachments come from the source; times are copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..kinds import Media


def remux_argv(
    ffmpeg: str, source: Path, pictures: Path, made: Path, media: Media, left_out: Sequence[int] = ()
) -> list[str]:
    """Spell the call; pure. Streams whose index is in `left_out` are not carried."""
    assert media.video is not None
    kept = [index for index in stream_indices(media) if index not in left_out]
    argv = [ffmpeg, "-nostdin", "-v", "error", "-y", "-copyts", "-i", f"file:{source}", "-i", f"file:{pictures}"]
    for index in kept:
        argv += ["-map", "1:v:0" if index == media.video.index else f"0:{index}"]
    argv += ["-c", "copy", "-copy_unknown", "-fflags", "+bitexact", "-map_metadata", "0", "-map_chapters", "0"]
    for place, index in enumerate(kept):
        argv += [f"-map_metadata:s:{place}", f"0:s:{index}"]
        if index == media.video.index:
            argv += [f"-disposition:{place}", "default"]
    return [*argv, *muxer_options(made.suffix), f"file:{made}"]


def stream_indices(media: Media) -> list[int]:
    """List all streams of a file in its own order."""
    streams = [media.video, *media.audio, *media.others]
    return sorted(stream.index for stream in streams if stream is not None)


def muxer_options(suffix: str) -> list[str]:
    """Give the options by which a muxer keeps the times that it is given; pure."""
    same_times = ["-avoid_negative_ts", "disabled"]
    if suffix in (".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".vob"):
        same_times += ["-muxdelay", "0", "-muxpreload", "0"]
    if suffix in (".ts", ".m2ts", ".mts"):
        same_times += ["-mpegts_copyts", "1"]
    if suffix in (".mp4", ".mov", ".m4v"):
        same_times += ["-movflags", "use_metadata_tags"]
    return same_times
