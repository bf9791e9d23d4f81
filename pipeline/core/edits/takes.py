"""A matrix of takes: one segment in several expressions, from which one is chosen.

    takes: {prompt: [happy, sad], temperature: [0.4, 0.8], model_mode: [face], pick: happy-0.4-face}

Every list is an axis; each combination is a take, named by its values in the order of `AXES`.
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

from ..errors import not_one_of
from .choices import ModelMode, Prompt, SyncMode, Temperature
from .face_choice import FaceAxisValue

MAX_TAKES = 24
"""The highest number of combinations of a matrix."""
AXES = (
    "prompt",
    "temperature",
    "model_mode",
    "sync_mode",
    "auto_active_speaker_detection",
    "occlusion_detection_enabled",
    "face",
)
"""The parameters of an edit that may vary, in the order of a take's name."""
FACE_AXES = ("face", "auto_active_speaker_detection")
"""Axes that decide which face is changed, and so what is sent."""
_SWITCHES = {"auto_active_speaker_detection": "speaker", "occlusion_detection_enabled": "occlusion"}
Choice = str | float | bool
Entry = TypeVar("Entry")


def _require_distinct(values: tuple[Entry, ...]) -> tuple[Entry, ...]:
    if not values:
        raise ValueError("empty list; write at least one value, or remove it")
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ValueError(f"{value_text(value)} is listed twice; remove one of them")
    return values


def value_text(value: object) -> str:
    """Return a value as YAML text: `0.4`, `true`, `happy`; numbers with all digits, so that texts stay distinct."""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


Axis = Annotated[tuple[Entry, ...], AfterValidator(_require_distinct)]


@dataclass(frozen=True)
class Combination:
    """One take that a matrix asks for."""

    number: int
    """From 1, by the order of the lists."""
    name: str
    choices: Mapping[str, Choice]
    """The value of each axis."""


class Matrix(BaseModel):
    """The takes to make of a segment, and the one to splice."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    prompt: Axis[Prompt] | None = Field(
        default=None, validation_alias=AliasChoices("prompt", "emotion"), description="emotions to try"
    )
    temperature: Axis[Temperature] | None = Field(default=None, description="expression intensities to try")
    model_mode: Axis[ModelMode] | None = Field(default=None, description="regions that may change, to try")
    sync_mode: Axis[SyncMode] | None = Field(default=None, description="sync modes to try")
    auto_active_speaker_detection: Axis[bool] | None = Field(
        default=None, description="values to try: change only the face that speaks"
    )
    occlusion_detection_enabled: Axis[bool] | None = Field(
        default=None, description="values to try: look for hands and objects in front of the face"
    )
    face: Axis[FaceAxisValue] | None = Field(
        default=None, description="faces to change, each in a take of its own: names and numbers"
    )
    pick: str | dict[str, Any] | None = Field(
        default=None,
        description="the take to splice: its name, such as happy-0.4-face, or its values as a mapping "
        "(default: all takes are made and none is spliced; `react1 pick` sets it)",
    )

    @property
    def axes(self) -> dict[str, tuple[Choice, ...]]:
        """The axes of this matrix, in the order of `AXES`."""
        return {name: values for name in AXES if (values := getattr(self, name)) is not None}

    @property
    def takes(self) -> tuple[Combination, ...]:
        """Every combination, in the order of the lists."""
        return combinations(self.axes)

    @property
    def picked(self) -> Combination | None:
        """The chosen take, or None."""
        if self.pick is None:
            return None
        return next(combination for combination in self.takes if self.pick in (combination.name, combination.choices))

    @field_validator("pick")
    @classmethod
    def _validate_pick(cls, pick: str | dict[str, Any] | None, info: ValidationInfo) -> str | dict[str, Any] | None:
        """Refuse a choice that is not one of the takes, unless a list has an error, which is reported instead.

        A mapping may say `emotion` for `prompt`, as the lists may.
        """
        if isinstance(pick, dict) and "prompt" not in pick:
            pick = {"prompt" if name == "emotion" else name: value for name, value in pick.items()}
        axes = {name: info.data[name] for name in AXES if info.data.get(name) is not None}
        if all(name in info.data for name in AXES) and prod(map(len, axes.values())) <= MAX_TAKES:
            _check_pick(pick, axes)
        return pick

    @model_validator(mode="after")
    def _require_some_takes(self) -> Matrix:
        if not self.axes:
            raise ValueError(f"no lists of takes: write lists for some of {', '.join(AXES)}")
        count = prod(map(len, self.axes.values()))
        if count > MAX_TAKES:
            sizes = " x ".join(str(len(values)) for values in self.axes.values())
            raise ValueError(f"{sizes} = {count} takes, more than the limit of {MAX_TAKES}; shorten a list")
        return self


def _check_pick(pick: str | dict[str, Any] | None, axes: Mapping[str, tuple[Choice, ...]]) -> None:
    if isinstance(pick, str):
        names = [combination.name for combination in combinations(axes)]
        if pick not in names:
            raise ValueError(not_one_of(pick, names))
    elif pick is not None:
        for key in pick:
            if key not in axes:
                raise ValueError(not_one_of(str(key), axes))
        for key, values in axes.items():
            if key not in pick:
                raise ValueError(f"{key} is missing; a choice needs a value from each list")
            if pick[key] not in values:
                raise ValueError(f"{key}: {not_one_of(value_text(pick[key]), map(value_text, values))}")


def combinations(axes: Mapping[str, tuple[Choice, ...]]) -> tuple[Combination, ...]:
    """Return every combination of some axes; the last axis changes fastest."""
    rows = (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))
    return tuple(Combination(number, take_name(row), row) for number, row in enumerate(rows, 1))


def take_name(choices: Mapping[str, Choice]) -> str:
    """Return the name of a combination, such as `happy-0.4-face`; `t0.4` if it starts with a temperature.

    The `t` keeps YAML from reading the name as a number.
    """
    parts: list[str] = []
    for axis, value in choices.items():
        text = value_text(value)
        if axis in _SWITCHES:
            text = _SWITCHES[axis] if value else f"no-{_SWITCHES[axis]}"
        if axis == "face" and isinstance(value, int):
            text = f"face{value}"
        parts.append(f"t{text}" if axis == "temperature" and not parts else text)
    return "-".join(parts)
