"""Boxes for films: load one, save one, and bridges to and from the single steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from ....core.errors import PresetError
from ....core.nodes.registry import load_registry
from ....core.values import Media, Take
from ....located_yaml.explain import is_url
from ....store.store import Store
from .. import folders, host
from ..box import STEPS, VIDEO, Box, BoxResult, Input, Output, read_socket
from ..conversions.media_values import film_file
from ..conversions.widgets import Widget, read_widgets, widgets_of
from ..folders import call_key, given_files
from ..previews import shown_films
from ..work import BoxCall
from .step_boxes import run_step, wire_type

NO_FILE = "none"


def _fetch_widgets() -> tuple[Widget, ...]:
    """Return the limits of a download, as the step `fetch` declares them; a `VIDEO` is only a film."""
    return widgets_of(load_registry().get("fetch").ports.params, leave_out=("uri", "subtitles", "start_tc", "manifest"))


class LoadFilmBox(Box):
    """A film of the input folder, or one from the web."""

    id: ClassVar[str] = "react1_load_film"
    title: ClassVar[str] = "React1 Load film"
    about: ClassVar[str] = (
        "A film from ComfyUI's input folder, or from a URL: a file, or a page that yt-dlp reads. The film keeps its "
        "file, so that packets outside the edits stay as they are."
    )
    outputs: ClassVar[tuple[Output, ...]] = (Output(VIDEO, "video", "the film, backed by its file"),)
    checked: ClassVar[tuple[str, ...]] = ("file", "url")
    has_fingerprint: ClassVar[bool] = True

    @classmethod
    def inputs(cls) -> tuple[Input, ...]:
        """Return the choice of a file, the URL, and the limit of a download."""
        films = folders.listed(folders.FILM_SUFFIXES)
        choice = {"options": films, "video_upload": True, "tooltip": "a film in ComfyUI's input folder"}
        uri = load_registry().get("fetch").ports.params.model_fields["uri"].description
        return (
            Input("file", "COMBO", choice | ({"default": films[0]} if films else {})),
            Input("url", "STRING", {"default": "", "tooltip": f"instead of the file: {uri}"}, optional=True),
            *(widget.input for widget in _fetch_widgets()),
        )

    @classmethod
    def check(cls, values: Mapping[str, Any]) -> None:
        """Refuse a file that is not there or may not be read, and a URL that is none."""
        url = _url(values)
        if not url:
            folders.input_file(str(values.get("file") or ""), "file")
        elif not is_url(url):
            raise PresetError(f"url: {url!r} does not begin with http:// or https://; choose local films with file")

    @classmethod
    def fingerprint(cls, values: Mapping[str, Any], node_id: str) -> str:
        """Return the digest of the film's content; of a URL, whether the download is still there."""
        if _url(values):
            return given_files.fingerprint(call_key(cls.id, node_id, values))
        path = folders.input_file(str(values.get("file") or ""), "file")
        return Store(folders.react1_home()).add_external(path).digest

    @classmethod
    def run(cls, call: BoxCall, values: Mapping[str, Any]) -> BoxResult:
        """Return the film; a URL is downloaded first."""
        url = _url(values)
        if not url:
            path = folders.input_file(str(values.get("file") or ""), "file")
            return BoxResult((host.video_from_file(path),))
        params = {"uri": url, **read_widgets(_fetch_widgets(), values)}
        media = run_step(call, load_registry().get("fetch"), params, {})
        assert isinstance(media, Media)
        path = Store(folders.react1_home()).path(media.file)
        given_files.record(call_key(cls.id, call.node_id, values), [path])
        return BoxResult((host.video_from_file(path),), folders.shown_files([], "\n".join(media.notes)))


def _url(values: Mapping[str, Any]) -> str:
    return str(values.get("url") or "").strip()


