"""One call from its entry in the ledger to its take; whatever has happened to it before, it goes on from there.

    no entry, failed, void → upload → intended → POST → accepted → poll → fetch → done
    intended, unknown      → the host's history → accepted … or void
    accepted               → poll …
    done                   → the stored take

Takes   an ask, and the tools; the caller holds the call's lock.
Gives   `Made`.
Raises  HostFailed, BadInput, OverBudget, StorageFailed; the ledger is true at every moment.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from ..core.errors import ProviderError
from ..core.file import File
from ..net.rate_limit import LONGEST_HOLD_S
from ..providers.contract import Done, Failed, Found, NoJob
from . import ledger_entry as notes
from .context import Tools
from .ledger_entry import Entry
from .poll import follow
from .received_take import Made, take_of
from .recover import settle
from .request import Ask
from .submit import Sender
from .take_download import checked, fetch, keep_brought

MOST_REFUSALS = 40
"""Answers of «not now» to a submit, before it is given up."""
MOST_SENT = 3
"""Calls of one run that get no answer and that the host's history then does not list, before it is given up."""


class Attempt:
    """A call on its way."""

    def __init__(self, ask: Ask, tools: Tools, progress: Callable[[float], None]) -> None:
        self._ask, self._tools, self._progress = ask, tools, progress
        self._made_call = False

    async def made(self) -> Made:
        """Go on from where the call is, until its take is there."""
        entry = await self._latest()
        new = entry is None or entry.state != "done"
        if entry is not None and entry.state == "done":
            entry = await self._present(entry)
        if entry is not None and entry.state == "failed" and entry.failed and entry.failed.billed is not False:
            raise _failure(entry, entry.failed)  # nobody pays again, unasked, for what failed and was paid for
        async with self._tools.line.turns.place(self._ask.call.key, has_one=entry is not None and entry.open):
            entry = await self._ended(entry)
        done = entry.done
        assert done is not None
        media = await self._tools.in_room(lambda context: checked(context, done.file))
        return take_of(self._ask, entry, done, media, new=new, sent=self._made_call)

    async def _ended(self, entry: Entry | None) -> Entry:
        sent = 0
        while True:
            if entry is None or entry.state in ("failed", "void"):
                if entry is not None and sent == MOST_SENT:
                    raise _unheard(entry)
                entry, sent = await self._sent(entry), sent + 1
            if entry.state in ("intended", "unknown"):
                entry = await self._settled(entry)
            if entry.state == "accepted":
                entry = await self._followed(entry)
            if entry.state == "done":
                return entry
            if entry.state == "failed" and entry.failed is not None:
                raise _failure(entry, entry.failed)

    async def _sent(self, entry: Entry | None) -> Entry:
        """Send the call; again only where it is proven that no job was made, and where that may help."""
        scratch = await asyncio.to_thread(self._tools.store.room_folder)
        sender = Sender(self._ask, self._tools, self._progress, scratch / "take.mp4")
        refusals = 0
        try:
            while True:
                try:
                    sent, found = await sender.send(entry)
                    self._made_call = True
                    return sent if found is None else await self._took(sent, found)
                except NoJob as error:
                    refusals += 1
                    if error.wait_s is None or refusals > MOST_REFUSALS:
                        raise
                    await self._tools.clock.sleep(min(max(1.0, error.wait_s), LONGEST_HOLD_S))
                    entry = await self._latest()
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    async def _settled(self, entry: Entry) -> Entry:
        """Ask the host what became of a call."""
        if self._ask.provider.settings.recovery_pays:
            self._tools.may_spend(entry.intended.estimate_usd if entry.intended else self._ask.estimate_usd)
        known = await asyncio.to_thread(self._claimed)
        after_s = self._ask.provider.settle_after_s
        found = await settle(self._tools.line.client, entry, known, after_s, self._tools.clock)
        if found is None:
            return await self._tools.void(entry, "the host's history does not list it", proven=False)
        return await self._took(entry, found, how="history")

    def _claimed(self) -> set[str]:
        return {one.request_id for one in self._tools.ledger.all() if one.request_id}

    async def _took(self, entry: Entry, found: Found, how: str = "") -> Entry:
        if isinstance(found, Failed):
            return await self._failed(entry, found)
        if found.request_id:
            entry = await self._tools.accepted(entry, found.request_id, how)
        return await self._finished(entry, found) if isinstance(found, Done) else entry

    async def _followed(self, entry: Entry) -> Entry:
        accepted = entry.accepted
        assert accepted is not None
        found = await follow(
            self._tools.line.client,
            accepted.request_id,
            accepted.at,
            latency=self._ask.provider.latency,
            deadline_s=self._ask.deadline_s,
            clock=self._tools.clock,
            progress=lambda share: self._progress(0.1 + 0.85 * share),
        )
        if isinstance(found, Failed):
            return await self._failed(entry, found)
        return await self._finished(entry, found)

    async def _finished(self, entry: Entry, found: Done) -> Entry:
        """Bring the take here, and only then call it done."""
        try:
            file = await self._brought(found)
        except ProviderError as error:
            if found.request_id:
                raise
            return await self._failed(entry, Failed("", error.message, billed=None))  # nobody could ask for it again
        intended = entry.intended
        estimate = intended.estimate_usd if intended else self._ask.estimate_usd
        note = notes.Done(
            at=self._tools.clock.stamp(),
            file=file,
            cost_usd=estimate if found.cost_usd is None else found.cost_usd,
            cost_known=found.cost_usd is not None,
            seconds=round(self._tools.clock.since_s(intended.at), 3) if intended else 0.0,
            request_id=found.request_id,
            details=found.details,
        )
        return await self._tools.add(entry, "done", note)

    async def _brought(self, found: Done) -> File:
        client = self._tools.line.fetching
        if found.file is not None:
            brought: Path = found.file
            return await self._tools.in_room(lambda context: keep_brought(context, brought, found.request_id))
        return await self._tools.in_room(lambda context: fetch(context, found.output, client, found.request_id))

    async def _present(self, entry: Entry) -> Entry:
        """Make sure that a take that is paid for is still here; else fetch it once more."""
        done = entry.done
        assert done is not None
        if await asyncio.to_thread(self._tools.store.has, done.file):
            return entry
        found = await self._tools.line.client.poll(entry.request_id) if entry.request_id else None
        if isinstance(found, Done):
            return await self._finished(entry, found)
        told = f"job {entry.id} was paid for on {done.at[:10]}, but its take is gone from {self._tools.store.root}"
        told += f" and from the host; to pay for it anew: react1 jobs settle {entry.id} --resubmit"
        raise ProviderError(told, request_id=entry.request_id, billed=True)

    async def _failed(self, entry: Entry, found: Failed) -> Entry:
        stamp = self._tools.clock.stamp()
        note = notes.Failed(at=stamp, error=found.error, billed=found.billed, request_id=found.request_id)
        return await self._tools.add(entry, "failed", note)

    async def _latest(self) -> Entry | None:
        return await asyncio.to_thread(self._tools.ledger.latest, self._ask.call)


def _unheard(entry: Entry) -> ProviderError:
    return ProviderError(
        f"job {entry.id}: the host has answered none of {MOST_SENT} calls, and its history lists none of them; "
        "it is not sent again in this run: look at the host, then run again",
        retryable=True,
        billed=False,
    )


def _failure(entry: Entry, failed: notes.Failed) -> ProviderError:
    told = "it was billed" if failed.billed else "not billed"
    told = "nobody knows whether it was billed" if failed.billed is None else told
    again = "" if failed.billed is False else f"; to pay for it anew: react1 jobs settle {entry.id} --resubmit"
    return ProviderError(
        f"job {entry.id} failed at the host: {failed.error}; {told}{again}",
        request_id=failed.request_id,
        retryable=failed.billed is False,
        billed=failed.billed,
    )
