"""The result of a run: the same values in Python, in `--json` and in the run's folder.

A notebook shows one progress bar per run, and the page with the before/after player as the result. Nothing here imports
IPython unless it is running already.
"""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ...core.errors import InputMediaError
from ...core.file import File
from ...core.values import Record, Segment, StepRecord, Take
from ..events import Event, Message, RunStarted, StepEnded, StepMoved, StepStarted

MAX_PAGE_BYTES = 32 << 20
"""A larger page is linked, not embedded: it would be stored in the notebook."""
REDRAW_S = 0.2


def notebook_display() -> Any:
    """Return IPython's `display` module if this code runs in a notebook's kernel; None anywhere else."""
    if "IPython" not in sys.modules:
        return None
    import IPython

    shell = IPython.get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython import display

    return display


class NotebookProgress:
    """One bar for a run: the share of its steps that are done; notes stand below it."""

    def __init__(self, display: Any, steps: Sequence[str]) -> None:
        """Draw nothing yet; `display` is IPython's module, and `steps` are the IDs of all steps."""
        self._display, self._steps = display, list(steps)
        self._shares: dict[str, dict[str, float]] = {step: {} for step in steps}
        self._title, self._notes, self._share = "", list[str](), 0.0
        self._handle: Any = None
        self._drawn_s = 0.0

    def on(self, event: Event) -> None:
        """Draw an event."""
        final = False
        if isinstance(event, RunStarted):
            self._title, final = f"run {event.run}", True
        elif isinstance(event, StepStarted):
            self._shares.setdefault(event.step, {})[event.segment] = 0.0
        elif isinstance(event, StepMoved):
            self._shares.setdefault(event.step, {})[event.segment] = event.share
        elif isinstance(event, StepEnded):
            self._shares.setdefault(event.step, {})[event.segment] = 1.0
            final = True
        elif isinstance(event, Message):
            self._notes.append(event.text)
            final = True
        self._share = max(self._share, self.share())
        if final or time.monotonic() - self._drawn_s > REDRAW_S:
            self._draw()

    def share(self) -> float:
        """Return the share of the run that is done, 0 to 1, each step counting the same."""
        done = [sum(parts.values()) / len(parts) if parts else 0.0 for parts in self._shares.values()]
        return sum(done) / len(done) if done else 0.0

    def html(self) -> str:
        """Return the bar."""
        notes = "".join(f"<div>note: {html.escape(note)}</div>" for note in self._notes)
        bar = f'<progress max="1" value="{self._share:.3f}" style="width:20em"></progress>'
        return f"<div>{html.escape(self._title)} {bar} {round(100 * self._share)} %</div>{notes}"

    def _draw(self) -> None:
        self._drawn_s = time.monotonic()
        content = self._display.HTML(self.html())
        if self._handle is None:
            self._handle = self._display.display(content, display_id=True)
        else:
            self._handle.update(content)


def page_html(report: Path | None) -> str:
    """Return a run's page with its before/after player as a frame of a notebook; "" if there is none."""
    try:
        if report is None or report.stat().st_size > MAX_PAGE_BYTES:
            return ""
        page = report.read_text("utf-8")
    except OSError:
        return ""
    style = "width:100%;height:40em;border:0"
    return f'<iframe sandbox="allow-scripts" style="{style}" srcdoc="{html.escape(page)}"></iframe>'


ReusedTakes = Mapping[tuple[str, str], bool]
"""Whether a take was already stored, by the names of its segment and of the take."""


@dataclass(frozen=True)
class TakeResult:
    """One take that the user can choose."""

    number: int
    """From 1, as on the contact sheet."""
    name: str
    """The name for `react1 pick` and `pick:`."""
    provider: str
    request_id: str | None
    status: str
    """`done`, or `original` if it failed."""
    cost_usd: float
    reused: bool
    face: str | None = None
    """The face that was changed; None if no step has looked for it."""
    _file: Path | None = field(default=None, repr=False, compare=False)

    def clip(self) -> Any:
        """Return the take as a MoviePy clip, with its sound.

        Raises:
            InputMediaError: its file is not in the store any more.
        """
        return _open_clip(self._file, self.name)


