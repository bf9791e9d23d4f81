"""Bring a film into the store: a file, an http(s) address, or a page that yt-dlp reads.

Takes   a local path (a `File` by the time it gets here), an http(s) address of a media file, or of a page with a video.
Gives   the film as it is, probed; nothing is cut or re-encoded here. Of a page: one file of the best picture and sound
        that fit together, H.264 and AAC where the page has them, with the subtitles inside where they were asked for.
Raises  BadInput when there is no video, it is live, a playlist, or too large; HostFailed when the server or the site
        refuses; StorageFailed when the disk is full.
Source  yt-dlp's README, "FORMAT SELECTION" and "SORTING FORMATS". Its own section cut is not frame-exact and not used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from mimetypes import guess_extension
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from pydantic import Field, field_validator

from ..pipeline.core.errors import InputMediaError, ProviderError, StorageFailed
from ..pipeline.core.file import File, FileOrUrl
from ..pipeline.core.node import NodeContext, Params, Workload
from ..pipeline.core.times import Timecode, parse_time
from ..pipeline.core.values import Media

FORMAT = "bv*+ba/b"
"""The best picture, with the best sound beside it where it has none."""
SORT = ["vcodec:h264", "res", "fps", "acodec:aac"]
"""What splices exactly comes first: an H.264 picture of 1080 lines is worth more here than another codec's 2160."""
_SUFFIX = re.compile(r"\.[a-z0-9]{2,4}")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_NOISE = re.compile(r"^ERROR:\s*|;? *please report this issue on .*", re.IGNORECASE | re.DOTALL)


class FetchParams(Params):
    """Where the film comes from, and how much of it may come."""

    uri: FileOrUrl = Field(description="a file, an http(s) address, or a page that yt-dlp reads")
    subtitles: bool | tuple[str, ...] = Field(
        default=False, description="subtitles of a page: all of them, or a list of languages such as [en, de]"
    )
    start_tc: str | None = Field(
        default=None, description="the timecode of the first frame (default: what the film says)"
    )
    max_size_mb: float = Field(default=20_000, gt=0, description="the most that may be fetched, in MB (10^6 bytes)")

    @field_validator("start_tc")
    @classmethod
    def _timecode(cls, text: str | None) -> str | None:
        if text is not None and not isinstance(parse_time(text), Timecode):
            raise ValueError(f"{text!r} is no timecode; write HH:MM:SS:FF, or HH:MM:SS;FF for drop-frame")
        return text

    @property
    def max_bytes(self) -> int:
        """The limit in bytes."""
        return int(self.max_size_mb * 1_000_000)


class Fetch:
    """Keep the film whole; the steps after this one cut."""

    name: ClassVar[str] = "fetch"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "io"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: FetchParams) -> Media:
        """Give the film; of an address, what it gives now."""
        from ..pipeline.media.probe import probe
        from ..pipeline.net.download import WebPageError
        from ..pipeline.net.url import require_web_url

        if isinstance(params.uri, File):
            return starting_at(probe(context.path(params.uri), params.uri), params.start_tc)
        address = require_web_url(params.uri)
        said: tuple[str, ...] = ()
        try:
            made = _from_server(context, address, params)
        except WebPageError:
            made, said = _from_page(context, address, params)
        file = context.store(made)
        media = starting_at(probe(context.path(file), file), params.start_tc)
        return media.model_copy(update={"notes": (*media.notes, *said)})


def starting_at(media: Media, start_tc: str | None) -> Media:
    """Let a film begin with a timecode that counts before its own.

    Raises:
        BadInput: the film's rate does not have it.
    """
    if start_tc is None:
        return media
    label = parse_time(start_tc)
    if isinstance(label, Timecode) and media.video is not None:
        from ..pipeline.media.clock import require_label

        require_label(media, label)
    return media.model_copy(update={"start_timecode": start_tc})


def _from_server(context: NodeContext, address: str, params: FetchParams) -> Path:
    from ..pipeline.net.download import download

    made = context.temp_path("fetched")
    got = download(address, made, max_bytes=params.max_bytes, progress=context.progress)
    return made.rename(made.with_suffix(suffix_of(got.final_path, got.content_type)))


def suffix_of(path: str, content_type: str) -> str:
    """Choose the suffix of a fetched file: the address's own, else the one of its type, else `.bin`."""
    own = PurePosixPath(path).suffix.lower()
    return own if _SUFFIX.fullmatch(own) else guess_extension(content_type) or ".bin"


