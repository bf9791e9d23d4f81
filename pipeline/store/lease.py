"""Leases: one of several coordinators may do something, and one that lost its lease notices before it goes on.

A lease is a record with its holder, a fence that rises with each holder, and a beat that its holder raises. Clocks of
machines are never compared: who wants the lease watches it, and takes it over when it has not changed for `ttl_s`
seconds of its own clock. Create-if-absent and compare-and-swap decide who was first.
"""

from __future__ import annotations

import json
import secrets
import socket
from dataclasses import asdict, dataclass

from ..core.errors import StorageFailed
from .store_backend import Records

TTL_S = 60.0
"""A holder that has not renewed for this time may be replaced."""


@dataclass(frozen=True)
class Lease:
    """The state of a lease."""

    name: str
    owner: str
    """Who may hold it: another owner never takes it over, such as a ledger that another machine keeps."""
    holder: str
    """Host and a random number: one process."""
    fence: int
    """From 1; rises with each holder."""
    beat: int = 0
    """Rises with each renewal."""


class LeaseTaken(StorageFailed):
    """Another process holds the lease."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(f"{lease.name} is held by {lease.holder}")
        self.lease = lease


class Leases:
    """The leases that this process holds or wants."""

    def __init__(self, records: Records, owner: str, holder: str = "") -> None:
        self._records, self._owner = records, owner
        self.holder = holder or f"{socket.gethostname()}-{secrets.token_hex(4)}"
        self._watched: dict[str, tuple[str, float]] = {}
        """The last version of a lease of others, and when it was first seen."""

    def acquire(self, name: str, now_s: float, ttl_s: float = TTL_S) -> Lease:
        """Take a lease that nobody holds, or whose holder of the same owner has stopped; `now_s` is monotonic.

        Raises:
            LeaseTaken: another process holds it; ask again, so that a change is noticed.
        """
        lease = Lease(name, self._owner, self.holder, fence=1)
        if self._records.create(f"leases/{name}", _text(lease)):
            return lease
        stored = self._records.read(f"leases/{name}")
        if stored is None:
            return self.acquire(name, now_s, ttl_s)
        held = _parse(name, stored.text)
        if held.holder == self.holder:
            return held
        version, since_s = self._watched.get(name, ("", now_s))
        if version != stored.version:
            self._watched[name] = (stored.version, now_s)
            since_s = now_s
        if held.owner != self._owner or now_s - since_s < ttl_s:
            raise LeaseTaken(held)
        lease = Lease(name, self._owner, self.holder, fence=held.fence + 1)
        if not self._records.replace(f"leases/{name}", _text(lease), stored.version):
            raise LeaseTaken(held)
        return lease

    def renew(self, lease: Lease) -> Lease:
        """Raise the beat of a lease that this process holds.

        Raises:
            LeaseTaken: another process has taken it over.
        """
        stored = self._records.read(f"leases/{lease.name}")
        held = _parse(lease.name, stored.text) if stored else None
        renewed = Lease(lease.name, lease.owner, lease.holder, lease.fence, (held.beat if held else lease.beat) + 1)
        if held is None or (held.holder, held.fence) != (lease.holder, lease.fence):
            raise LeaseTaken(held or Lease(lease.name, "", "nobody", lease.fence))
        if stored and not self._records.replace(f"leases/{lease.name}", _text(renewed), stored.version):
            changed = self._records.read(f"leases/{lease.name}")
            if changed is None or changed.text != _text(renewed):  # else a bucket's answer to our change was lost
                raise LeaseTaken(held)
        return renewed

    def release(self, lease: Lease) -> None:
        """Remove a lease, if this process still holds it."""
        stored = self._records.read(f"leases/{lease.name}")
        if stored is not None:
            held = _parse(lease.name, stored.text)
            if (held.holder, held.fence) == (lease.holder, lease.fence):
                self._records.remove(f"leases/{lease.name}")


def _text(lease: Lease) -> str:
    return json.dumps(asdict(lease))


def _parse(name: str, text: str) -> Lease:
    try:
        return Lease(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise StorageFailed(f"the lease {name} is not readable: {error}; remove it from the store") from error
