"""Exact numbers: `Fraction` in memory, "num/den" in JSON, never a float in between."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema


def _to_fraction(value: Any) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, (int, str, Fraction)):
        raise ValueError("expected a fraction such as 30000/1001")
    return Fraction(value)


Exact = Annotated[
    Fraction,
    BeforeValidator(_to_fraction),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string"}),
]
"""A `Fraction` field of a value: seconds, a rate, a ratio."""
