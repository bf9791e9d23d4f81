"""A list of edits as a job names it: a path, or a path with options that cannot be derived from the file."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from ..core.file import FileOrUrl
from ..media.timing.frame_rate import common_rate


def parse_rate(value: Any) -> Fraction:
    """Parse frames per second; 23.98 and 29.97 mean the NTSC rates.

    Raises:
        ValueError: it is not a rate from 1 to 240.
    """
    try:
        rate = Fraction(str(value).strip()) if not isinstance(value, bool) else Fraction(0)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 1 <= rate <= 240:
        raise ValueError(f"{value!r} is not a frame rate; write 25, 29.97 or 30000/1001")
    return common_rate(rate)


Rate = Annotated[
    Fraction,
    BeforeValidator(parse_rate),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": ["string", "number"], "description": "frames per second, such as 25, 29.97 or 30000/1001"}),
]
"""A model field for a frame rate."""
Clock = Literal["auto", "source", "record"]


class ListFile(BaseModel):
    """A list of edits or a timeline, and how it relates to the film."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: FileOrUrl = Field(description="an EDL, OTIO, FCPXML, CSV, TSV, SRT, VTT or JSON file")
    clock: Clock = Field(
        default="auto",
        description="which of its clocks the film shows: `source` if the film is a clip of the list, `record` if it is "
        "the finished programme (default: determined from names and timecodes)",
    )
    clip: str | None = Field(default=None, description="the clip or reel that the film is, if its name differs")
    match: Literal["name", "folder"] = Field(
        default="name", description="`folder`: the clip's folder must have the same name as the film's folder, too"
    )
    rate: Rate | None = Field(default=None, description="frames per second of its labels (default: the film's)")
