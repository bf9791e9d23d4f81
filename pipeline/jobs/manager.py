"""The desk where paid calls are made: each once, followed to its end, its take stored.

Takes   asks of a step: first all of them (`admit`: what is looked at, the budget, the user's word), then each.
Gives   takes, and whether each was here already.
Raises  BadInput before anything is sent; OverBudget before anything is spent; HostFailed, whose entry in the ledger
        tells how to go on; StorageFailed.

The only code in the house that may send a call that costs money. What it does with one is in `attempt.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType

from ..core.errors import InputMediaError, ProviderError, React1Error
from ..net.http_pool import Pool
from ..store.locks import Held
from ..store.store import Store
from .attempt import Attempt
from .budget import Bill, Item, Terms, check, within
from .connection import Line, open_line, open_uploads
from .context import Tools
from .daemon_thread import apart
from .ledger import Ledger
from .precheck import look
from .received_take import Made
from .request import Ask, Clock
from .uploads import Uploads

FETCHES = 6
"""Takes that are fetched at the same time."""
HELD_BY_OTHERS_S = 1.0
"""How often to see whether another process has let go of a call."""


class Desk:
    """All paid calls of one run."""

    def __init__(
        self,
        store: Store,
        terms: Terms,
        *,
        run: str = "",
        say: Callable[[str], None] = lambda _: None,
        clock: Clock | None = None,
        pool: Pool | None = None,
    ) -> None:
        self._store, self._terms, self._run, self._say = store, terms, run, say
        self._clock = clock or Clock()
        self._pool = pool or Pool()
        self._ledger = Ledger(store.root)
        self._lines: dict[str, Line] = {}
        self._uploads: dict[tuple[str, str, bool], Uploads] = {}
        self._alone: dict[str, asyncio.Lock] = {}
        self._admitted: set[str] = set()
        self._refused: dict[str, InputMediaError] = {}
        self._committed_usd: dict[str, float] = {}
        """What this run has spent, or is about to: by call, its estimate first and then what it really cost."""
        self._stack = AsyncExitStack()
        self._threads = ThreadPoolExecutor(FETCHES, thread_name_prefix="react1-fetch")

    async def __aenter__(self) -> Desk:
        """Open the pool."""
        await self._stack.enter_async_context(self._pool)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was uploaded and is not needed any more, and close the pool."""
        in_use = {
            name
            for entry in await asyncio.to_thread(lambda: [one for one in self._ledger.all() if one.open])
            if entry.intended is not None
            for name in (entry.intended.video_name, entry.intended.audio_name)
        }
        for uploads in self._uploads.values():
            with suppress(React1Error):
                for line in await uploads.clear(in_use.__contains__):
                    self._say(line)
        for connected in self._lines.values():
            await asyncio.to_thread(connected.fetching.close)
        await self._stack.aclose()
        await asyncio.to_thread(self._threads.shutdown)

    async def admit(self, asks: Sequence[Ask], *, stop: bool) -> None:
        """Look at all that a step wants before any of it is uploaded or paid.

        Args:
            asks: every segment of the step that is not stored yet.
            stop: whether one that cannot be used stops the run; else it is refused when it is its turn.

        Raises:
            BadInput: a segment cannot be used.
            OverBudget: it costs more than is allowed, or nobody has agreed.
        """
        items = []
        looks: dict[tuple[str, str], tuple[tuple[str, ...], InputMediaError | None]] = {}
        for ask in asks:
            clip = (ask.segment.name, ask.call.video)
            first = clip not in looks  # the takes of a matrix are of one clip, which is looked at once
            entry = await asyncio.to_thread(self._ledger.latest, ask.call)
            new = entry is None or not (entry.open or entry.state == "done")
            remarks: tuple[str, ...] = ()
            if entry is not None and entry.open and not entry.request_id:
                new, remarks = True, ("its answer was lost: it is only made where the host has it not",)
            elif new:
                if first:
                    looks[clip] = await asyncio.to_thread(look, ask, self._store)
                remarks, fault = looks[clip]
                if fault is not None and stop:
                    raise fault
                if fault is not None:
                    self._refused[ask.call.key] = fault
                    continue
                for remark in remarks if first else ():
                    self._say(f"{ask.segment.name}: {remark}")
            seconds, usd = float(ask.lasts_s), ask.estimate_usd
            items.append(Item(_label(ask, asks), ask.provider.name, seconds, usd, new, remarks if first else ()))
        bill = Bill(tuple(items), sum(self._committed_usd.values()))
        await apart(lambda: check(bill, self._terms))
        self._admitted |= {ask.call.key for ask in asks}

    async def make(self, ask: Ask, progress: Callable[[float], None] = lambda _: None) -> Made:
        """Give the take of a segment: stored, taken up again, or made now.

        Raises:
            HostFailed: the host failed it, or nobody knows what became of it.
            OverBudget: the run has spent more than was foreseen, and this one does not fit any more.
        """
        call = ask.call
        if call.key in self._refused:
            raise self._refused[call.key]
        async with self._alone.setdefault(call.key, asyncio.Lock()):
            held = await self._held(ask)
            try:
                made = await Attempt(ask, self._tools(ask), progress).made()
            except React1Error as error:
                await asyncio.to_thread(self._count, ask, error)
                raise
            finally:
                held.close()
            if made.sent:
                self._committed_usd[call.key] = made.take.cost_usd
        return made

    def _count(self, ask: Ask, error: React1Error) -> None:
        """Count what a call that failed has really cost, where this run has made it."""
        key, entry = ask.call.key, self._ledger.latest(ask.call)
        if key in self._committed_usd and entry is not None and entry.state == "done" and entry.done:
            self._committed_usd[key] = entry.done.cost_usd
        elif getattr(error, "billed", False) is False:
            self._committed_usd.pop(key, None)

    def _tools(self, ask: Ask) -> Tools:
        def may_spend(usd: float) -> None:
            if ask.call.key not in self._admitted:
                raise ProviderError(
                    f"{ask.segment.name}: a fault of ours: the call was not admitted, so it is not made"
                )
            others_usd = sum(spent for key, spent in self._committed_usd.items() if key != ask.call.key)
            within(others_usd, usd, self._terms)
            self._committed_usd[ask.call.key] = usd

        return Tools(
            store=self._store,
            ledger=self._ledger,
            line=self._line(ask),
            uploads=self._uploads_for(ask),
            clock=self._clock,
            run=self._run,
            may_spend=may_spend,
            threads=self._threads,
        )

    def _line(self, ask: Ask) -> Line:
        name = f"{ask.provider.name} {ask.provider.host}"
        if name not in self._lines:
            self._lines[name] = open_line(ask.provider, self._pool, self._ledger, self._clock)
        return self._lines[name]

    def _uploads_for(self, ask: Ask) -> Uploads:
        upload, settings = ask.upload, ask.provider.settings
        key = (ask.provider.name, upload.storage, upload.keep)
        if key not in self._uploads:
            self._uploads[key] = open_uploads(
                upload.storage,
                settings,
                self._pool,
                Path(self._store.root),
                self._clock,
                lifetime_s=ask.deadline_s,
                keep=upload.keep,
            )
        return self._uploads[key]

    async def _held(self, ask: Ask) -> Held:
        """Take a call for this process; where another one follows it, wait for what comes of that."""
        told = False
        while True:
            held = self._ledger.hold(ask.call.key)
            if held is not None:
                return held
            if not told:
                self._say(f"{ask.segment.name}: another process makes the very same call; its take will serve here too")
                told = True
            await self._clock.sleep(HELD_BY_OTHERS_S)


def _label(ask: Ask, asks: Sequence[Ask]) -> str:
    """Name a call on a bill: by its segment, and by what tells it from other takes of that."""
    alike = [one.parameters for one in asks if one.segment.name == ask.segment.name]
    apart = [str(value) for name, value in ask.parameters.items() if any(other[name] != value for other in alike)]
    return " ".join((ask.segment.name, *apart))
