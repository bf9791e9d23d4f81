"""Leases on paid calls in a shared store, so that two machines never pay for one take.

A ledger belongs to one home folder. A call that another home's coordinator has begun is refused: only its ledger can
tell what became of it. After a crash the same home takes its lease over at once, and a displaced process stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator

from ...core.errors import Interrupted, StorageFailed
from ...jobs.ledger import Ledger
from ...jobs.ledger_entry import Call
from ...store.atomic import write_new
from ...store.lease import Lease, Leases, LeaseTaken
from ...store.store import Store

RENEW_S = 15.0


class PaidLeases:
    """The leases of one run on its paid calls; without a shared store there are none."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._leases: Leases | None = None

    @contextlib.asynccontextmanager
    async def hold(self, call: Call) -> AsyncIterator[None]:
        """Hold the lease of a call; it is released when the block succeeds, or when nothing was paid.

        Raises:
            StorageFailed: another home folder has begun the call.
            Interrupted: another process of this home folder has taken the call over.
        """
        if not self._store.backend.shared:
            yield
            return
        lease = await asyncio.to_thread(self._acquire, call)
        task = asyncio.current_task()
        assert task is not None and self._leases is not None
        lost: list[LeaseTaken] = []
        renewing = asyncio.create_task(self._renew(lease, task, lost))
        try:
            yield
        except BaseException:
            if lost:
                raise Interrupted(f"another process goes on with this paid call: {lost[0].lease.holder}") from lost[0]
            entry = await asyncio.to_thread(Ledger(self._store.root).latest, call)
            if entry is None or not (entry.open or entry.state == "done"):
                await asyncio.to_thread(self._leases.release, lease)
            raise
        else:
            await asyncio.to_thread(self._leases.release, lease)
        finally:
            renewing.cancel()

    def _acquire(self, call: Call) -> Lease:
        if self._leases is None:
            self._leases = Leases(self._store.backend.records, owner=home_id(self._store))
        name = f"paid-{call.key}"
        try:
            return self._leases.acquire(name, time.monotonic(), ttl_s=0)
        except LeaseTaken as error:
            raise StorageFailed(
                f"this take is being paid for by {error.lease.holder}, whose ledger alone knows how it ends; wait for "
                f"it, or resume that run; if that home is lost, remove leases/{name}.json from {self._store.place}"
            ) from error

    async def _renew(self, lease: Lease, task: asyncio.Task[object], lost: list[LeaseTaken]) -> None:
        """Renew a lease until it is released; cancel the task if another process has it."""
        assert self._leases is not None
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await asyncio.to_thread(self._leases.renew, lease)
            except LeaseTaken as error:
                lost.append(error)
                task.cancel()
                return
            except StorageFailed:  # the store is away for a moment: nobody can take the lease over either
                continue


def home_id(store: Store) -> str:
    """Return the random name of a home folder, which is created with its first use."""
    path = store.root / "home-id"
    with contextlib.suppress(FileExistsError):
        if not path.exists():
            write_new(path, uuid.uuid4().hex)
    return path.read_text(encoding="ascii").strip()
