"""Calls of nodes that bill by themselves, in the ledger: what they cost counts for the run, the project and the month.

    intended, with the forecast → the node runs → done, with what its take says that it has cost

Only the node knows what its service has charged. So a call that was cut short stays open, with its forecast, until
somebody settles it; the next run calls the node again, and says so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ...core.errors import React1Error
from ...executors.base import Result
from ...jobs.budget import MonthBudget, record_intent
from ...jobs.ledger import Ledger
from ...jobs.ledger_entry import Call, Done, Entry, Failed, Intended, NeverMade, State, StateRecord
from ...jobs.request import Clock
from ...store.store import files_in


@dataclass(frozen=True)
class OwnBill:
    """One call of a node that bills by itself."""

    node: str
    key: str
    """The content key of the call."""
    segment: str
    estimate_usd: float
    """What the node has forecast."""

    @property
    def call(self) -> Call:
        """The call's identity in the ledger."""
        return Call.of_node(self.node, self.key)


class OwnBills:
    """The calls of one run whose nodes bill by themselves."""

    def __init__(
        self,
        ledger: Ledger,
        month: MonthBudget | None,
        run: str,
        project: str,
        notify: Callable[[str], None],
        clock: Clock | None = None,
    ) -> None:
        """Record nothing yet; `month` limits what all calls of a month may cost."""
        self._ledger, self._month, self._run, self._project = ledger, month, run, project
        self._notify, self._clock = notify, clock or Clock()
        self.forecast_usd: dict[str, float] = {}
        """What the nodes have forecast, by the content key of the call."""

    def bill(self, node: str, key: str, segment: str) -> OwnBill:
        """Return the call of a node with this content key."""
        return OwnBill(node, key, segment, self.forecast_usd.get(key, 0.0))

    async def run(self, bill: OwnBill, work: Callable[[], Awaitable[Result]]) -> Result:
        """Record the intention, run the node, and record what it has cost.

        The caller makes sure that no other task or process works on the call (`JobManager.hold_call`).

        Raises:
            OverBudget: the month has no room for it; the node was not called.
            StorageFailed: the ledger cannot be written.
            React1Error: what the node raised.
        """
        entry = await asyncio.to_thread(self._record_intent, bill)
        try:
            result = await work()
        except React1Error as error:
            billed = getattr(error, "billed", None)
            if billed is not None:  # else it may have been charged, as after a crash
                failed = Failed(at=self._clock.timestamp(), error=error.message, billed=billed)
                with contextlib.suppress(React1Error):
                    await asyncio.to_thread(self._ledger.record, entry, "failed", failed)
            raise
        await asyncio.to_thread(self._ledger.record, entry, *_outcome(bill, self._clock, entry, result))
        return result

    def _record_intent(self, bill: OwnBill) -> Entry:
        earlier = self._ledger.latest(bill.call)
        if earlier is not None and earlier.open:
            self._notify(
                f"job {earlier.id} of {bill.node} {bill.segment} was cut short and may have been charged; it "
                f"counts until `react1 jobs settle {earlier.id} --not-billed` (or `--billed USD`), and {bill.node} is "
                "called again"
            )
        intended = Intended(
            at=self._clock.timestamp(),
            call=bill.call,
            nonce="",
            video_name="",
            video_url="",
            estimate_usd=bill.estimate_usd,
            run=self._run,
            segment=bill.segment,
            project=self._project,
        )
        return record_intent(self._ledger, intended, self._month)


def billed_usd(bill: OwnBill, result: Result) -> float:
    """Return what a call has cost in USD: as its take says, else as was forecast; 0 if the node was not called."""
    value = result.value if isinstance(result.value, dict) else {}
    return 0.0 if result.reused else float(value.get("cost_usd", bill.estimate_usd))


def _outcome(bill: OwnBill, clock: Clock, entry: Entry, result: Result) -> tuple[State, StateRecord]:
    """Return the last state of a call: `done` with the file of its take, or how else it ended."""
    at = clock.timestamp()
    if result.reused:
        return "void", NeverMade(at=at, why="another machine had stored the result", proven=True)
    value = result.value if isinstance(result.value, dict) else {}
    files = files_in(value.get("media", result.value))
    if not files:
        return "failed", Failed(at=at, error="its result has no file", billed=True)
    return "done", Done(
        at=at,
        file=files[0],
        cost_usd=billed_usd(bill, result),
        cost_known="cost_usd" in value,
        seconds=round(clock.elapsed_since_s(entry.intended.at), 3) if entry.intended else 0.0,
    )
