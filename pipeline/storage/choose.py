"""Which storage a run sends its files to."""

from __future__ import annotations

from .guarded import Reach, may_reach
from .host import origin


def storage_name(asked: str, provider: str, base: str) -> str:
    """Resolve `auto`: the provider's own; for a server on this machine that server's.

    Args:
        asked: what the preset says.
        provider: the host's name.
        base: the host's address.
    """
    if asked != "auto":
        return asked
    if provider == "segmind":
        return "local" if is_loopback(base) else "segmind"
    return provider if provider == "sync" else "none"


def is_loopback(address: str) -> bool:
    """Tell whether an address lies on this machine."""
    host = origin(address)[1]
    if host == "localhost":
        return True
    try:
        return may_reach(host, Reach(loopback=True)) and not may_reach(host, Reach())
    except ValueError:
        return False
