"""Boxes for takes: look at them, choose one, and use one as a video, pictures or sound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ....core.edits.edit import Edit
from ....core.edits.takes import Combination
from ....core.errors import InputMediaError, PresetError, not_one_of
from ....core.values import Segment, Take
from ....store.store import Store
from .. import folders, host
from ..box import AUDIO, IMAGE, TAKES, VIDEO, Box, BoxResult, Input, Output, read_number, read_socket
from ..conversions.media_values import audio_value, batch, decode_jpeg, image_value, silence_value
from ..folders import call_key, given_files
from ..work import BoxCall
from .film_job import FilmResult, edits_of, run_job
from .job_boxes import film_result

Progress = Callable[[float], None]
_PAPER = 251
_TAKES_INPUT = Input("takes", TAKES, {"tooltip": "the takes of Re-express"})


class ContactSheetBox(Box):
    """The takes of each segment side by side, numbered."""

    id: ClassVar[str] = "react1_contact_sheet"
    title: ClassVar[str] = "React1 Contact sheet"
    about: ClassVar[str] = "Shows the takes of each segment side by side, with the numbers and names for Pick take."
    is_output: ClassVar[bool] = True
    outputs: ClassVar[tuple[Output, ...]] = (Output(IMAGE, "sheets", "one picture per segment"),)

    @classmethod
    def inputs(cls) -> tuple[Input, ...]:
        """Return the takes."""
        return (_TAKES_INPUT,)

    @classmethod
    def run(cls, call: BoxCall, values: Mapping[str, Any]) -> BoxResult:
        """Draw a sheet per segment."""
        result = _result(values)

        def draw(progress: Progress) -> dict[str, bytes]:
            sheets = {}
            segments = {take.segment.name for take in _takes(result)}
            for segment in _segments(result, segments):
                sheets[segment.name] = _sheet(segment, [t for t in _takes(result) if t.segment.name == segment.name])
                progress(len(sheets) / len(segments))
            return sheets

        sheets = call.do(draw)
        if not sheets:
            raise PresetError("there are no takes to show; connect takes of Re-express")
        paths = []
        for name, content in sheets.items():
            path = folders.scratch() / f"sheet-{result.run.run}-{name}.jpg"
            path.write_bytes(content)
            paths.append(path)
        text = "\n".join(f"{take.segment.name}: {take.name or take.provider}" for take in _takes(result))
        return BoxResult((_sheet_batch(list(sheets.values())),), folders.shown_files(paths, text))


class PickTakeBox(Box):
    """Choose a take of each segment; the film is spliced from takes that are already made."""

    id: ClassVar[str] = "react1_pick_take"
    title: ClassVar[str] = "React1 Pick take"
    about: ClassVar[str] = (
        "Splices the chosen takes into the film; nothing is rendered or paid again. choice is the number or the name "
        "on the contact sheet, for several segments `s1=2, s2=happy-0.4`; segments with one take need none."
    )
    outputs: ClassVar[tuple[Output, ...]] = (
        Output(VIDEO, "video", "the film with the chosen takes"),
        Output("STRING", "report", "what was done, and the checks"),
        Output(TAKES, "chosen", "the chosen takes"),
    )
    has_fingerprint: ClassVar[bool] = True

    @classmethod
    def inputs(cls) -> tuple[Input, ...]:
        """Return the takes and the choice."""
        about = "number or name of the take, such as 2 or happy-0.4; for several segments s1=2, s2=1"
        return (_TAKES_INPUT, Input("choice", "STRING", {"default": "1", "tooltip": about}))

    @classmethod
    def fingerprint(cls, values: Mapping[str, Any], node_id: str) -> str:
        """Return another text once the film is gone from the store."""
        return given_files.fingerprint(call_key(cls.id, node_id, values))

    @classmethod
    def run(cls, call: BoxCall, values: Mapping[str, Any]) -> BoxResult:
        """Run the job again with the choices; every take is stored."""
        before = _result(values)
        offers = _offers(before)
        is_only_splice = before.job.takes_only and not offers
        picks = {} if is_only_splice else choices(str(values.get("choice") or ""), offers)
        edits = replace(before.job.edits, edits=_picked_edits(before, picks), files=())
        result = run_job(call, replace(before.job, edits=edits, takes_only=False), budget=0.0)
        return film_result(call, cls, result, values, [])


@dataclass(frozen=True)
class OfferedTakes:
    """The takes of one segment, by their names on the contact sheet."""

    segment: str
    edit: Edit
    names: tuple[str, ...]


def choices(text: str, offers: list[OfferedTakes]) -> dict[str, str]:
    """Return the name of the chosen take of each segment.

    Raises:
        PresetError: a segment has no choice, or a choice does not exist; the message lists the takes.
    """
    if not offers:
        raise PresetError("there are no takes to choose from; connect Takes to try to an Edit")
    parts = [part.strip() for part in text.split(",") if part.strip()]
    named = {name.strip(): take.strip() for name, _, take in (part.partition("=") for part in parts if "=" in part)}
    plain = [part for part in parts if "=" not in part]
    names = [offer.segment for offer in offers]
    for name in named:
        if name not in names:
            raise PresetError(f"choice: segment {not_one_of(name, names)}")
    if len(plain) > 1:
        raise PresetError(f"choice: {text!r} has several takes; write SEGMENT=TAKE, such as {names[0]}=1")
    picked = {}
    for offer in offers:
        take = named.get(offer.segment, plain[0] if plain else "")
        if not take:
            raise PresetError(f"choice: {offer.segment} has none; write {offer.segment}=TAKE, one of {_list(offer)}")
        picked[offer.segment] = _take_name(offer, take)
    return picked


def _list(offer: OfferedTakes) -> str:
    return ", ".join(f"{number} {name}" for number, name in enumerate(offer.names, 1))


def _take_name(offer: OfferedTakes, take: str) -> str:
    if take.isdecimal():
        if not 1 <= int(take) <= len(offer.names):
            raise PresetError(f"choice: {offer.segment} has takes {_list(offer)}, not {take}")
        return offer.names[int(take) - 1]
    if take not in offer.names:
        raise PresetError(f"choice: {offer.segment}: take {not_one_of(take, offer.names)}")
    return take


class TakeBox(Box):
    """One take as a video, pictures and sound."""

    id: ClassVar[str] = "react1_take"
    title: ClassVar[str] = "React1 Take"
    about: ClassVar[str] = (
        "Gives one take to any pack: its clip and its sound, with the handles, and the pictures of its span."
    )
    outputs: ClassVar[tuple[Output, ...]] = (
        Output(VIDEO, "video", "the clip: the span and its handles"),
        Output(IMAGE, "images", "its pictures, without the handles"),
        Output(AUDIO, "audio", "the sound that the model got, as long as the clip, or silence"),
    )

    @classmethod
    def inputs(cls) -> tuple[Input, ...]:
        """Return the takes, and which one."""
        about = "number of the take, over all segments, from 1"
        options = {"default": 1, "min": 1, "max": 999, "step": 1, "tooltip": about}
        return (_TAKES_INPUT, Input("number", "INT", options))

    @classmethod
    def run(cls, call: BoxCall, values: Mapping[str, Any]) -> BoxResult:
        """Read the take."""
        takes = _takes(_result(values))
        number = int(read_number(values, "number", 1))
        if not 1 <= number <= len(takes):
            raise PresetError(f"number: there are {len(takes)} takes, not {number}")
        take, store = takes[number - 1], Store(folders.react1_home())
        if take.status != "done":
            raise PresetError(f"number: take {number} has failed: {' '.join(take.notes[-1:])}")

        def read(progress: Progress) -> tuple[Any, Any, Any]:
            path, segment = store.path(take.media.file), take.segment
            frames = range(segment.head_frames, segment.head_frames + segment.end_frame - segment.start_frame)
            sound = audio_value(store.path(segment.voice)) if segment.voice else None
            seconds = float(take.media.duration_s)
            images = image_value(path, take.media, frames, progress)
            return host.video_from_file(path), images, sound or silence_value(seconds)

        text = f"{take.segment.name} {take.name}".strip()
        return BoxResult(call.do(read), {"text": [text]})


def _result(values: Mapping[str, Any]) -> FilmResult:
    result = read_socket(values, "takes", FilmResult, "list of takes", "takes of Re-express or of Pick take")
    if result is None:
        raise PresetError("takes: connect takes of Re-express or of Pick take")
    return result


def _takes(result: FilmResult) -> list[Take]:
    return [*result.record.offered, *result.record.takes]


def _segments(result: FilmResult, names: set[str]) -> list[Segment]:
    return [segment for segment in result.record.segments if segment.name in names]


def _offers(result: FilmResult) -> list[OfferedTakes]:
    offers = []
    for segment in result.record.segments:
        matrix = segment.edit.takes
        if matrix is not None:
            offers.append(OfferedTakes(segment.name, segment.edit, tuple(take.name for take in matrix.takes)))
    return offers


def _picked_edits(result: FilmResult, picks: Mapping[str, str]) -> tuple[Edit, ...]:
    """Return all edits of the job, each with the choice of its segment."""
    chosen = {_without_pick(offer.edit): picks[offer.segment] for offer in _offers(result)}
    edits = []
    for edit in edits_of(result.job.load()):
        name = chosen.get(_without_pick(edit))
        matrix = edit.takes.model_copy(update={"pick": name}) if edit.takes is not None and name else edit.takes
        edits.append(edit.model_copy(update={"takes": matrix}))
    return tuple(edits)


def _without_pick(edit: Edit) -> str:
    """Return what identifies an edit: its span and the axes of its matrix."""
    if edit.takes is not None:
        edit = edit.model_copy(update={"takes": edit.takes.model_copy(update={"pick": None})})
    return edit.model_copy(update={"audio": None}).model_dump_json()


def _sheet(segment: Segment, takes: list[Take]) -> bytes:
    """Return the contact sheet of a segment as a JPEG."""
    from ....report.take_board import board_of

    store = Store(folders.react1_home())
    if segment.edit.takes is None:
        return _plain_sheet(segment, takes, store.path)
    board = board_of(segment, takes, store.path, 1 << 20)
    if board is None:
        raise InputMediaError(f"{segment.name}: no take could be made; see the report of Re-express")
    return board.sheet


def _plain_sheet(segment: Segment, takes: list[Take], find_path: Callable[[Any], Path]) -> bytes:
    """Return source and take side by side, for an edit without takes to choose from."""
    from ....media.frames.decode import exact_frames, rgb, turn_upright
    from ....report.take_board import Grid, contact_sheet

    still = (segment.start_frame + segment.end_frame - 1) // 2

    def picture(media: Any, number: int) -> NDArray[np.uint8]:
        frames = exact_frames(find_path(media.file), media.video, number, number + 1)
        (_, frame) = next(iter(frames))
        shown = turn_upright(rgb(frame, media.video), media.video)
        step = max(1, max(shown.shape[:2]) // 420)
        return np.ascontiguousarray(shown[::step, ::step])

    name: str = takes[0].segment.edit.prompt or "take"
    pictures = [picture(take.media, still - segment.first_frame) for take in takes if take.conformed]
    done = dict(zip((name,), pictures, strict=False))
    grid = Grid(("",), ("take",), ((Combination(1, name, {}),),), "")
    return contact_sheet(picture(segment.source, still), done, grid, f"{segment.name}, frame {still}")


def _sheet_batch(sheets: list[bytes]) -> Any:
    """Return JPEGs of different sizes as one batch, on paper of the largest size."""
    pictures = [decode_jpeg(content) for content in sheets]
    height, width = (max(picture.shape[axis] for picture in pictures) for axis in (0, 1))
    pages = []
    for picture in pictures:
        page = np.full((height, width, 3), _PAPER, np.uint8)
        page[: picture.shape[0], : picture.shape[1]] = picture
        pages.append(page)
    return batch(pages)
