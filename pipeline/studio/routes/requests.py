"""The bodies of the page's requests, and the controls of an edit.

The controls are built from the model of `Edit`: a field that is added there appears on the page.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ...core.edits.choices import ModelMode, Prompt, React1Choices, SyncMode, Temperature
from ...core.edits.edit import Edit
from ...core.edits.face_choice import FaceAxisValue
from ...core.edits.takes import AXES
from ...providers.choose_provider import ProviderName
from ..answers.general_answers import Control, Range
from ..page_words import EDIT_LABELS

_OWN_PLACES = frozenset(
    {
        *("at", "in", "out", "name", "takes", "prompt", "temperature", "face", "faces", "consent"),
        *("audio", "audio_mix", "audio_gain"),
    }
)
"""Fields that the page shows elsewhere than in the list of controls."""
AgreedUsd = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""What a person has agreed to pay: a finite number, because no cost exceeds infinity or NaN."""


def edit_controls() -> list[Control]:
    """Return the controls."""
    schema = Edit.model_json_schema(by_alias=True)
    defaults = React1Choices().model_dump()
    controls = []
    for name, field in schema["properties"].items():
        if name in _OWN_PLACES:
            continue
        control = _control(field, schema.get("$defs", {}))
        if control is not None:
            label = EDIT_LABELS.get(name, name.replace("_", " ").capitalize())
            default = defaults.get(name, 1.0 if name == "strength" else None)
            about = str(field.get("description", ""))
            controls.append(Control(**control, name=name, label=label, about=about, default=default, axis=name in AXES))
    return controls


def gain_control() -> Range | None:
    """Return the control of the gain of a new line, in dB, as `edit_controls` does; it stands beside the line."""
    schema = Edit.model_json_schema(by_alias=True)
    control = _control(schema["properties"]["audio_gain"], schema.get("$defs", {}))
    return Range(**control) if control else None


def _control(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any] | None:
    options = [_resolved(option, definitions) for option in field.get("anyOf", [field])]
    choices = next((option["enum"] for option in options if "enum" in option), None)
    if choices is not None:
        return {"kind": "choice", "choices": choices}
    for option in options:
        if option.get("type") == "number" and "maximum" in option:
            return {"kind": "slider", "least": option.get("minimum", 0), "most": option["maximum"]}
    if any(option.get("type") == "boolean" for option in options):
        return {"kind": "switch"}
    return None


def _resolved(option: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = str(option.get("$ref", "")).rpartition("/")[2]
    resolved: dict[str, Any] = definitions.get(reference, option)
    return resolved


class Body(BaseModel):
    """Base class: unknown fields are an error."""

    model_config = ConfigDict(extra="forbid")


class OpenBody(Body):
    """Open a film or a job."""

    path: str


class EditRef(Body):
    """An edit as the page shows it."""

    index: int = Field(ge=0)
    digest: str


class AddEdit(Body):
    """Add an edit of the frames [start, end)."""

    start: int = Field(ge=0)
    end: int = Field(ge=1)
    fields: dict[str, Any] = {}


class ChangeEdit(EditRef):
    """Set fields of an edit; None removes a field."""

    start: int | None = Field(default=None, ge=0)
    end: int | None = Field(default=None, ge=1)
    fields: dict[str, Any] = {}


class TakeChoices(Body):
    """The values to try; every combination is a take."""

    prompt: list[Prompt] = []
    temperature: list[Temperature] = []
    model_mode: list[ModelMode] = []
    sync_mode: list[SyncMode] = []
    face: list[FaceAxisValue] = []


class TakesBody(EditRef):
    """Make takes of an edit, or say what they would cost."""

    choices: TakeChoices
    provider: str = "auto"
    agreed_usd: AgreedUsd | None = None


class PickBody(EditRef):
    """Choose a take."""

    take: str


class FilmBody(Body):
    """Make the film, or say what it would cost."""

    kind: Literal["film", "turnover"] = "film"
    provider: str = "auto"
    agreed_usd: AgreedUsd | None = None
    replace: bool = False


class ItemBody(Body):
    """A take or a film, by its ID."""

    item: str


class ProviderBody(Body):
    """The provider of a project."""

    provider: ProviderName


class OptionBody(Body):
    """An input of the job: its value as the command line takes it, or null for the default."""

    name: str
    text: str | None


class SigningBody(Body):
    """How the film is signed: by a certificate and a key, by a test certificate that is made, or not at all."""

    sign: bool
    certificate: str | None = None
    key: str | None = None
    make_test: bool = False
