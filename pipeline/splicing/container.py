"""Which suffix a film's files get: its own where that fits its container, else the container's usual one.

Tools choose a muxer by the suffix, and a file may have none, or a wrong one.
"""

from __future__ import annotations

from pathlib import Path

import av

from ..core.values import Media

_SUFFIXES = {
    "mov": (".mp4", ".mov", ".m4v", ".3gp", ".3g2", ".f4v"),
    "matroska": (".mkv", ".webm"),
    "mpegts": (".ts", ".m2ts", ".mts", ".m2t"),
    "mpeg": (".mpg", ".mpeg", ".vob"),
    "avi": (".avi",),
    "asf": (".wmv", ".asf"),
    "ogg": (".ogv", ".ogg"),
    "flv": (".flv",),
    "mxf": (".mxf",),
    "nut": (".nut",),
}
"""By the first of ffmpeg's names of a format; the first suffix is the usual one."""
_UNTIMED = frozenset({".avi", ".wmv", ".asf", ".ogv", ".ogg", ".gif"})
"""Muxers that count frames, round their times, or do not take the pictures of any encoder here."""
_NOT_TIMED = "{} files do not hold new pictures at their very times"
_WEB_CODECS = frozenset({"vp8", "vp9", "av1", "opus", "vorbis"})
_QUICKTIME_CODECS = frozenset({"prores", "mjpeg", "dnxhd", "cfhd", "qtrle", "rawvideo", "v210", "ffv1"})


def suffix_of(media: Media) -> str:
    """Give a suffix by which tools know the film's container, such as `.mp4`."""
    own, known = media.file.suffix, _SUFFIXES.get(media.container.split(",")[0])
    if known is None:
        return own or ".mkv"
    return own if own in known else _usual(media, known[0])


def is_boxed(media: Media) -> bool:
    """Tell whether the film is an MP4 or a MOV, whatever its name says."""
    return media.container.split(",")[0] == "mov"


def _usual(media: Media, first: str) -> str:
    codecs = {track.codec for track in media.audio} | ({media.video.codec} if media.video is not None else set())
    if first == ".mkv" and codecs <= _WEB_CODECS:
        return ".webm"
    if first == ".mp4" and (codecs & _QUICKTIME_CODECS or any(codec.startswith("pcm_") for codec in codecs)):
        return ".mov"
    return first


def wraps(media: Media) -> bool:
    """Tell whether a transport stream's clock of 33 bits begins anew in the film: readers call what is before negative.

    No muxer here writes such times again.
    """
    video = media.video
    return media.container.split(",")[0] == "mpegts" and video is not None and int(video.timestamps.array[0]) < 0


def not_written_anew(media: Media) -> str:
    """Say why new pictures cannot be put into a film's container at their times; empty where they can."""
    suffix = suffix_of(media)
    if suffix not in _UNTIMED and not wraps(media):
        return ""
    why = "a clock that wraps around is not written again" if wraps(media) else _NOT_TIMED.format(suffix)
    return f"{why}; put the film into .mkv or .mov first, which copies its packets (ffmpeg -i film -c copy film.mkv)"


def picture_place(media: Media) -> int:
    """Give the picture's place among the film's picture tracks."""
    assert media.video is not None
    return sum(other.kind == "video" and other.index < media.video.index for other in media.others)


def same_picture(source: Path, index: int, made: Path) -> int:
    """Give the index in `made` of the picture that has `index` in `source`; a muxer may order streams otherwise."""
    with av.open(f"file:{source}") as one, av.open(f"file:{made}") as other:
        place = [stream.index for stream in one.streams.video].index(index)
        return other.streams.video[place].index
