"""Fetch a film: a file, an http(s) URL, or a page that yt-dlp can read.

Takes   a local path (the runner turns it into a `File`), or the http(s) URL of a media file or of a page with a video.
Gives   the probed film, neither cut nor re-encoded. From a page: one file with the best compatible video and audio,
        H.264 and AAC if available, with embedded subtitles on request.
Raises  InputMediaError for no video, a live stream, a playlist or a file over the limit; ProviderError if the server
        or the site refuses; StorageFailed if the disk is full.

Format selection follows yt-dlp's README, "FORMAT SELECTION" and "SORTING FORMATS". Its section download is not
frame-exact and not used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from mimetypes import guess_extension
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from ..pipeline.core.errors import InputMediaError, ProviderError, StorageFailed, shorten
from ..pipeline.core.file import File, FileOrUrl
from ..pipeline.core.nodes.node import Forecast, NodeContext, Params, Workload
from ..pipeline.core.times import Timecode, parse_time
from ..pipeline.core.values import Media
from ..pipeline.located_yaml.explain import is_url

FORMAT = "bv*+ba/b"
"""The best video, plus the best audio if it has none."""
SORT = ["vcodec:h264", "res", "fps", "acodec:aac"]
"""Prefer H.264, which smart rendering handles best: 1080p H.264 ranks above 2160p of another codec."""
MANIFEST_SUFFIX = ".c2pa"
_SUFFIX = re.compile(r"\.[a-z0-9]{2,4}")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_PREFIX_AND_ADVICE = re.compile(r"^ERROR:\s*|;? *please report this issue on .*", re.IGNORECASE | re.DOTALL)


class FetchParams(Params):
    """The source of the film and limits for the download."""

    uri: FileOrUrl = Field(description="a file, an http(s) URL, or a page that yt-dlp can read")
    subtitles: bool | tuple[str, ...] = Field(
        default=False, description="subtitles of a page: all, or a list of languages such as [en, de]"
    )
    start_tc: str | None = Field(default=None, description="timecode of the first frame (default: from the film)")
    manifest: FileOrUrl | None = Field(
        default=None,
        description="file with the film's C2PA manifest (default: NAME.c2pa beside a local film, if there is one)",
    )
    max_size_mb: float = Field(default=20_000, gt=0, description="maximum size of the download in MB (10^6 bytes)")

    @field_validator("start_tc")
    @classmethod
    def _timecode(cls, text: str | None) -> str | None:
        if text is not None and not isinstance(parse_time(text), Timecode):
            quoted = shorten(repr(text))
            raise ValueError(f"{quoted} is not a timecode; write HH:MM:SS:FF, or HH:MM:SS;FF for drop-frame")
        return text

    @field_validator("manifest")
    @classmethod
    def _manifest_file(cls, manifest: File | str | None) -> File | str | None:
        if isinstance(manifest, str) and is_url(manifest):
            raise ValueError(f"{manifest} is a URL; download the manifest, and give the path of the file")
        return manifest

    @model_validator(mode="after")
    def _find_manifest(self) -> Self:
        """Use the manifest beside a local film, by which the container of a film that cannot hold one is signed."""
        if self.manifest is None and isinstance(self.uri, str) and not is_url(self.uri):
            manifest_path = Path(f"{self.uri}{MANIFEST_SUFFIX}")
            with suppress(OSError):  # the name is too long, or the folder closed: the film itself is reported
                if manifest_path.is_file():
                    object.__setattr__(self, "manifest", str(manifest_path))
        return self

    @property
    def max_bytes(self) -> int:
        """Maximum size of the download in bytes."""
        return int(self.max_size_mb * 1_000_000)


class Fetch:
    """Fetch a complete film; later steps cut it."""

    name: ClassVar[str] = "fetch"
    version: ClassVar[int] = 1
    workload: ClassVar[Workload] = "io"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: FetchParams) -> Media:
        """Return the film; a URL is downloaded each time this runs."""
        from ..pipeline.media.probe import probe
        from ..pipeline.net.download import WebPageError
        from ..pipeline.net.url import require_web_url

        if isinstance(params.uri, File):
            return _with_user_facts(probe(context.path(params.uri), params.uri), params)
        url = require_web_url(params.uri)
        notes: tuple[str, ...] = ()
        try:
            path = _download_file(context, url, params)
        except WebPageError:
            path, notes = _download_page(context, url, params)
        file = context.store(path)
        media = _with_user_facts(probe(context.path(file), file), params)
        return media.model_copy(update={"notes": (*media.notes, *notes)})

    @classmethod
    def forecast(cls, context: NodeContext, params: FetchParams, inputs: Mapping[str, Any]) -> Forecast:
        """Probe a local file; a URL is not known before it is downloaded."""
        del inputs
        return Forecast(result=cls().run(context, params)) if isinstance(params.uri, File) else Forecast()


def _with_user_facts(film: Media, params: FetchParams) -> Media:
    """Return the film with the start timecode and the manifest that the user gives."""
    from ..pipeline.media.timing.clock import with_start_timecode

    film = with_start_timecode(film, params.start_tc)
    return film.model_copy(update={"sidecar": params.manifest}) if isinstance(params.manifest, File) else film


def _download_file(context: NodeContext, url: str, params: FetchParams) -> Path:
    from ..pipeline.net.download import download

    path = context.temp_path("fetched")
    response = download(url, path, max_bytes=params.max_bytes, progress=context.progress)
    return path.rename(path.with_suffix(choose_suffix(response.final_path, response.content_type)))


def choose_suffix(path: str, content_type: str) -> str:
    """Return the suffix for a downloaded file: that of the URL, else that of the content type, else `.bin`."""
    suffix = PurePosixPath(path).suffix.lower()
    return suffix if _SUFFIX.fullmatch(suffix) else guess_extension(content_type) or ".bin"


def _download_page(context: NodeContext, url: str, params: FetchParams) -> tuple[Path, tuple[str, ...]]:
    """Download the video of a page with yt-dlp; return the file and notes for the user."""
    import yt_dlp
    from yt_dlp.globals import all_plugins_loaded
    from yt_dlp.utils import YoutubeDLError

    from ..pipeline.media.tools.ffmpeg import ffmpeg_path
    from ..pipeline.net.url import redact_url

    all_plugins_loaded.value = True  # keeps yt-dlp from loading plug-ins
    video_filter = VideoFilter(context.progress, params.max_bytes, redact_url(url))
    folder = context.temp_path("fetched.mp4").parent
    try:
        with yt_dlp.YoutubeDL(build_options(params, video_filter, ffmpeg_path())) as downloader:
            # yt-dlp's own templates would expand a dollar sign in the folder's name.
            downloader.prepare_filename = lambda video, *_, **__: str(folder / file_name(video))
            info = downloader.extract_info(url, download=True)
    except YoutubeDLError as error:
        raise convert_error(str(error), redact_url(url)) from error
    video = _only_entry(info or {})
    paths = [Path(entry["filepath"]) for entry in video.get("requested_downloads") or () if "filepath" in entry]
    if video_filter.refusal or len(paths) != 1 or not paths[0].is_file():
        raise InputMediaError(f"{redact_url(url)}: {video_filter.refusal or 'the page has no video'}")
    missing = bool(params.subtitles) and not video.get("requested_subtitles")
    return paths[0], ("the page has no subtitles in the requested languages",) if missing else ()


def file_name(video: Mapping[str, Any]) -> str:
    """Return a safe file name for a video; the page's suffix is sanitised."""
    return f"fetched.{re.sub('[^a-z0-9]', '', str(video.get('ext') or 'mp4').lower()) or 'bin'}"


