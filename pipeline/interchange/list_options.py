"""How a job names a list of edits: its path alone, or with what cannot be told from it."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from ..core.file import Address
from ..media.frame_rate import common_rate


def parse_rate(value: Any) -> Fraction:
    """Read frames per second; 23.98 and 29.97 mean the NTSC rates.

    Raises:
        ValueError: it is no rate from 1 to 240.
    """
    try:
        told = Fraction(str(value).strip()) if not isinstance(value, bool) else Fraction(0)
    except (ValueError, ZeroDivisionError):
        told = Fraction(0)
    if not 1 <= told <= 240:
        raise ValueError(f"{value!r} is no frame rate; write 25, 29.97 or 30000/1001")
    return common_rate(told)


Rate = Annotated[
    Fraction,
    BeforeValidator(parse_rate),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": ["string", "number"], "description": "frames per second, such as 25, 29.97 or 30000/1001"}),
]
"""A field that holds a frame rate."""
Clock = Literal["auto", "source", "record"]


class ListFile(BaseModel):
    """A list of edits or a timeline, and how it goes with the film."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Address = Field(description="an EDL, OTIO, FCPXML, CSV, TSV, SRT, VTT or JSON file")
    clock: Clock = Field(
        default="auto",
        description="which of its clocks the film shows: `source` where the film is a clip of it, `record` where it is "
        "the finished programme (default: as names and timecodes tell)",
    )
    clip: str | None = Field(
        default=None, description="the clip or reel that the film is, where it is called otherwise"
    )
    match: Literal["name", "folder"] = Field(
        default="name", description="`folder`: the folder of a clip must be called as the film's, too"
    )
    rate: Rate | None = Field(default=None, description="frames per second of its labels (default: the film's)")
