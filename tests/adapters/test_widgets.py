"""Parameters become ComfyUI widgets, and empty widgets become unset parameters."""

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
    """One parameter of each type."""

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


def test_required_parameters_are_separate():
    """ComfyUI refuses to run without them."""
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
        ("level", "STRING", {"default": "", "placeholder": "empty: default"}),
        ("names", "STRING", {"default": "false", "multiline": True, "placeholder": "YAML"}),
    ],
)
def test_each_type_of_parameter_has_its_widget(name, kind, options):
    """A widget has the range, the default and the description."""
    assert OPTIONAL[name] == (kind, options)


@pytest.mark.parametrize("name", ["handles", "out"])
def test_times_and_paths_are_one_line_of_text(name):
    """They are typed as in a preset."""
    assert OPTIONAL[name][0] == "STRING"
    assert "multiline" not in OPTIONAL[name][1]


def test_unchanged_widgets_give_the_defaults():
    """These are the values that ComfyUI sends without any input."""
    untouched = {name: options.get("default", "") for name, (_, options) in OPTIONAL.items()}

    assert Sample(**parameters(Sample, {"uri": "a.mp4", **untouched})) == Sample(uri="a.mp4")


def test_filled_widgets_give_the_parameters():
    """Edits are YAML, as in a job."""
    values = {
        "uri": "a.mp4",
        "prompt": "sad",
        "level": "-3.5",
        "handles": "8f",
        "edits": "- {in: 00:00:01:05, out: 2.5, prompt: sad}",
        "names": "[en, de]",
    }

    sample = Sample(**parameters(Sample, values))

    assert (sample.prompt, sample.level, str(sample.handles), sample.names) == (
        "sad",
        -3.5,
        "8f",
        ("en", "de"),
    )
    assert (str(sample.edits[0].in_), str(sample.edits[0].out)) == ("00:00:01:05", "00:00:02.500")


def test_text_that_is_not_yaml_is_reported_with_its_parameter():
    """It is a preset error, not an internal error."""
    with pytest.raises(PresetError, match="edits: not YAML"):
        parameters(Sample, {"edits": "- {in: [}"})
