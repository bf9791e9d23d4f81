"""Parameters become widgets, and a widget that is changed changes what its box does."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import Field

from react1.pipeline.adapters.comfyui import all_boxes
from react1.pipeline.adapters.comfyui.boxes.edit_boxes import edit_widgets
from react1.pipeline.adapters.comfyui.boxes.film_job import read_settings
from react1.pipeline.adapters.comfyui.boxes.step_boxes import StepBox
from react1.pipeline.adapters.comfyui.conversions.edit_values import make_edit
from react1.pipeline.adapters.comfyui.conversions.widgets import read_widgets, widgets_of
from react1.pipeline.core.edits.edit import At, Edit
from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.file import FileOrUrl, OutPath
from react1.pipeline.core.nodes.node import Params
from react1.pipeline.core.times import FORMS, Frames, Time


class Sample(Params):
    """One parameter of each type."""

    uri: FileOrUrl
    mode: Literal["lips", "face"] = "face"
    prompt: Literal["happy", "sad"] | None = Field(default=None, description="the emotion")
    heat: float = Field(default=0.5, ge=0, le=1)
    level: float | None = Field(default=None, ge=0, description="a level")
    limit: float | None = Field(default=3.0, ge=0)
    longest: int | None = Field(default=None, ge=1)
    count: int = Field(default=8, gt=0)
    quick: bool = True
    careful: bool | None = None
    handles: Time = Frames(8)
    out: OutPath | None = None
    at: At | None = None
    names: tuple[str, ...] = ("a", "b")
    languages: bool | tuple[str, ...] = False


A_TIME = f"a time: {FORMS}"
WIDGETS = {widget.input.name: widget for widget in widgets_of(Sample)}


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("mode", "COMBO", {"options": ["lips", "face"], "default": "face"}),
        (
            "prompt",
            "COMBO",
            {"options": ["default", "happy", "sad"], "default": "default", "tooltip": "the emotion"},
        ),
        ("heat", "FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01, "display": "slider"}),
        (
            "level",
            "FLOAT",
            {"default": -1.0, "min": -1.0, "max": 2.0**31 - 1, "step": 0.01, "tooltip": "a level (-1: default)"},
        ),
        ("limit", "FLOAT", {"default": 3.0, "min": -1.0, "max": 2.0**31 - 1, "step": 0.01, "tooltip": "(-1: off)"}),
        ("longest", "INT", {"default": 0, "min": 0, "max": 2**31 - 1, "step": 1, "tooltip": "(0: default)"}),
        ("count", "INT", {"default": 8, "min": 0, "max": 2**31 - 1, "step": 1}),
        ("quick", "BOOLEAN", {"default": True}),
        ("careful", "COMBO", {"options": ["default", "true", "false"], "default": "default"}),
        ("handles", "STRING", {"default": "8f", "tooltip": A_TIME}),
        ("names", "STRING", {"default": "a, b", "placeholder": "a, b, c"}),
    ],
)
def test_each_type_of_parameter_has_its_widget(name, kind, options):
    """A widget has the range, the default and the description; none is an empty box for YAML."""
    assert (WIDGETS[name].input.type, dict(WIDGETS[name].input.options)) == (kind, options)


def test_a_parameter_with_parts_is_a_widget_for_each():
    """They say what they are part of."""
    parts = [name for name in WIDGETS if name.startswith("at_")]
    assert parts == ["at_cue", "at_text", "at_marker", "at_shot"]
    assert WIDGETS["at_cue"].input.options["display_name"] == "at: cue"


def test_a_model_is_described_once():
    """ComfyUI asks for the inputs of each box in each check; the same model has the same widgets each time."""
    described = []

    class CountedSample(Sample):
        @classmethod
        def model_json_schema(cls, **options):
            described.append(cls)
            return super().model_json_schema(**options)

    first, second = widgets_of(CountedSample), widgets_of(CountedSample)

    assert described == [CountedSample]
    assert first == second and len(first) > len(widgets_of(CountedSample, leave_out=("names",)))


def test_untouched_widgets_give_the_defaults():
    """What is left out is left to the model."""
    values = {name: widget.input.options.get("default") for name, widget in WIDGETS.items()} | {"uri": "film.mp4"}
    fields = read_widgets(WIDGETS.values(), values)

    assert Sample.model_validate(fields) == Sample(uri="film.mp4")
    assert "careful" not in fields


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("careful", "false", "careful", False),
        ("level", 0.0, "level", 0.0),
        ("limit", -1.0, "limit", None),
        ("longest", 7, "longest", 7),
        ("names", "c, d ", "names", ("c", "d")),
        ("languages", "en, de", "languages", ("en", "de")),
        ("languages", "all, -live_chat", "languages", ("all", "-live_chat")),
        ("languages", "en.*, de", "languages", ("en.*", "de")),
        ("languages", "true", "languages", True),
        ("at_text", "I said so", "at", At(text="I said so")),
        ("out", " film.mp4 ", "out", "film.mp4"),
    ],
)
def test_a_value_reaches_its_parameter(name, value, field, expected):
    """The value of a widget becomes the value of the model."""
    fields = read_widgets(WIDGETS.values(), {"uri": "film.mp4", name: value})
    assert getattr(Sample.model_validate(fields), field) == expected


@pytest.mark.parametrize("face", ["0.31,0.42@320f", "{at: [0.31, 0.42], frame: 320f}"])
@pytest.mark.parametrize("strength", ["0f:0,12f:1", "[[0f, 0], [12f, 1]]"])
def test_a_face_and_a_strength_may_be_written_in_one_line(tmp_path, face, strength):
    """As on the command line and in tables; a comma alone does not make a list of a text."""
    values = {"in": "300f", "out": "340f", "prompt": "sad", "face": face, "strength": strength}

    edit = make_edit(read_widgets(edit_widgets(), values), tmp_path)

    assert str(edit.face) == "0.31,0.42@320f"
    assert [(str(point.at), point.strength) for point in edit.strength] == [("0f", 0.0), ("12f", 1.0)]


def test_wrong_yaml_is_an_error():
    """The message names the widget."""
    with pytest.raises(PresetError, match=r"languages: not YAML"):
        read_widgets(WIDGETS.values(), {"languages": "[en"})


def test_every_field_of_an_edit_is_a_widget_or_a_socket():
    """A new field of the model appears by itself."""
    box = all_boxes()["react1_edit"]
    paths = {widget.path[0] for widget in edit_widgets()}

    assert paths | {"audio", "takes"} == {field.alias or name for name, field in Edit.model_fields.items()}
    assert [each.name for each in box.inputs()][:4] == ["in", "out", "prompt", "temperature"]
    assert next(each for each in box.inputs() if each.name == "temperature").options["display"] == "slider"


def another(options: dict[str, Any], kind: str) -> Any:
    """Return another valid value for a widget."""
    default = options.get("default")
    if kind == "COMBO":
        return next((choice for choice in reversed(options["options"]) if choice != default), default)
    if kind == "BOOLEAN":
        return not default
    if kind in ("INT", "FLOAT"):
        step = 1 if kind == "INT" else 0.25
        return default + step if default + step <= options["max"] else default - step
    return {"function": "a:f"}.get(str(options.get("name")), "7")


STEPS = [box for box in all_boxes().values() if issubclass(box, StepBox)]


@pytest.mark.parametrize("box", STEPS, ids=lambda box: box.id)
def test_every_widget_of_a_step_changes_its_parameters(box):
    """A parameter that is changed is another call, with another key."""
    widgets = box.widgets()
    usual = {widget.input.name: widget.input.options.get("default") for widget in widgets}
    for widget in widgets:
        value = another({**widget.input.options, "name": widget.input.name}, widget.input.type)
        assert value != usual[widget.input.name], widget.input.name
        changed = read_widgets(widgets, usual | {widget.input.name: value})
        assert changed != read_widgets(widgets, usual), widget.input.name


def test_every_widget_of_an_edit_changes_the_edit():
    """Each of them, from an edit of two times and a performer who consents."""
    usual = {widget.input.name: widget.input.options.get("default") for widget in edit_widgets()}
    performer = next(widget.input.name for widget in edit_widgets() if widget.path == ("consent", "performer"))
    usual |= {"in": "1", "out": "5", performer: "Ann"}
    before = read_widgets(edit_widgets(), usual)
    for widget in edit_widgets():
        value = another(dict(widget.input.options), widget.input.type)
        value = {"in": "2", "faces": "{shot 1: left}", "strength": "0.5"}.get(widget.input.name, value)
        after = read_widgets(edit_widgets(), usual | {widget.input.name: value})
        assert after != before, widget.input.name
        if widget.path[0] not in ("at", "faces"):  # neither fits an edit of two times and one expression
            assert Edit.model_validate(after) != Edit.model_validate(before), widget.input.name


def test_every_widget_of_settings_is_a_setting(monkeypatch, tmp_path):
    """Untouched ones leave the preset as it is."""
    import comfyui

    host = comfyui.install(monkeypatch, tmp_path / "ComfyUI")
    (host.folder / "input" / "words.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\nI said so.\n")
    box = all_boxes()["react1_settings"]
    usual = {each.name: each.options.get("default") for each in box.inputs()}
    switched_on = usual | {"disclosure": True, "provenance": True}

    assert read_settings(usual) == read_settings({}) == {}
    for each in box.inputs():
        value = another(dict(each.options), each.type)
        value = {"cues": "words.srt", "timeline_file": "words.srt", "consent_document": "words.srt"}.get(
            each.name, value
        )
        is_switched = each.name.startswith(("disclosure_", "provenance_"))
        assert bool(read_settings(usual | {each.name: value})) != is_switched, each.name
        if each.name not in ("disclosure", "provenance"):
            assert read_settings(switched_on | {each.name: value}) != read_settings(switched_on), each.name
    assert not [each.name for each in box.inputs() if "certificate" in each.name or each.name.endswith("_key")]


def test_settings_of_the_job_have_what_was_changed_of_them(monkeypatch, tmp_path):
    """A switch alone leaves the defaults of its step; without one a changed value is enough, and off is off."""
    import comfyui

    host = comfyui.install(monkeypatch, tmp_path / "ComfyUI")
    for name in ("cut.edl", "agreed.pdf"):
        (host.folder / "input" / name).write_text("content")
    folder = (host.folder / "input").resolve()

    assert read_settings({"disclosure": True, "provenance": True}) == {"disclosure": {}, "provenance": {}}
    assert read_settings({"disclosure_where": "top-left"}) == {"disclosure": {"where": "top-left"}}
    assert read_settings({"disclosure": False, "disclosure_where": "top-left"}) == {}
    assert read_settings({"provenance": False, "provenance_title": "Film"}) == {}
    assert read_settings({"provenance": True, "provenance_disclose": " "}) == {"provenance": {"disclose": []}}
    assert read_settings({"timeline_file": "cut.edl", "timeline_clock": "record"}) == {
        "timeline": {"file": str(folder / "cut.edl"), "clock": "record"}
    }
    assert read_settings({"consent_performer": "Ada", "consent_document": "agreed.pdf"}) == {
        "consent": {"performer": "Ada", "document": str(folder / "agreed.pdf")}
    }
    with pytest.raises(PresetError, match=r"consent_document: '\.\./no\.pdf' is not a file|outside ComfyUI's folders"):
        read_settings({"consent_performer": "Ada", "consent_document": "../no.pdf"})
