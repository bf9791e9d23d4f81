"""Boxes that say what to change: an edit, takes to try, and edits from text or a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ....core.edits.choices import React1Choices
from ....core.edits.edit import Edit
from ....core.edits.takes import Matrix
from ....core.errors import PresetError
from ....interchange.entries import ListFile
from ....interchange.limits import read_text
from ....located_yaml.explain import is_url, validate
from ....located_yaml.located import Location, Problems, from_plain
from .. import folders, host
from ..box import AUDIO, EDITS, MATRIX, Box, BoxResult, Input, Output, read_socket
from ..conversions.edit_values import EditList, local_files, make_edit, parse_edits
from ..conversions.media_values import line_file
from ..conversions.widgets import Widget, advanced, read_widgets, widgets_of
from ..work import BoxCall

_ALWAYS_SET = {**{name: getattr(React1Choices(), name) for name in ("prompt", "temperature")}, "audio_gain": 0.0}
"""What every edit says; the other parameters may be left to the preset."""
_SHOWN_FIRST = ("in", "out", "prompt", "temperature", "strength", "model_mode", "face", "name")
NO_FILE = "none"


def edit_widgets() -> tuple[Widget, ...]:
    """Return the widgets of an edit: in, out and the expression first, the others marked as advanced."""
    widgets = widgets_of(Edit, leave_out=("takes", "audio"), always_set=_ALWAYS_SET)
    ranked = {name: rank for rank, name in enumerate(_SHOWN_FIRST)}
    ordered = sorted(widgets, key=lambda widget: ranked.get(widget.path[0], 98 + (widget.path[0] == "at")))
    return tuple(widget if widget.path[0] in ranked else advanced(widget) for widget in ordered)


class EditBox(Box):
    """One edit, after those of the boxes before it."""

    id: ClassVar[str] = "react1_edit"
    title: ClassVar[str] = "React1 Edit"
    about: ClassVar[str] = (
        "One edit: a span of the film and its new expression. Connect edits to chain several; audio is a new line of "
        "dialogue, takes_to_try makes several takes to choose from."
    )
    outputs: ClassVar[tuple[Output, ...]] = (Output(EDITS, "edits", "all edits so far, for Re-express"),)

    @classmethod
    def inputs(cls) -> tuple[Input, ...]:
        """Return the widgets of the edit's model, and three sockets."""
        return (
            *(widget.input for widget in edit_widgets()),
            Input("edits", EDITS, {"tooltip": "edits of other boxes, which come first"}, optional=True),
            Input("audio", AUDIO, {"tooltip": Edit.model_fields["audio"].description}, optional=True),
            Input("takes_to_try", MATRIX, {"tooltip": Edit.model_fields["takes"].description}, optional=True),
        )

    checked: ClassVar[tuple[str, ...]] = ("in", "out")
    has_fingerprint: ClassVar[bool] = True

    @classmethod
    def fingerprint(cls, values: Mapping[str, Any], node_id: str) -> str:
        """Return the state of the document of the consent, if one is named."""
        document = str(values.get("consent_document") or "").strip()
        return folders.file_states([host.folder("input") / document]) if document and not is_url(document) else ""

    @classmethod
    def check(cls, values: Mapping[str, Any]) -> None:
        """Refuse wrong times; without times the edit has another place, which is checked when the box runs."""
        if values.get("in") or values.get("out"):
            make_edit(read_widgets(edit_widgets(), values), host.folder("input"))

    @classmethod
    def run(cls, call: BoxCall, values: Mapping[str, Any]) -> BoxResult:
        """Return the edits of the boxes before it and this one."""
        fields = read_widgets(edit_widgets(), values)
        earlier, audio = _earlier_edits(values), values.get("audio")
        matrix = read_socket(values, "takes_to_try", Matrix, "list of takes", "Takes to try")
        note = ""
        if matrix is not None:
            ignored = [axis for axis in matrix.axes if axis in fields]
            fields = {name: value for name, value in fields.items() if name not in matrix.axes}
            fields["takes"] = matrix.model_dump(mode="json", exclude_none=True)
            note = f"{', '.join(ignored)} come from takes_to_try; the widgets here do nothing" if ignored else ""
        if audio is not None:
            fields["audio"] = str(line_file(audio))
        edit = make_edit(fields, host.folder("input"))
        if note:
            call.show(note)
        return BoxResult((EditList((edit,)).joined(earlier),), {"text": [note]} if note else {})


def _earlier_edits(values: Mapping[str, Any]) -> EditList | None:
    return read_socket(values, "edits", EditList, "list of edits", "Edit or Edits from text")