def _from_page(context: NodeContext, address: str, params: FetchParams) -> tuple[Path, tuple[str, ...]]:
    """Let yt-dlp read a page; give the file, and what the user should hear."""
    import yt_dlp
    from yt_dlp.globals import all_plugins_loaded
    from yt_dlp.utils import YoutubeDLError

    from ..pipeline.media.ffmpeg import ffmpeg_path
    from ..pipeline.net.url import redact_url

    all_plugins_loaded.value = True  # so that it looks for none
    gate = Gate(context.progress, params.max_bytes, redact_url(address))
    folder = context.temp_path("fetched.mp4").parent
    try:
        with yt_dlp.YoutubeDL(options(params, gate, ffmpeg_path())) as reader:
            # Its templates would expand a dollar sign in the folder's name.
            reader.prepare_filename = lambda video, *_, **__: str(folder / file_name(video))
            info = reader.extract_info(address, download=True)
    except YoutubeDLError as error:
        raise failure(str(error), redact_url(address)) from error
    video = _only_entry(info or {})
    made = [Path(each["filepath"]) for each in video.get("requested_downloads") or () if "filepath" in each]
    if gate.refusal or len(made) != 1 or not made[0].is_file():
        raise InputMediaError(f"{redact_url(address)}: {gate.refusal or 'the page gave no video'}")
    missing = bool(params.subtitles) and not video.get("requested_subtitles")
    return made[0], ("the page has no such subtitles",) if missing else ()


def file_name(video: Mapping[str, Any]) -> str:
    """Name the file of a video; its suffix comes from the page and is not trusted."""
    return f"fetched.{re.sub('[^a-z0-9]', '', str(video.get('ext') or 'mp4').lower()) or 'bin'}"


def _only_entry(info: dict[str, Any]) -> dict[str, Any]:
    """Give the video itself where a page lists just one."""
    entries = [entry for entry in info.get("entries") or () if entry]
    return entries[0] if entries else info


def options(params: FetchParams, gate: Gate, ffmpeg: str) -> dict[str, Any]:
    """Spell what yt-dlp may do: one video, whole, and nothing that a config file, a plug-in or a page could add.

    Its config files are read by its command line only; no command is ever run after a download, since none is given.
    """
    wanted = params.subtitles
    chosen: dict[str, Any] = {
        "format": FORMAT,
        "format_sort": SORT,
        "merge_output_format": "mp4/mkv",
        "ffmpeg_location": ffmpeg,
        "noplaylist": True,
        "match_filter": gate.allow,
        "progress_hooks": [gate.progress],
        "cachedir": False,
        "usenetrc": False,
        "enable_file_urls": False,
        "quiet": True,
        "noprogress": True,
        "color": "never",
        "logger": Silence(),
        "socket_timeout": 30,
        "retries": 5,
        "fragment_retries": 5,
    }
    if wanted:
        chosen |= {
            "writesubtitles": True,
            "subtitleslangs": list(wanted) if isinstance(wanted, tuple) else ["all", "-live_chat"],
            "subtitlesformat": "vtt/srt/best",
            "postprocessors": [{"key": "FFmpegEmbedSubtitle"}],
        }
    return chosen


class Gate:
    """Stands between yt-dlp and the room: passes progress on, and says no to what we do not take."""

    def __init__(self, progress: Callable[[float], None], max_bytes: int, address: str) -> None:
        self.refusal = ""
        self._progress, self._max_bytes, self._address = progress, max_bytes, address

    def allow(self, info: dict[str, Any], *, incomplete: bool = False) -> str | None:
        """Give the reason why this video is not taken; None where it is."""
        if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming", "post_live"):
            self.refusal = "it is a live stream; fetch it when it has ended"
        elif (info.get("n_entries") or info.get("playlist_count") or 1) > 1:
            self.refusal = f"it holds {info.get('n_entries') or info['playlist_count']} videos; give the address of one"
        elif (info.get("filesize") or 0) > self._max_bytes:
            self.refusal = self._too_large(info["filesize"])
        return self.refusal or None

    def progress(self, status: dict[str, Any]) -> None:
        """Pass the share on; what the room raises ends the download."""
        done = status.get("downloaded_bytes") or 0
        total = status.get("total_bytes") or status.get("total_bytes_estimate") or 0
        if max(done, status.get("total_bytes") or 0) > self._max_bytes:
            raise InputMediaError(f"{self._address}: {self._too_large(max(done, total))}")
        self._progress(min(1.0, done / total) if total else 0.0)

    def _too_large(self, size_bytes: int) -> str:
        return f"{size_bytes / 1e6:.1f} MB is more than the limit of {self._max_bytes / 1e6:g} MB; raise max_size_mb"


class Silence:
    """A logger that says nothing: errors are raised, and the rest is between yt-dlp and the page."""

    def debug(self, message: str) -> None:
        """Drop it."""

    warning = error = info = debug


def failure(message: str, address: str) -> InputMediaError | ProviderError | StorageFailed:
    """Turn what yt-dlp says into one line and the class of error that helps the reader."""
    from ..pipeline.net.url import redact_urls

    text = " ".join(redact_urls(_NOISE.sub("", _COLOUR.sub("", message))).split())
    if "No space left" in text:
        return StorageFailed(f"{address}: the disk is full")
    if "Unsupported URL" in text:
        return InputMediaError(f"{address}: the page has no video that yt-dlp can read")
    return ProviderError(f"{address}: {text}", retryable="HTTP Error 5" in text or "timed out" in text)
