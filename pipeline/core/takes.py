"""A matrix of takes: the same segment in several expressions, of which one is chosen.

    takes: {prompt: [happy, sad], temperature: [0.4, 0.8], model_mode: [face], pick: happy-0.4-face}

Every list is an axis; each combination is a take, named by its values in the order of the axes below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from .choices import ModelMode, Prompt, SyncMode, Temperature
from .suggest import not_one_of

MOST_TAKES = 24
"""Combinations of one matrix."""
AXES = (
    "prompt",
    "temperature",
    "model_mode",
    "sync_mode",
    "auto_active_speaker_detection",
    "occlusion_detection_enabled",
)
"""The parameters of the API that may vary, in the order in which they make a name."""
_SWITCHES = {"auto_active_speaker_detection": "speaker", "occlusion_detection_enabled": "occlusion"}
Choice = str | float | bool
Entry = TypeVar("Entry")


def _each_once(values: tuple[Entry, ...]) -> tuple[Entry, ...]:
    if not values:
        raise ValueError("an empty list; give at least one value, or leave it out")
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ValueError(f"{value_text(value)} stands twice; each take is made once")
    return values


def value_text(value: object) -> str:
    """Spell a value as a preset would: `0.4`, `true`, `happy`; numbers whole, so that no two are spelt alike."""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


Axis = Annotated[tuple[Entry, ...], AfterValidator(_each_once)]


@dataclass(frozen=True)
class Combination:
    """One take that a matrix asks for."""

    number: int
    """From 1, by the order of the lists."""
    name: str
    choices: Mapping[str, Choice]
    """The axes and their values."""


class Matrix(BaseModel):
    """Which takes of a segment are made, and which of them is spliced."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    prompt: Axis[Prompt] | None = Field(
        default=None, validation_alias=AliasChoices("prompt", "emotion"), description="emotions to try"
    )
    temperature: Axis[Temperature] | None = Field(
        default=None, description="expression intensities to try"
    )
    model_mode: Axis[ModelMode] | None = Field(default=None, description="regions that may change, to try")
    sync_mode: Axis[SyncMode] | None = Field(default=None, description="ways to treat another length, to try")
    auto_active_speaker_detection: Axis[bool] | None = Field(
        default=None, description="with and without: change only the face that speaks"
    )
    occlusion_detection_enabled: Axis[bool] | None = Field(
        default=None, description="with and without: look for hands and objects before the face"
    )
    pick: str | dict[str, Any] | None = Field(
        default=None,
        description="the take that is spliced: its name, such as happy-0.4-face, or its values as a mapping "
        "(default: every take is made and nothing is spliced; `react1 pick` fills it in)",
    )

    @property
    def axes(self) -> dict[str, tuple[Choice, ...]]:
        """The axes that this matrix has, in their order."""
        return {name: values for name in AXES if (values := getattr(self, name)) is not None}

    @property
    def takes(self) -> tuple[Combination, ...]:
        """Every combination, in the order of the lists."""
        return combinations(self.axes)

    @property
    def picked(self) -> Combination | None:
        """The chosen take; None where no choice was made."""
        if self.pick is None:
            return None
        return next(one for one in self.takes if self.pick in (one.name, one.choices))

    @field_validator("pick")
    @classmethod
    def _is_a_take(cls, pick: str | dict[str, Any] | None, known: ValidationInfo) -> str | dict[str, Any] | None:
        """Refuse a choice that is none of the takes; where a list is wrong, that is told first."""
        axes = {name: known.data[name] for name in AXES if known.data.get(name) is not None}
        if all(name in known.data for name in AXES) and prod(map(len, axes.values())) <= MOST_TAKES:
            _require_choice(pick, axes)
        return pick

    @model_validator(mode="after")
    def _is_worth_it(self) -> Matrix:
        if not self.axes:
            raise ValueError(f"there is nothing to vary: give lists of {', '.join(AXES)}")
        count = prod(map(len, self.axes.values()))
        if count > MOST_TAKES:
            sizes = " x ".join(str(len(values)) for values in self.axes.values())
            raise ValueError(f"{sizes} are {count} takes, more than {MOST_TAKES}; shorten a list")
        return self


def _require_choice(pick: str | dict[str, Any] | None, axes: Mapping[str, tuple[Choice, ...]]) -> None:
    if isinstance(pick, str):
        names = [one.name for one in combinations(axes)]
        if pick not in names:
            raise ValueError(not_one_of(pick, names))
    elif pick is not None:
        for key in pick:
            if key not in axes:
                raise ValueError(not_one_of(str(key), axes))
        for key, values in axes.items():
            if key not in pick:
                raise ValueError(f"{key} is missing; a choice names a value of each list")
            if pick[key] not in values:
                raise ValueError(f"{key}: {not_one_of(value_text(pick[key]), map(value_text, values))}")


def combinations(axes: Mapping[str, tuple[Choice, ...]]) -> tuple[Combination, ...]:
    """Give every combination of some axes; the last one changes fastest."""
    rows = (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))
    return tuple(Combination(number, take_name(row), row) for number, row in enumerate(rows, 1))


def take_name(choices: Mapping[str, Choice]) -> str:
    """Name a combination: `happy-0.4-face`; a temperature that comes first is `t0.4`, which is no number in YAML."""
    words: list[str] = []
    for axis, value in choices.items():
        text = value_text(value)
        if axis in _SWITCHES:
            text = _SWITCHES[axis] if value else f"no-{_SWITCHES[axis]}"
        words.append(f"t{text}" if axis == "temperature" and not words else text)
    return "-".join(words)
