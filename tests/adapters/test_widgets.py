"""Parameters become ComfyUI widgets, and what a user leaves empty is left out again."""

from typing import Literal

import pytest
from pydantic import Field

from react1.pipeline.adapters.widgets import parameters, widgets
from react1.pipeline.core.edit import Edit
from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.file import FileOrUrl, OutPath
from react1.pipeline.core.node import Params
from react1.pipeline.core.times import Time


class Sample(Params):
    """One of everything."""

    uri: FileOrUrl
    mode: Literal["lips", "face"] = "face"
    prompt: Literal["happy", "sad"] | None = Field(default=None, description="the emotion")
    heat: float = Field(default=0.5, ge=0, le=1)
    level: float | None = Field(default=None, le=0)
    count: int = Field(default=8, gt=0)
    quick: bool = True
    handles: Time | None = None
    out: OutPath | None = None
    edits: list[Edit] = Field(default_factory=list)
    names: bool | tuple[str, ...] = False


REQUIRED, OPTIONAL = widgets(Sample)


def test_what_must_be_given_is_apart():
    """ComfyUI refuses to run without it."""
    assert list(REQUIRED) == ["uri"]
    assert REQUIRED["uri"][0] == "STRING"


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("mode", ["lips", "face"], {"default": "face"}),
        ("prompt", ["default", "happy", "sad"], {"default": "default", "tooltip": "the emotion"}),
        ("heat", "FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01}),
        ("count", "INT", {"default": 8, "min": 0, "max": 2**31 - 1, "step": 1}),
        ("quick", "BOOLEAN", {"default": True}),
        ("level", "STRING", {"default": "", "placeholder": "empty: left out"}),
        ("names", "STRING", {"default": "false", "multiline": True, "placeholder": "YAML"}),
    ],
)
def test_each_kind_of_parameter_has_its_widget(name, kind, options):
    """With its range, its default and its description."""
    assert OPTIONAL[name] == (kind, options)


@pytest.mark.parametrize("name", ["handles", "out"])
def test_times_and_paths_are_one_line_of_text(name):
    """They are written as in a preset."""
    assert OPTIONAL[name][0] == "STRING"
    assert "multiline" not in OPTIONAL[name][1]


def test_widgets_untouched_give_the_defaults():
    """What ComfyUI sends when nobody typed anything."""
    untouched = {name: options.get("default", "") for name, (_, options) in OPTIONAL.items()}

    assert Sample(**parameters(Sample, {"uri": "a.mp4", **untouched})) == Sample(uri="a.mp4")


def test_widgets_filled_in_give_what_was_meant():
    """Edits are YAML, as in a job."""
    given = {
        "uri": "a.mp4",
        "prompt": "sad",
        "level": "-3.5",
        "handles": "8f",
        "edits": "- {in: 00:00:01:05, out: 2.5, prompt: sad}",
        "names": "[en, de]",
    }

    made = Sample(**parameters(Sample, given))

    assert (made.prompt, made.level, str(made.handles), made.names) == ("sad", -3.5, "8f", ("en", "de"))
    assert (str(made.edits[0].in_), str(made.edits[0].out)) == ("00:00:01:05", "00:00:02.500")


def test_text_that_is_not_yaml_is_told_by_its_name():
    """As an error of the user's, not as a fault."""
    with pytest.raises(PresetError, match="edits: not YAML"):
        parameters(Sample, {"edits": "- {in: [}"})