class SaveFilmBox(Box):
    """A film in the output folder, numbered, packet for packet."""

    id: ClassVar[str] = "react1_save_film"
    title: ClassVar[str] = "React1 Save film"
    about: ClassVar[str] = (
        "Copies the film into ComfyUI's output folder under the next number, in its own container and with every "
        "stream as it is. Never replaces a file."
    )
    is_output: ClassVar[bool] = True
    outputs: ClassVar[tuple[Output, ...]] = (Output("STRING", "path", "where the film is"),)
    checked: ClassVar[tuple[str, ...]] = ("filename_prefix",)
    has_fingerprint: ClassVar[bool] = True

    @classmethod
    def inputs(cls) -> tuple[Input, ...]:
        """Return the film and the beginning of its name."""
        about = (
            "folder and beginning of the name, in ComfyUI's output folder; %year%, %month%, %day%, %hour% are filled in"
        )
        return (
            Input("video", VIDEO, {"tooltip": "the film"}),
            Input("filename_prefix", "STRING", {"default": "react1/film", "tooltip": about}),
        )

    @classmethod
    def check(cls, values: Mapping[str, Any]) -> None:
        """Refuse a name outside the output folder."""
        folders.split_prefix(str(values.get("filename_prefix") or ""))

    @classmethod
    def fingerprint(cls, values: Mapping[str, Any], node_id: str) -> str:
        """Return another text once the saved film is gone or changed."""
        return given_files.fingerprint(call_key(cls.id, node_id, values))

    @classmethod
    def run(cls, call: BoxCall, values: Mapping[str, Any]) -> BoxResult:
        """Copy the film."""

        def save(progress: Callable[[float], None]) -> tuple[Path, str]:
            film = film_file(values["video"], progress)
            prefix = folders.with_time(str(values["filename_prefix"]), datetime.now(UTC).astimezone())
            return folders.save_numbered(film.path, prefix), film.note

        path, lost = call.do(save)
        given_files.record(call_key(cls.id, call.node_id, values), [path])
        note = f"\nnote: {lost}" if lost else ""
        shown = call.do(lambda progress: shown_films([path], f"{path}{note}", progress))
        return BoxResult((str(path),), shown)


class VideoToMediaBox(Box):
    """A `VIDEO` for the single steps."""

    id: ClassVar[str] = "react1_video_to_media"
    title: ClassVar[str] = "React1 Video to media"
    about: ClassVar[str] = "Gives a video of any pack to the single steps of react1."
    category: ClassVar[str] = STEPS
    outputs: ClassVar[tuple[Output, ...]] = (Output(wire_type(Media), "media", "the film, for the steps"),)

    @classmethod
    def inputs(cls) -> tuple[Input, ...]:
        """Return the video."""
        return (Input("video", VIDEO, {"tooltip": "a film of any pack"}),)

    @classmethod
    def run(cls, call: BoxCall, values: Mapping[str, Any]) -> BoxResult:
        """Probe the film's file."""
        film = call.do(lambda progress: film_file(values["video"], progress))
        media = run_step(call, load_registry().get("fetch"), {"uri": str(film.path)}, {})
        return BoxResult((media,), folders.shown_files([], film.note))


class MediaToVideoBox(Box):
    """A film or a take of the single steps as a `VIDEO`."""

    id: ClassVar[str] = "react1_media_to_video"
    title: ClassVar[str] = "React1 Media to video"
    about: ClassVar[str] = "Gives a film of the single steps to any pack, with its file."
    category: ClassVar[str] = STEPS
    outputs: ClassVar[tuple[Output, ...]] = (Output(VIDEO, "video", "the film, backed by its file"),)
    source: ClassVar[type[Media] | type[Take]] = Media

    @classmethod
    def inputs(cls) -> tuple[Input, ...]:
        """Return the film."""
        return (Input(wire_type(cls.source)[7:].lower(), wire_type(cls.source), {"tooltip": cls.about}),)

    @classmethod
    def run(cls, call: BoxCall, values: Mapping[str, Any]) -> BoxResult:
        """Return the file of the value."""
        (socket,) = cls.inputs()
        value = read_socket(values, socket.name, cls.source, socket.name, f"a box that gives {socket.name}")
        if value is None:
            raise PresetError(f"{socket.name}: connect a box that gives {socket.name}")
        media = value.media if isinstance(value, Take) else value
        path = call.do(lambda _progress: Store(folders.react1_home()).path(media.file))
        return BoxResult((host.video_from_file(path),))


class TakeToVideoBox(MediaToVideoBox):
    """A take of the single steps as a `VIDEO`."""

    id: ClassVar[str] = "react1_take_to_video"
    title: ClassVar[str] = "React1 Take to video"
    about: ClassVar[str] = "Gives the clip of a take to any pack: the span with its handles."
    source: ClassVar[type[Media] | type[Take]] = Take
