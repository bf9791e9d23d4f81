"""Prune the store that several machines share: `react1 prune --shared`.

Kept are takes that were paid for by any machine, and what a running or resumable run of this home uses; of the runs of
others only their last use is known. One machine prunes at a time, by a lease in the store.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ...core.errors import PresetError, StorageFailed
from ...core.settings import shared_store
from ...jobs.ledger import Ledger
from ...jobs.ledger_entry import JOB_METRICS
from ...storage.object_bucket import ObjectBucket
from ...store.lease import TTL_S, Lease, Leases, LeaseTaken
from ...store.prune import Pruned, PruneLimits, prune
from ...store.prune_bucket import prune_bucket
from ...store.store import Store
from ...store.store_backend import Records
from .housekeeping import keys_in_use

LEASE = "prune"
RENEW_S = TTL_S / 4


def prune_shared(home: Path, limits: PruneLimits, *, paid: bool = False) -> Pruned:
    """Prune the store at REACT1_STORE; with `paid` also takes that were paid for.

    Raises:
        PresetError: neither limit is set, or no store is shared.
        StorageFailed: another machine prunes it, or it cannot be reached.
    """
    place = shared_store()
    limits.require_one()
    if not place:
        raise PresetError("--shared: no store is shared; set REACT1_STORE to a bucket or a folder")
    store, used = Store(home, place=place), keys_in_use(home)
    takes = [] if paid else [call.take for call in Ledger(home).summaries() if call.take]
    with contextlib.closing(store), _lease(store.backend.records) as renew:
        if place.startswith("s3://"):
            return prune_bucket(
                ObjectBucket(place),
                limits,
                keeps=lambda result: result.key in used or (not paid and is_paid_take(result.value)),
                keep_files=takes,
                on_step=renew,
            )
        folder = Store(Path(store.backend.place), read_only=True, place="")
        paid_keys = set() if paid else set(_paid_keys(folder, renew))
        objects = {folder.object_path(file) for file in takes}
        return prune(folder, limits, keep_keys=used | paid_keys, keep_objects=objects, on_step=renew)


def is_paid_take(value: Any) -> bool:
    """Return whether the value of a result is a take that a provider, or a plug-in's service, was paid for."""
    metrics = value.get("metrics") if isinstance(value, dict) else None
    return isinstance(metrics, dict) and (JOB_METRICS in metrics or bool(value.get("cost_usd")))


def _paid_keys(folder: Store, on_step: Callable[[], None]) -> Iterator[str]:
    for name in folder.backend.records.names("results"):
        on_step()
        stored = folder.result(name.rpartition("/")[2])
        if stored is not None and is_paid_take(stored["value"]):
            yield name.rpartition("/")[2]


@contextlib.contextmanager
def _lease(records: Records) -> Iterator[Callable[[], None]]:
    """Hold the lease for pruning; yield what renews it from time to time.

    Raises:
        StorageFailed: another machine has it, and is alive.
    """
    leases, deadline_s = Leases(records, owner=LEASE), time.monotonic() + TTL_S + RENEW_S
    while True:
        try:
            held = leases.acquire(LEASE, time.monotonic())
            break
        except LeaseTaken as error:
            if time.monotonic() > deadline_s:  # it is renewed, so its holder is alive
                raise StorageFailed(f"{error.lease.holder} prunes this store at the moment; wait for it") from error
            time.sleep(1)
    state: list[tuple[Lease, float]] = [(held, time.monotonic())]

    def renew() -> None:
        lease, at_s = state[-1]
        if time.monotonic() - at_s > RENEW_S:
            state[:] = [(leases.renew(lease), time.monotonic())]

    try:
        yield renew
    finally:
        leases.release(state[-1][0])