def _only_entry(info: dict[str, Any]) -> dict[str, Any]:
    """Return the video of a page that lists exactly one."""
    entries = [entry for entry in info.get("entries") or () if entry]
    return entries[0] if entries else info


def build_options(params: FetchParams, video_filter: VideoFilter, ffmpeg: str) -> dict[str, Any]:
    """Build the options for yt-dlp: one complete video, no plug-ins, no commands after the download.

    Only its command line reads config files, so none applies here.
    """
    languages = params.subtitles
    options: dict[str, Any] = {
        "format": FORMAT,
        "format_sort": SORT,
        "merge_output_format": "mp4/mkv",
        "ffmpeg_location": ffmpeg,
        "noplaylist": True,
        "match_filter": video_filter.refuse,
        "progress_hooks": [video_filter.progress],
        "cachedir": False,
        "usenetrc": False,
        "enable_file_urls": False,
        "quiet": True,
        "noprogress": True,
        "color": "never",
        "logger": SilentLogger(),
        "socket_timeout": 30,
        "retries": 5,
        "fragment_retries": 5,
    }
    if languages:
        options |= {
            "writesubtitles": True,
            "subtitleslangs": list(languages) if isinstance(languages, tuple) else ["all", "-live_chat"],
            "subtitlesformat": "vtt/srt/best",
            "postprocessors": [{"key": "FFmpegEmbedSubtitle"}],
        }
    return options


class VideoFilter:
    """Refuse videos that cannot be used, and pass progress on."""

    def __init__(self, progress: Callable[[float], None], max_bytes: int, url: str) -> None:
        self.refusal = ""
        self._progress, self._max_bytes, self._url = progress, max_bytes, url

    def refuse(self, info: dict[str, Any], *, incomplete: bool = False) -> str | None:
        """Return why this video is refused, or None."""
        if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming", "post_live"):
            self.refusal = "live stream; fetch it after it has ended"
        elif (info.get("n_entries") or info.get("playlist_count") or 1) > 1:
            self.refusal = (
                f"playlist of {info.get('n_entries') or info['playlist_count']} videos; use the URL of one video"
            )
        elif (info.get("filesize") or 0) > self._max_bytes:
            self.refusal = self._too_large(info["filesize"])
        return self.refusal or None

    def progress(self, status: dict[str, Any]) -> None:
        """Report the share; an exception of the context ends the download."""
        done = status.get("downloaded_bytes") or 0
        total = status.get("total_bytes") or status.get("total_bytes_estimate") or 0
        if max(done, status.get("total_bytes") or 0) > self._max_bytes:
            raise InputMediaError(f"{self._url}: {self._too_large(max(done, total))}")
        self._progress(min(1.0, done / total) if total else 0.0)

    def _too_large(self, size_bytes: int) -> str:
        return f"{size_bytes / 1e6:.1f} MB exceeds the limit of {self._max_bytes / 1e6:g} MB; raise max_size_mb"


class SilentLogger:
    """A logger that discards everything; yt-dlp raises its errors."""

    def debug(self, message: str) -> None:
        """Discard the message."""

    warning = error = info = debug


def convert_error(message: str, url: str) -> InputMediaError | ProviderError | StorageFailed:
    """Convert a yt-dlp message into a one-line error of the right class."""
    from ..pipeline.net.url import redact_urls

    text = " ".join(redact_urls(_PREFIX_AND_ADVICE.sub("", _COLOUR.sub("", message))).split())
    if "No space left" in text:
        return StorageFailed(f"{url}: the disk is full")
    if "Unsupported URL" in text:
        return InputMediaError(f"{url}: the page has no video that yt-dlp can read")
    return ProviderError(f"{url}: {text}", retryable="HTTP Error 5" in text or "timed out" in text)
