"""The rational seconds of FCPXML, and what they become."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ..times import Seconds, Timecode, frames_to_timecode, nominal_rate
from .model import Span


def time_of(text: str | None) -> Fraction:
    """Read rational seconds such as `1001/30000s`; nothing is zero.

    Raises:
        ValueError: it is none.
    """
    if not text:
        return Fraction(0)
    if len(text) > 40:
        raise ValueError(f"{text[:40]!r}… is no time")
    try:
        return Fraction(text.strip().removesuffix("s"))
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{text!r} is no time such as 1001/30000s") from error


def zero_of(spine: Any, start_s: Fraction) -> Fraction:
    """Give the offset at which a sequence begins: its start timecode, or zero where its offsets lie before that."""
    first = min((time_of(item.get("offset")) for item in spine if item.get("offset")), default=start_s)
    return start_s if first >= start_s else Fraction(0)


def seconds_of(value: Fraction) -> Seconds:
    """Give a moment; what lies before the beginning is taken for it."""
    return Seconds(max(value, Fraction(0)))


def span_of(start_s: Fraction, lasts_s: Fraction) -> Span:
    """Give a span by its start and its length."""
    return Span(seconds_of(start_s), seconds_of(start_s + max(lasts_s, Fraction(0))))


def label_of(start_s: Fraction, rate: Fraction, drop: bool) -> Timecode:
    """Give the label of a start that is told in seconds."""
    return frames_to_timecode(round(start_s * rate), rate, drop=drop and nominal_rate(rate) in (30, 60))
