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
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from ..errors import HostFailed, StorageFailed
from ..executors.seam import StoreRoom, Watch
from ..file import File
from ..ledger import entry as notes
from ..ledger.book import Ledger
from ..ledger.entry import Entry
from ..node import Room
from ..providers.contract import AnswerLost, Done, Failed, Found, NoJob, Ticket
from ..storage.contract import Stored
from ..store.store import Store
from .ask import Ask, Clock
from .fetch import checked, fetch, keep_brought
from .follow import follow
from .line import Line
from .settle import order_of, settle
from .take import Made, take_of
from .uploads import Uploads

MOST_REFUSALS = 40
"""Answers of «not now» to a submit, before it is given up."""
LAST_WORD_S = 15.0
"""How long a submit that is under way is waited for when the run is stopped."""
FETCH_S = 1800.0
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Tools:
    """All that an attempt may touch."""

    store: Store
    ledger: Ledger
    line: Line
    uploads: Uploads
    clock: Clock
    run: str
    may_spend: Callable[[], None]
    """Raises OverBudget where the next call does not fit."""
    threads: Executor
    """For what waits."""


class Attempt:
    """A call on its way."""

    def __init__(self, ask: Ask, tools: Tools, progress: Callable[[float], None]) -> None:
        self._ask, self._tools, self._progress = ask, tools, progress
        self._ledger, self._clock = tools.ledger, tools.clock

    async def made(self) -> Made:
        """Go on from where the call is, until its take is there."""
        entry = await asyncio.to_thread(self._ledger.latest, self._ask.call)
        new = entry is None or entry.state != "done"
        if entry is not None and entry.state == "done":
            entry = await self._present(entry)
        elif entry is None or not entry.open:
            self._check_billed(entry)
        async with self._tools.line.turns.place(self._ask.call.key, has_one=entry is not None and entry.open):
            entry = await self._ended(entry)
        done = entry.done
        assert done is not None
        media = await self._in_room(lambda room: checked(room, done.file))
        return take_of(self._ask, entry, done, media, new=new)

    async def _ended(self, entry: Entry | None) -> Entry:
        refusals = 0
        while True:
            if entry is None or entry.state in ("failed", "void"):
                try:
                    entry = await self._sent(entry)
                except NoJob as error:
                    refusals += 1
                    if error.wait_s is None or refusals > MOST_REFUSALS:
                        raise
                    await self._clock.sleep(max(1.0, error.wait_s))
                    entry = await asyncio.to_thread(self._ledger.latest, self._ask.call)
                    continue
            if entry.state in ("intended", "unknown"):
                entry = await self._settled(entry)
            if entry.state == "accepted":
                entry = await self._followed(entry)
            if entry.state == "done":
                return entry
            if entry.failed is not None and entry.state == "failed":
                raise _failure(entry, entry.failed)

    async def _sent(self, before: Entry | None) -> Entry:
        """Upload, write the intention down, and send the call once."""
        self._tools.may_spend()
        video, audio = await self._uploaded(fresh=before is not None)
        self._tools.may_spend()
        entry = await asyncio.to_thread(self._ledger.intend, self._intention(video, audio))
        scratch = await asyncio.to_thread(self._tools.store.room_folder)
        try:
            return await self._answered(entry, scratch / "take.mp4")
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    async def _answered(self, entry: Entry, into: Path) -> Entry:
        submit = asyncio.create_task(self._tools.line.client.submit(order_of(entry), into))
        try:
            found = await asyncio.shield(submit)
        except asyncio.CancelledError:
            await self._last_word(submit, entry)
            raise
        except NoJob as error:
            await self._add(entry, "void", notes.Void(at=self._clock.stamp(), why=error.message))
            raise
        except AnswerLost as error:
            return await self._add(entry, "unknown", notes.Unknown(at=self._clock.stamp(), why=error.message))
        return await self._took(entry, found)

    async def _last_word(self, submit: asyncio.Task[Ticket | Done], entry: Entry) -> None:
        """The run is stopped while the call is on the wire: hear the answer, so that nobody has to look for it."""
        await asyncio.wait([submit], timeout=LAST_WORD_S)
        if not submit.done():
            submit.cancel()
            return
        error = submit.exception()
        if isinstance(error, NoJob):
            await self._add(entry, "void", notes.Void(at=self._clock.stamp(), why=error.message))
        elif error is None and submit.result().request_id:
            await self._accepted(entry, submit.result().request_id)

    async def _uploaded(self, *, fresh: bool) -> tuple[Stored, Stored]:
        """Send picture and voice, where they are not there already; another attempt gets names of its own."""
        segment = self._ask.segment
        voice = segment.voice or segment.media.file
        video = await self._sent_file(segment.media.file, 0, fresh)
        return video, video if voice == segment.media.file else await self._sent_file(voice, 1, fresh)

    async def _sent_file(self, file: File, number: int, fresh: bool) -> Stored:
        path = await asyncio.to_thread(self._tools.store.path, file)

        def moved(share: float) -> None:
            self._progress(0.05 * (number + share))

        return await self._tools.uploads.send(file, path, moved, fresh=fresh)

    def _intention(self, video: Stored, audio: Stored) -> notes.Intended:
        ask = self._ask
        return notes.Intended(
            at=self._clock.stamp(),
            call=ask.call,
            nonce=str(uuid4()),
            video_name=video.name,
            audio_name=audio.name,
            video_url=video.address,
            audio_url=audio.address,
            estimate_usd=ask.estimate_usd,
            seconds=float(ask.lasts_s),
            run=self._tools.run,
            segment=ask.segment.name,
        )

    async def _settled(self, entry: Entry) -> Entry:
        """Ask the host what became of a call."""
        known = await asyncio.to_thread(self._claimed)
        after_s = self._ask.provider.settle_after_s
        found = await settle(self._tools.line.client, entry, known, after_s, self._clock)
        if found is None:
            why = "the host's history does not list it"
            return await self._add(entry, "void", notes.Void(at=self._clock.stamp(), why=why))
        return await self._took(entry, found, how="history")

    def _claimed(self) -> set[str]:
        return {one.request_id for one in self._ledger.all() if one.request_id}

    async def _took(self, entry: Entry, found: Found, how: str = "") -> Entry:
        if isinstance(found, Failed):
            return await self._failed(entry, found)
        if found.request_id:
            entry = await self._accepted(entry, found.request_id, how)
        return await self._finished(entry, found) if isinstance(found, Done) else entry

    async def _accepted(self, entry: Entry, request_id: str, how: str = "") -> Entry:
        note = notes.Accepted(at=self._clock.stamp(), request_id=request_id, how=how)
        try:
            return await self._add(entry, "accepted", note)
        except StorageFailed as error:
            told = f"{error.message} (the host has the call as {request_id}; nothing is sent again)"
            raise StorageFailed(told) from error

    async def _followed(self, entry: Entry) -> Entry:
        accepted = entry.accepted
        assert accepted is not None
        found = await follow(
            self._tools.line.client,
            accepted.request_id,
            accepted.at,
            latency=self._ask.provider.latency,
            deadline_s=self._ask.deadline_s,
            clock=self._clock,
            progress=lambda share: self._progress(0.1 + 0.85 * share),
        )
        if isinstance(found, Failed):
            return await self._failed(entry, found)
        return await self._finished(entry, found)

    async def _finished(self, entry: Entry, found: Done) -> Entry:
        """Bring the take here, and only then call it done."""
        file = await self._brought(found)
        intended = entry.intended
        estimate = intended.estimate_usd if intended else self._ask.estimate_usd
        note = notes.Done(
            at=self._clock.stamp(),
            file=file,
            cost_usd=estimate if found.cost_usd is None else found.cost_usd,
            cost_known=found.cost_usd is not None,
            seconds=round(self._clock.since_s(intended.at), 3) if intended else 0.0,
            request_id=found.request_id,
            details=found.details,
        )
        return await self._add(entry, "done", note)

    async def _brought(self, found: Done) -> File:
        reach = self._tools.line.settings.reach
        if found.file is not None:
            brought: Path = found.file
            return await self._in_room(lambda room: keep_brought(room, brought, found.request_id))
        return await self._in_room(lambda room: fetch(room, found.output, reach, found.request_id))

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
        raise HostFailed(told, request_id=entry.request_id, billed=True)

    async def _failed(self, entry: Entry, found: Failed) -> Entry:
        note = notes.Failed(at=self._clock.stamp(), error=found.error, billed=found.billed, request_id=found.request_id)
        return await self._add(entry, "failed", note)

    async def _add(self, entry: Entry, state: notes.State, note: notes.Note) -> Entry:
        return await asyncio.to_thread(self._ledger.add, entry, state, note)

    def _check_billed(self, entry: Entry | None) -> None:
        """Do not pay again, unasked, for what failed and was paid for."""
        if (
            entry is not None
            and entry.state == "failed"
            and entry.failed is not None
            and entry.failed.billed is not False
        ):
            raise _failure(entry, entry.failed)

    async def _in_room(self, work: Callable[[Room], _Made]) -> _Made:
        """Do something that waits for a disk or a network in a thread, and stop it when the run is stopped."""
        watch = Watch()

        def inside() -> _Made:
            room = StoreRoom(self._tools.store, watch, time.monotonic() + FETCH_S)
            try:
                return work(room)
            finally:
                room.close()

        try:
            return await asyncio.get_running_loop().run_in_executor(self._tools.threads, inside)
        except asyncio.CancelledError:
            watch.stopped = True
            raise


def _failure(entry: Entry, failed: notes.Failed) -> HostFailed:
    told = (
        "not billed"
        if failed.billed is False
        else "it was billed"
        if failed.billed
        else "nobody knows if it was billed"
    )
    again = "" if failed.billed is False else f"; to pay for it anew: react1 jobs settle {entry.id} --resubmit"
    return HostFailed(
        f"job {entry.id} failed at the host: {failed.error}; {told}{again}",
        request_id=failed.request_id,
        retryable=failed.billed is False,
        billed=failed.billed,
    )