class TakesToTryBox(Box):
    """Lists of expressions; every combination becomes a take."""

    id: ClassVar[str] = "react1_takes_to_try"
    title: ClassVar[str] = "React1 Takes to try"
    about: ClassVar[str] = (
        "Lists of expressions for one edit, such as `happy, sad` and `0.4, 0.8`; every combination becomes a take. "
        "Look at them with Contact sheet and choose with Pick take."
    )
    outputs: ClassVar[tuple[Output, ...]] = (Output(MATRIX, "takes_to_try", "for an Edit"),)
    checked: ClassVar[tuple[str, ...]] = ("prompt", "temperature")

    @classmethod
    def inputs(cls) -> tuple[Input, ...]:
        """Return one text per list."""
        return tuple(widget.input for widget in _matrix_widgets())

    @classmethod
    def check(cls, values: Mapping[str, Any]) -> None:
        """Refuse lists with values that do not exist."""
        if any(values.get(name) for name in cls.checked):
            _matrix(values)

    @classmethod
    def run(cls, call: BoxCall, values: Mapping[str, Any]) -> BoxResult:
        """Return the matrix."""
        del call
        return BoxResult((_matrix(values),))


def _matrix_widgets() -> tuple[Widget, ...]:
    return widgets_of(Matrix, leave_out=("pick",))


def _matrix(values: Mapping[str, Any]) -> Matrix:
    problems = Problems()
    tree = from_plain(read_widgets(_matrix_widgets(), values), Location("", host.folder("input")))
    matrix = validate(Matrix, tree, problems)
    problems.raise_if_any()
    assert isinstance(matrix, Matrix)
    return matrix


class EditsFromTextBox(Box):
    """Edits as text or as a list in a file."""

    id: ClassVar[str] = "react1_edits_from_text"
    title: ClassVar[str] = "React1 Edits from text or file"
    about: ClassVar[str] = (
        "Edits as text, one per line such as `1.0-3.0:sad:0.8`, or as YAML; or from a file of the input folder: an "
        "EDL, OTIO or FCPXML timeline, markers, subtitles, a table, or the same text or YAML."
    )
    outputs: ClassVar[tuple[Output, ...]] = (Output(EDITS, "edits", "all edits, for Re-express"),)
    checked: ClassVar[tuple[str, ...]] = ("text", "file")
    has_fingerprint: ClassVar[bool] = True

    @classmethod
    def inputs(cls) -> tuple[Input, ...]:
        """Return the text, the file and a socket."""
        return (
            Input(
                "text",
                "STRING",
                {
                    "default": "",
                    "multiline": True,
                    "placeholder": "1.0-3.0:sad:0.8\n00:00:04:10-00:00:05:00:happy:audio=line.wav",
                    "tooltip": "one edit per line, IN-OUT:PROMPT[:TEMPERATURE][:KEY=VALUE…], or a YAML list",
                },
                optional=True,
            ),
            Input(
                "file",
                "COMBO",
                {
                    "options": [NO_FILE, *folders.listed(folders.LIST_SUFFIXES)],
                    "default": NO_FILE,
                    "tooltip": "a list of edits or a timeline in ComfyUI's input folder",
                },
                optional=True,
            ),
            *(widget.input for widget in _list_widgets()),
            Input("edits", EDITS, {"tooltip": "edits of other boxes, which come first"}, optional=True),
        )

    @classmethod
    def check(cls, values: Mapping[str, Any]) -> None:
        """Refuse wrong text, a missing file, and neither of both."""
        _read(values)

    @classmethod
    def fingerprint(cls, values: Mapping[str, Any], node_id: str) -> str:
        """Return the state of the file, and of the files that the text names."""
        path = _file(values)
        files = [path] if path else []
        return folders.file_states([*files, *local_files(_read(values))]) if values.get("text") or path else ""

    @classmethod
    def run(cls, call: BoxCall, values: Mapping[str, Any]) -> BoxResult:
        """Return the edits; those of a file are read when the film is known."""
        del call
        return BoxResult((_read(values).joined(_earlier_edits(values)),))


def _list_widgets() -> tuple[Widget, ...]:
    """Return how a list in a file is read, as a job declares it."""
    return widgets_of(ListFile, leave_out=("file",))


def _file(values: Mapping[str, Any]) -> Path | None:
    name = str(values.get("file") or NO_FILE)
    return None if name == NO_FILE else folders.input_file(name, "file")


def _read(values: Mapping[str, Any]) -> EditList:
    edits = EditList().add(*parse_edits(str(values.get("text") or ""), host.folder("input")))
    path = _file(values)
    files: tuple[Mapping[str, Any], ...] = ()
    if path is not None and path.suffix.lower() in folders.TEXT_SUFFIXES:
        edits = edits.add(*parse_edits(read_text(path, path.name), path.parent, path.name))
    elif path is not None:
        files = ({"file": str(path), **read_widgets(_list_widgets(), values)},)
    if not edits.edits and not files:
        raise PresetError("no edits: write one such as 1.0-3.0:sad:0.8 into text, or choose a file")
    return EditList(edits.edits, files)
