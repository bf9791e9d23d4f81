"""The report page: one self-contained HTML file that loads nothing from the network.

Names of users and providers are escaped by jinja2's autoescape; the page's content security policy allows only its own
script, by its digest.

The summary page of a batch: one row per film, with its state, its cost and a link to its report.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import sys
from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ..core.nodes.node import NodeContext
from ..core.times import clock_text
from ..core.values import Media, Record
from ..media.timing.clock import frame_time_s, label_clock
from .film_findings import Finding, report_findings, seam_sentences
from .film_link import FILM_SLOT, file_url
from .report_json import Json, frame_position

if TYPE_CHECKING:
    from .before_after import SegmentPreview
    from .take_board import Board

_ATTACH_PLAYERS = '\nfor (const player of document.querySelectorAll(".player")) attachPlayer(player);\n'
_TICK_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_MAX_TICKS = 10
_LAST_TICK = Fraction(95, 100)
"""Share of the length after which the label of a tick does not fit."""

_COMPILED: dict[tuple[str, str], Any] = {}
"""The code of the templates that this process has compiled, by name and digest of their content."""


def render_page(record: Record, report: Json, boards: Mapping[str, Board], context: NodeContext) -> str:
    """Render the page of a record.

    Args:
        record: the run.
        report: the content of report.json.
        boards: the boards of segments whose take is to be chosen, by segment.
        context: of the node; previews of the source are cached in it.
    """
    import jinja2

    loader = jinja2.FunctionLoader(_template_file)
    new_environment = partial(jinja2.Environment, loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment = new_environment(trim_blocks=True, lstrip_blocks=True, bytecode_cache=compiled_templates(context))
    environment.filters |= {"leaves": leaves, "metric": metric_text}
    environment.filters |= {"bytes": bytes_text, "seconds": seconds_text, "rate": rate_text}
    script = _template_file("player.js") + _ATTACH_PLAYERS
    style = _template_file("page.css") + _template_file("player.css")
    return environment.get_template("template.html").render(
        report=report,
        findings=_findings(report),
        segments=_segments(record, report, boards, context),
        bar=timeline_bar(record, report),
        clock=film_clock(record.source),
        script=script,
        style=style,
        film_slot=FILM_SLOT,
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def compiled_templates(context: NodeContext) -> Any:
    """Return jinja2's cache of compiled templates, in this process and in the node's cache.

    To compile one takes longer than to render it.
    """
    import jinja2

    class CompiledTemplates(jinja2.BytecodeCache):
        """Each template is found by its content, and by the versions of jinja2 and of Python."""

        def load_bytecode(self, bucket: Any) -> None:
            bucket.code = _COMPILED.get((bucket.key, bucket.checksum))
            stored = None if bucket.code else context.cache_get(_compiled_key(bucket))
            if stored is not None:
                with contextlib.suppress(OSError, ValueError, EOFError, TypeError):
                    bucket.bytecode_from_string(stored.read_bytes())

        def dump_bytecode(self, bucket: Any) -> None:
            _COMPILED[bucket.key, bucket.checksum] = bucket.code
            path = context.temp_path("template.bin")
            path.write_bytes(bucket.bytecode_to_string())
            context.cache_put(_compiled_key(bucket), path)

    return CompiledTemplates()


def _compiled_key(bucket: Any) -> dict[str, str]:
    return {"template": bucket.key, "content": bucket.checksum, "jinja2": version("jinja2"), "python": sys.version}


def _template_file(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")


def _findings(report: Json) -> list[Finding]:
    """Return the checks of the film and of its seams, as the page lists them."""
    return [*report_findings(report), *seam_sentences(report["figures"].get("splice", {}))]


def _segments(record: Record, report: Json, boards: Mapping[str, Board], context: NodeContext) -> list[Json]:
    from .before_after import preview_segment, preview_span  # not above: a run that is stored only links its page
    from .preview_grade import choose_grade

    takes = {take.segment.name: take for take in record.takes}
    by_name = {segment.name: segment for segment in record.segments}
    by_name |= {name: take.segment for name, take in takes.items()}
    spans = [
        preview_span(record, by_name[facts["name"]]) for facts in report["segments"] if facts["name"] not in boards
    ]
    grade = choose_grade(end - start for start, end in spans)
    items: list[Json] = []
    for number, facts in enumerate(report["segments"], 1):
        segment, board = by_name[facts["name"]], boards.get(facts["name"])
        preview = None if board else preview_segment(record, segment, takes.get(facts["name"]), context, grade)
        stills = _stills(record, preview)
        items.append({"number": number, "facts": facts, "preview": preview, "stills": stills, "board": board})
        context.progress(number / len(report["segments"]))
    return items


def _stills(record: Record, preview: SegmentPreview | None) -> list[Json]:
    if preview is None or record.source is None:
        return []
    return [{"still": still, "at": frame_position(record.source, still.frame)} for still in preview.stills]


def film_clock(source: Media | None) -> Json | None:
    """Return the clock of a film for the player: its rate, whether drop-frame, the number of its first label."""
    if source is None or source.video is None:
        return None
    rate, drop, start = label_clock(source)
    return {"rate": [rate.numerator, rate.denominator], "drop": drop, "start": start}


def timeline_bar(record: Record, report: Json) -> Json | None:
    """Return the film's bar: each edit and its handles in percent of the length, and the ruler."""
    source = record.source
    if source is None or source.video is None:
        return None
    count = source.video.frame_count
    length_s = frame_time_s(source, count)

    def percent(frame: int) -> float:
        time_s = frame_time_s(source, max(0, min(frame, count)))
        return round(float(100 * time_s / length_s), 4) if length_s else 0.0

    spans = []
    for facts in report["segments"]:
        left, right = percent(facts["start_frame"]), percent(facts["end_frame"])
        handle_left = percent(facts["start_frame"] - facts["head_frames"])
        handle_right = percent(facts["end_frame"] + facts["tail_frames"])
        spans.append(
            {
                "facts": facts,
                "left": left,
                "width": max(0.15, right - left),
                "handle_left": handle_left,
                "handle_width": handle_right - handle_left,
            }
        )
    return {"spans": spans, "ticks": _ticks(length_s), "frames": count, "length": clock_text(length_s)}