@dataclass(frozen=True)
class SegmentResult:
    """The result for one segment."""

    name: str
    start_frame: int
    end_frame: int
    provider: str | None
    """None if the preset sends nothing."""
    request_id: str | None
    status: str
    """`done`, `original` if the original footage was kept, or `choose` if the user has to choose a take."""
    cost_usd: float
    reused: bool
    """Whether its take, or its prepared clip, was already stored; for several takes, whether all were."""
    face: str | None = None
    """The face that was changed, such as `face 1 of 2 (left)`; None if no step has looked for it."""
    takes: tuple[TakeResult, ...] = ()
    """The takes to choose from; empty if there is no choice to make."""
    take: Path | None = None
    """The take's file in the store, with the frames of its handles, if the run ended before the splice."""
    _film: Path | None = field(default=None, repr=False, compare=False)
    _head_frames: int = field(default=0, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return its part of the `--json` output; `takes` only if there is a choice, `take` only without a splice."""
        fields = _public(asdict(self))
        takes, take = [_public(item) for item in fields.pop("takes")], fields.pop("take")
        return fields | ({"takes": takes} if takes else {}) | ({"take": str(take)} if take else {})

    def clip(self) -> Any:
        """Return the segment of the new film as a MoviePy clip, with its sound: exactly its frames.

        A run that ended before the splice gives the take itself, which is silent if it carries no sound of its own.

        Raises:
            InputMediaError: there is no new film yet, or it was moved.
        """
        if self.take is None:
            return _open_clip(self._film, self.name, self.start_frame, self.end_frame)
        end = self._head_frames + self.end_frame - self.start_frame
        return _open_clip(self.take, self.name, self._head_frames, end)

    def with_files(
        self, film: Path | None, record: Record, path_of: Callable[[File], Path], *, spliced: bool
    ) -> SegmentResult:
        """Return the result with the files that its clips are read from."""
        files = {(take.segment.name, take.name): path_of(take.media.file) for take in record.offered}
        takes = tuple(replace(take, _file=files.get((self.name, take.name))) for take in self.takes)
        alone = next((take for take in record.takes if take.segment.name == self.name and take.status == "done"), None)
        if spliced or alone is None:
            return replace(self, takes=takes, _film=film)
        return replace(self, take=path_of(alone.media.file), _head_frames=alone.segment.head_frames)


@dataclass(frozen=True)
class RunResult:
    """The result of a run."""

    run: str
    status: str
    """`done`, `kept-original`, `failed`, `interrupted`, or `choose` if takes wait for a choice."""
    output: Path | None
    """The film, or the folder of prepared clips."""
    report: Path | None
    """The page; report.json is in the same folder."""
    cost_usd: float
    segments: tuple[SegmentResult, ...] = ()
    checks: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """Messages for the user, of the job and of its segments."""
    turnover: Path | None = None
    """The folder of the clips and timelines for editing systems, if the job makes them."""
    timelines: tuple[Path, ...] = ()
    """The timelines of this run there; the folder may have those of other versions."""
    until: str = ""
    """The step at which the run was asked to end; empty if it ran the whole job."""

    @property
    def exit_status(self) -> int:
        """0 if all is done, 6 if some segments kept their original footage."""
        return 6 if self.status == "kept-original" else 0

    def clip(self) -> Any:
        """Return the new film as a MoviePy clip, with its sound.

        Raises:
            InputMediaError: there is no new film, or it was moved.
        """
        return _open_clip(self.output if self.output and self.output.is_file() else None, "the run")

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the page with the before/after player, and the paths."""
        rows = [("output", self.output), ("report", self.report), ("cost", f"${self.cost_usd:.2f}")]
        lines = "".join(f"<div>{name}: {html.escape(str(value))}</div>" for name, value in rows if value)
        return f"{page_html(self.report)}{lines}"

    def to_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return {
            "run": self.run,
            "status": self.status,
            "output": str(self.output) if self.output else None,
            "report": str(self.report) if self.report else None,
            "cost_usd": round(self.cost_usd, 6),
            "segments": [segment.to_json() for segment in self.segments],
            "checks": self.checks,
            "notes": list(self.notes),
            "turnover": str(self.turnover) if self.turnover else None,
            "until": self.until or None,
        }


def _public(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if not name.startswith("_")}


def _open_clip(path: Path | None, name: str, *span: int) -> Any:
    from ...scripting.moviepy_clips import open_clip

    if path is None or not path.is_file():
        raise InputMediaError(f"{name}: {'there is no film yet' if path is None else f'{path} does not exist'}")
    return open_clip(path, *span)


def segment_results(record: Record, steps: Sequence[StepRecord], takes_step: str | None) -> tuple[SegmentResult, ...]:
    """Return the result of every segment: by its take if there is one, else by its prepared clip.

    `takes_step` is the id of the step that renders takes; None if no step does.
    """
    by_name = {take.segment.name: take for take in record.takes}
    offered: dict[str, list[Take]] = {}
    for take in record.offered:
        offered.setdefault(take.segment.name, []).append(take)
    with_take = {take.segment.name: take.segment for take in (*record.takes, *record.offered)}
    ordered = {
        segment.name: with_take.get(segment.name, segment)
        for segment in record.segments
        if not with_take or segment.name in with_take
    }
    reused = {(step.segment, step.take): step.reused for step in steps if takes_step in (None, step.step)}
    return tuple(
        _segment_to_choose(segment, offered[name], reused)
        if name in offered
        else _segment_result(segment, by_name.get(name), reused)
        for name, segment in (ordered | with_take).items()
    )


def _segment_result(segment: Segment, take: Take | None, reused_takes: ReusedTakes) -> SegmentResult:
    reused = reused_takes.get((segment.name, take.name if take else ""), False)
    return SegmentResult(
        name=segment.name,
        start_frame=segment.start_frame,
        end_frame=segment.end_frame,
        provider=take.provider if take else None,
        request_id=(take.request_id or None) if take else None,
        status=take.status if take else "done",
        cost_usd=take.cost_usd if take and not reused else 0.0,
        reused=reused,
        face=segment.faces.text if segment.faces else None,
    )


def _segment_to_choose(segment: Segment, takes: Sequence[Take], reused_takes: ReusedTakes) -> SegmentResult:
    results = tuple(
        _take_result(number, take, reused_takes.get((segment.name, take.name), False))
        for number, take in enumerate(takes, 1)
    )
    return SegmentResult(
        name=segment.name,
        start_frame=segment.start_frame,
        end_frame=segment.end_frame,
        provider=takes[0].provider,
        request_id=None,
        status="choose",
        cost_usd=round(sum(take.cost_usd for take in results), 6),
        reused=all(take.reused for take in results),
        takes=results,
    )


def _take_result(number: int, take: Take, reused: bool) -> TakeResult:
    return TakeResult(
        number=number,
        name=take.name,
        provider=take.provider,
        request_id=take.request_id or None,
        status=take.status,
        cost_usd=0.0 if reused else take.cost_usd,
        reused=reused,
        face=take.segment.faces.text if take.segment.faces else None,
    )


def run_status(segments: Sequence[SegmentResult]) -> str:
    """Return the status of a run with these segments."""
    statuses = {segment.status for segment in segments}
    return "choose" if "choose" in statuses else "kept-original" if "original" in statuses else "done"


def collect_notes(record: Record) -> tuple[str, ...]:
    """Return all notes for the user, once each, with the segment's name; then those of the film."""
    takes = (*record.takes, *record.offered)
    notes = [(take.segment.name, note) for take in takes for note in (*take.segment.notes, *take.notes)]
    if not takes:
        notes = [(segment.name, note) for segment in record.segments for note in segment.notes]
    unique = list(dict.fromkeys(f"{name}: {note}" for name, note in notes))
    return (*unique, *(record.film.notes if record.film else ()))
