"""The page: one HTML file with everything in it, and no way to the network.

What a user or a host named goes through jinja2's autoescape; the policy in the page's head lets only the page's own
script run, known by its digest.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from importlib.resources import files
from typing import Any

from ..core.times import clock_text
from ..core.values import Record
from .data import Json, moment, seconds_at
from .sides import Find, Showing, show
from .take_board import Board

_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_MOST_TICKS = 10
_LAST_TICK = Fraction(95, 100)
"""Share of the length after which a tick has no room for its label."""


def render_page(
    record: Record, told: Json, boards: Mapping[str, Board], find: Find, progress: Callable[[float], None]
) -> str:
    """Give the page of a record; `told` is what `describe` gave, `find` turns a `File` into a path."""
    import jinja2

    loader = jinja2.FunctionLoader(_own_file)
    make = partial(jinja2.Environment, loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment = make(trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"leaves": leaves, "figure": spell_figure}
    environment.filters |= {"bytes": spell_bytes, "seconds": spell_seconds, "rate": spell_rate}
    script, style = _own_file("player.js"), _own_file("page.css")
    return environment.get_template("template.html").render(
        told=told,
        segments=_segments(record, told, boards, find, progress),
        bar=timeline(record, told),
        script=script,
        style=style,
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _own_file(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")


def _segments(
    record: Record, told: Json, boards: Mapping[str, Board], find: Find, progress: Callable[[float], None]
) -> list[Json]:
    takes = {take.segment.name: take for take in record.takes}
    known = {segment.name: segment for segment in record.segments}
    known |= {name: take.segment for name, take in takes.items()}
    made: list[Json] = []
    for number, facts in enumerate(told["segments"], 1):
        segment, board = known[facts["name"]], boards.get(facts["name"])
        showing: Showing | None = None if board else show(record, segment, takes.get(facts["name"]), find)
        stills = _stills(record, showing)
        made.append({"number": number, "facts": facts, "showing": showing, "stills": stills, "board": board})
        progress(number / len(told["segments"]))
    return made


def _stills(record: Record, showing: Showing | None) -> list[Json]:
    if showing is None or record.source is None:
        return []
    return [{"still": still, "at": moment(record.source, still.frame)} for still in showing.stills]


def timeline(record: Record, told: Json) -> Json | None:
    """Give the film's bar: each edit and its handles in percent of the length, and the ruler."""
    source = record.source
    if source is None or source.video is None:
        return None
    count = source.video.frame_count
    length = seconds_at(source, count)

    def percent(frame: int) -> float:
        return round(float(100 * seconds_at(source, max(0, min(frame, count))) / length), 4) if length else 0.0

    spans = []
    for facts in told["segments"]:
        first, last = facts["start_frame"] - facts["head_frames"], facts["end_frame"] + facts["tail_frames"]
        left, right = percent(facts["start_frame"]), percent(facts["end_frame"])
        around = percent(first), percent(last)
        spans.append(
            {
                "facts": facts,
                "left": left,
                "width": max(0.15, right - left),
                "handle_left": around[0],
                "handle_width": around[1] - around[0],
            }
        )
    return {"spans": spans, "ticks": _ticks(length), "frames": count, "length": clock_text(length)}


def _ticks(length: Fraction) -> list[Json]:
    step = next((step for step in _TICKS if length / step <= _MOST_TICKS), max(1, round(length / _MOST_TICKS)))
    marks = range(0, int(length) + 1, step)
    return [
        {"left": round(float(100 * at / length), 4), "text": _short_clock(at)}
        for at in marks
        if at < length * _LAST_TICK
    ]


def _short_clock(seconds: int) -> str:
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"


def leaves(figures: Json, path: str = "") -> list[tuple[str, Any]]:
    """Flatten nested figures to (dotted name, value); lists stay whole."""
    rows: list[tuple[str, Any]] = []
    for name, value in figures.items():
        place = f"{path}.{name}" if path else str(name)
        rows += leaves(value, place) if isinstance(value, dict) else [(place, value)]
    return rows


def spell_bytes(count: int) -> str:
    """Spell a size as a reader says it."""
    size, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{count} bytes" if unit == "bytes" else f"{size:.3g} {unit}"


def spell_seconds(seconds: float) -> str:
    """Spell a length of time as a reader says it."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def spell_rate(rate: str) -> str:
    """Spell an exact rate such as 30000/1001 as a reader says it, 29.97."""
    return f"{float(Fraction(rate)):.3f}".rstrip("0").rstrip(".")


def spell_figure(value: Any) -> str:
    """Spell a measured value: four digits are enough to judge it; report.json has them all."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        shown = ", ".join(spell_figure(item) for item in value[:8])
        return f"{shown} … ({len(value)})" if len(value) > 8 else shown
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None else str(value)