def _ticks(length_s: Fraction) -> list[Json]:
    steps = (step for step in _TICK_STEPS_S if length_s / step <= _MAX_TICKS)
    step = next(steps, max(1, round(length_s / _MAX_TICKS)))
    return [
        {"left": round(float(100 * at_s / length_s), 4), "text": _short_clock(at_s)}
        for at_s in range(0, int(length_s) + 1, step)
        if at_s < length_s * _LAST_TICK
    ]


def _short_clock(seconds: int) -> str:
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"


def leaves(metrics: Json, prefix: str = "") -> list[tuple[str, Any]]:
    """Flatten nested metrics to (dotted name, value); lists are not flattened."""
    rows: list[tuple[str, Any]] = []
    for key, value in metrics.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        rows += leaves(value, name) if isinstance(value, dict) else [(name, value)]
    return rows


def bytes_text(count: int) -> str:
    """Format a size for readers, such as `2.5 MB`."""
    size, unit = float(count), "bytes"
    for larger_unit in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger_unit
    return f"{count} bytes" if unit == "bytes" else f"{size:.3g} {unit}"


def seconds_text(seconds: float) -> str:
    """Format a duration for readers, such as `2 min 5 s`."""
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def rate_text(rate: str) -> str:
    """Format an exact rate such as 30000/1001 for readers, 29.97."""
    return f"{float(Fraction(rate)):.3f}".rstrip("0").rstrip(".")


def metric_text(value: Any) -> str:
    """Format a measured value with four digits; report.json has all of them."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        text = ", ".join(metric_text(item) for item in value[:8])
        return f"{text} … ({len(value)})" if len(value) > 8 else text
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None else str(value)


def render_batch_page(batch: Mapping[str, Any], source: str) -> str:
    """Render the page of a batch.

    Args:
        batch: what `react1 batch --json` prints.
        source: the list that the batch was read from.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = files("react1.pipeline.report").joinpath("batch.html").read_text(encoding="utf-8")
    rows = [
        {**job, "report_url": file_url(job["report"]), "output_url": file_url(job["output"])} for job in batch["jobs"]
    ]
    return environment.from_string(template).render(batch=batch, source=source, rows=rows)
