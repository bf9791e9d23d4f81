"""Prices per provider and date; REACT1_PRICES=FILE.yaml replaces the built-in table.

    prices:
      - {provider: segmind, since: 2026-01-01, usd_per_s: 0.167, source: my contract}

Sources: sync.so's price list: $0.00667 per output frame, that is $0.167 per second at 25 frames/s. Segmind publishes
only the average of all requests ($1.98); the same rate is assumed there, and the cost in the response is what counts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..core.edits.choices import OneOf
from ..core.errors import PresetError
from ..located_yaml.explain import read_yaml
from .choose_provider import paid_provider_names


class Price(BaseModel):
    """A provider's price from a date on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str
    since: date
    usd_per_s: float | None = Field(default=None, ge=0)
    """Per second of output."""
    usd_per_frame: float | None = Field(default=None, ge=0)
    """Per frame of output."""
    least_usd: float = Field(default=0.0, ge=0)
    """Minimum cost of a call."""
    source: str = ""

    @model_validator(mode="after")
    def _exactly_one_rate(self) -> Price:
        if (self.usd_per_s is None) == (self.usd_per_frame is None):
            raise ValueError("set either usd_per_s or usd_per_frame")
        return self

    def cost_usd(self, output_s: Fraction, frames: int) -> float:
        """Return the cost in USD of a call with this much output."""
        cost = float(output_s) * self.usd_per_s if self.usd_per_s is not None else frames * (self.usd_per_frame or 0.0)
        return round(max(cost, self.least_usd), 6)


class ListedPrice(Price):
    """A row of REACT1_PRICES."""

    provider: Annotated[str, OneOf(paid_provider_names)]


class PriceTable(BaseModel):
    """A file of prices."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prices: tuple[ListedPrice, ...]


PRICES = (
    Price(provider="sync", since=date(2026, 1, 1), usd_per_frame=0.00667, source="sync.so's price list, 2026"),
    Price(provider="segmind", since=date(2026, 1, 1), usd_per_s=0.167, source="assumed: sync.so's rate at 25/s"),
)
"""The prices of the providers that bring none themselves."""


def current_price(
    provider: str, today: date, environ: Mapping[str, str] | None = None, own: Sequence[Price] = ()
) -> Price:
    """Return the latest price of a provider that is in force today.

    Args:
        provider: its name.
        today: the date, UTC.
        environ: the settings; default: the environment.
        own: the prices that the provider itself brings; REACT1_PRICES replaces them too.

    Raises:
        PresetError: the table has none or cannot be read; the message has the line of every mistake.
    """
    path = (os.environ if environ is None else environ).get("REACT1_PRICES", "").strip()
    prices: Sequence[Price] = (*PRICES, *own)
    if path:
        prices = read_yaml(Path(path), PriceTable, "REACT1_PRICES").prices
    in_force = [price for price in prices if price.provider == provider and price.since <= today]
    if not in_force:
        raise PresetError(f"{path or 'the price table'} has no price of {provider} for {today}; add one")
    return max(in_force, key=lambda price: price.since)
