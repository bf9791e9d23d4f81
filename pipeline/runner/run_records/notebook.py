"""What a notebook shows: one progress bar per run, and the page with the before/after player as the result.

Nothing here imports IPython unless it is running already.
"""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
