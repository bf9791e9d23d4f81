"""What a worker is asked for, and what it answers; both are small files of JSON in the folder of the take."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ..core.errors import InputMediaError, ProviderError, React1Error
from ..net.ssrf import Reach
from ..providers.parameters import React1Request
from ..store.atomic import write_text
from .perturb import Twist
from .server_job import Job
from .server_options import ServerOptions

ORDER, TOLD = "order.json", "told.json"


class Order(BaseModel):
    """One take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: React1Request
    video_file: str
    audio_file: str
    fetch_bytes: int
    fetch_s: float
    reach: Reach
    twists: tuple[Twist, ...]
    home: str = ""
    """Where findings are remembered from take to take; nowhere if empty."""


class Told(BaseModel):
    """What became of it: a file in the folder of the take, or why there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = ""
    output_s: float = 0
    notes: tuple[str, ...] = ()
    error: str = ""
    at_fault: Literal["", "request", "server"] = ""


def order_of(job: Job, options: ServerOptions) -> Order:
    """Spell the order of a request."""
    return Order(
        request=React1Request.model_validate(job.sent),
        video_file=job.video_file,
        audio_file=job.audio_file,
        fetch_bytes=options.limits.fetch_bytes,
        fetch_s=options.limits.fetch_s,
        reach=options.reach,
        twists=job.twists,
        home=str(options.home),
    )


def failed(error: React1Error) -> Told:
    """Put a failure down: what was sent is at fault, or this server is."""
    at_fault: Literal["request", "server"] = (
        "request" if isinstance(error, (InputMediaError, ProviderError)) else "server"
    )
    return Told(error=str(error), at_fault=at_fault)


def write_told(folder: Path, told: Told) -> None:
    """Write the answer, whole or not at all."""
    write_text(folder / TOLD, told.model_dump_json())
