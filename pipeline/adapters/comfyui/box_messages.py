"""Say errors in the terms of boxes, and results as text for a box."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...core.errors import Interrupted, PresetError, React1Error
from ...runner.run_records.outcome import RunResult, SegmentResult

_TERMS: tuple[tuple[str, str], ...] = (
    (r"pass --yes, and --max-cost USD for a limit", "set max_cost_usd to what the run may cost"),
    (r"raise --max-cost, or edit less", "raise max_cost_usd, which REACT1_MAX_COST of the server limits, or edit less"),
    (r"give --replace to replace it, or another --out", "choose another name in out, or delete it"),
    (r"run again with --yes to replace it, or with another --out", "queue again with another name in out"),
    (r"choose another --out", "choose another name in out"),
    (r"raise `checks: \{(\w+): …\}` of splice", r"raise checks: \1 in Settings"),
    (r"drop such takes with `on_failure: keep-original`", "set on_failure to keep-original"),
    (r"--max-cost(?: USD)?", "max_cost_usd"),
    (r"--edits? (?=\S)", "edit "),
    (r"--edits?\b", "edits"),
    (r"--set (\w+)(?:=…)?", r"\1"),
    (r"--provider", "provider"),
    (r"--out\b", "out"),
    (r"--home or REACT1_HOME", "REACT1_HOME"),
    (r"--script\b", "REACT1_SCRIPT"),
    (r"resume with: react1 resume \S+", "queue again to go on"),
    (r"(?:;\s*)?`react1 pick` sets it", "; Pick take sets it"),
    (r"with `react1 run`", "by queueing again"),
    (r"\brun (?:it )?again\b", "queue again"),
)
"""What the command line says, and what it is called in a node editor."""


class BoxError(Exception):
    """What went wrong in a box, in one line; ComfyUI shows it in a dialog."""


def in_box_terms(message: str) -> str:
    """Return a message with the options of the command line replaced by widgets and settings."""
    for pattern, replacement in _TERMS:
        message = re.sub(pattern, replacement, message)
    return message


def explain(error: React1Error) -> str:
    """Return one line that says what to do in the node editor."""
    if isinstance(error, Interrupted):
        return "stopped; queue again to go on from where it was"
    problems = error.problems if isinstance(error, PresetError) else ()
    text = "; ".join(f"{problem.path}: {problem.message}".lstrip(": ") for problem in problems) or error.message
    where = f"{error.where}: " if error.where and not problems else ""
    spent = f" (this run has cost ${error.cost_usd:.2f})" if error.cost_usd else ""
    return in_box_terms(f"{where}{text}{spent}")


def summary(result: RunResult, notes: Sequence[str] = ()) -> str:
    """Return what a run did, for the text output of its box."""
    lines = [_segment_line(segment) for segment in result.segments]
    if result.status == "choose":
        lines.append("takes wait for a choice: connect takes to Contact sheet and to Pick take")
    lines += [f"note: {note}" for note in dict.fromkeys((*result.notes, *map(in_box_terms, notes)))]
    way = result.checks.get("way")
    if way:
        lines.append(f"film: {_WAYS.get(str(way), str(way))}")
    if result.cost_usd:
        lines.append(f"cost: ${result.cost_usd:.2f}")
    if result.report:
        lines.append(f"report: {result.report}")
    return "\n".join(lines)


_WAYS = {
    "exact": "packets outside the edits are the source's own",
    "untouched": "nothing was changed",
}


def _segment_line(segment: SegmentResult) -> str:
    span = f"frames {segment.start_frame} to {segment.end_frame}"
    outcome = "original footage kept" if segment.status == "original" else (segment.provider or "prepared")
    lines = [f"{segment.name}: {span}, {outcome}{', stored before' if segment.reused else ''}"]
    lines += [f"  {take.number}  {take.name}{'' if take.status == 'done' else ' (failed)'}" for take in segment.takes]
    return "\n".join(lines)
