"""What a call costs: a table with dates, which a user may replace.

REACT1_PRICES=FILE.yaml names a table of one's own:

    prices:
      - {provider: segmind, since: 2026-01-01, usd_per_s: 0.167, source: my contract}

Takes   nothing, or a YAML file.
Gives   the price that holds on a day.
Raises  PresetError with the line of every mistake.
Source  sync.so's price list: $0.00667 per output frame, that is $0.167 a second at 25 frames/s. Segmind publishes only
        the average of all requests ($1.98); the same rate is assumed there, and the answer's real cost is what counts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..core.errors import PresetError
from ..located_yaml.explain import read_yaml


class Price(BaseModel):
    """What a host takes from a day on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: Literal["segmind", "sync"]
    since: date
    usd_per_s: float | None = Field(default=None, ge=0)
    """For each second of output."""
    usd_per_frame: float | None = Field(default=None, ge=0)
    least_usd: float = Field(default=0.0, ge=0)
    """What every call costs at least."""
    source: str = ""

    @model_validator(mode="after")
    def _one_measure(self) -> Price:
        if (self.usd_per_s is None) == (self.usd_per_frame is None):
            raise ValueError("give usd_per_s or usd_per_frame")
        return self

    def of(self, output_s: Fraction, frames: int) -> float:
        """Give what a call with so much output costs, in USD."""
        cost = float(output_s) * self.usd_per_s if self.usd_per_s is not None else frames * (self.usd_per_frame or 0.0)
        return round(max(cost, self.least_usd), 6)


class PriceTable(BaseModel):
    """A file of prices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prices: tuple[Price, ...]


PRICES = PriceTable(
    prices=(
        Price(provider="sync", since=date(2026, 1, 1), usd_per_frame=0.00667, source="sync.so's price list, 2026"),
        Price(provider="segmind", since=date(2026, 1, 1), usd_per_s=0.167, source="assumed: sync.so's rate at 25/s"),
    )
)


def price(provider: str, today: date, environ: Mapping[str, str] | None = None) -> Price:
    """Give the price of a host that holds today.

    Raises:
        PresetError: the table has none, or cannot be read.
    """
    named = (os.environ if environ is None else environ).get("REACT1_PRICES", "").strip()
    table = read_yaml(Path(named), PriceTable, "REACT1_PRICES") if named else PRICES
    known = [one for one in table.prices if one.provider == provider and one.since <= today]
    if not known:
        raise PresetError(f"{named or 'the price table'} has no price of {provider} for {today}; add one")
    return max(known, key=lambda one: one.since)
