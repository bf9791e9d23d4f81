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

from ..core.errors import React1Error
from ..executors.base import Result
from ..store.store import files_in
from .budget import MonthBudget
from .ledger import Ledger
from .ledger_entry import Call, Done, Entry, Failed, Intended, NeverMade, State, StateRecord
from .request import Clock


@dataclass(frozen=True)
class OwnBill:
    """One call of a node that bills by itself."""

    node: str
    key: str
    """The content key of the call."""
    segment: str
    estimate_usd: float
    """What the node has forecast."""
    run: str = ""
    project: str = ""

    @property
    def call(self) -> Call:
        """The call's identity in the ledger."""
        return Call(provider=self.node, host="", parameters={"call": self.key}, video="", audio="")


async def run_recorded(
    bill: OwnBill,
    ledger: Ledger,
    clock: Clock,
    month: MonthBudget | None,
    work: Callable[[], Awaitable[Result]],
    notify: Callable[[str], None],
) -> Result:
    """Record the intention, run the node, and record what it has cost.

    Raises:
        OverBudget: the month has no room for it; the node was not called.
        StorageFailed: the ledger cannot be written.
        React1Error: what the node raised.
    """
    entry = await asyncio.to_thread(_record_intent, bill, ledger, clock, month, notify)
    try:
        result = await work()
    except React1Error as error:
        failed = Failed(at=clock.timestamp(), error=error.message, billed=getattr(error, "billed", None))
        if failed.billed is not None:  # else it may have been charged, as after a crash
            with contextlib.suppress(React1Error):
                await asyncio.to_thread(ledger.record, entry, "failed", failed)
        raise
    await asyncio.to_thread(ledger.record, entry, *_outcome(bill, clock, entry, result))
    return result


def _record_intent(
    bill: OwnBill, ledger: Ledger, clock: Clock, month: MonthBudget | None, notify: Callable[[str], None]
) -> Entry:
    with ledger.exclusive():
        earlier = ledger.latest(bill.call)
        if earlier is not None and earlier.open:
            notify(
                f"job {earlier.id} of {bill.node} {bill.segment} was cut short and may have been charged; "
                f"it counts until `react1 jobs settle {earlier.id} --resubmit`, and {bill.node} is called again"
            )
        if month is not None:
            month.require(ledger, clock.timestamp(), bill.estimate_usd)
        return ledger.record_intent(
            Intended(
                at=clock.timestamp(),
                call=bill.call,
                nonce="",
                video_name="",
                video_url="",
                estimate_usd=bill.estimate_usd,
                run=bill.run,
                segment=bill.segment,
                project=bill.project,
            )
        )


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
        cost_usd=float(value.get("cost_usd", bill.estimate_usd)),
        cost_known="cost_usd" in value,
        seconds=round(clock.elapsed_since_s(entry.intended.at), 3) if entry.intended else 0.0,
    )
