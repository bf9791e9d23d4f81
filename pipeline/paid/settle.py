"""Find out what became of a call whose answer was lost: by the host's own history, by nothing else.

Takes   an entry that is unknown, and a client.
Gives   what the history knows: Ticket, Done, Failed; or None, where it is proven that the host has no such job.
Raises  Unsettled when only a person can tell.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from ..errors import HostFailed
from ..ledger.entry import Entry, Intended
from ..providers.contract import Client, Found, NoJob, NotNow, Order
from ..providers.request import React1Request
from .ask import Clock

PATIENCE_S = 120.0
"""How long a run waits for the history to tell."""
WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)


class Unsettled(HostFailed):
    """It is not known whether a call was made, so it is not made again."""


async def settle(
    client: Client, entry: Entry, known: Collection[str], settle_after_s: float, clock: Clock
) -> Found | None:
    """Ask the history until it tells, or until its silence proves that there is no job."""
    intended = entry.intended
    if intended is None:
        raise Unsettled(f"job {entry.id}: its entry in the ledger cannot be read; {by_hand(entry)}")
    order = order_of(entry)
    began_s, tries = clock.since_s(intended.at), 0
    while True:
        why, proof_in_s = "", max(0.0, settle_after_s - clock.since_s(intended.at))
        try:
            found = await client.recover(order, known)
        except NoJob:
            return None
        except NotNow as error:
            why = error.message
        except HostFailed as error:
            raise Unsettled(f"job {entry.id} may have been made: {error.message}; {by_hand(entry)}") from error
        else:
            if found is not None or proof_in_s == 0:
                return found
        left_s = began_s + PATIENCE_S - clock.since_s(intended.at)
        if left_s <= 0:
            raise Unsettled(_open_still(entry, why, clock.now() + timedelta(seconds=proof_in_s)))
        pause_s = WAITS_S[min(tries, len(WAITS_S) - 1)]
        await clock.sleep(min(pause_s, left_s, proof_in_s if proof_in_s and not why else left_s))
        tries += 1


def order_of(entry: Entry) -> Order:
    """Spell a call as it was sent."""
    assert entry.intended is not None
    return order_for(entry.intended)


def order_for(told: Intended) -> Order:
    """Spell a call as it is to be sent."""
    addresses = {"video_url": told.video_url, "audio_url": told.audio_url}
    return Order(
        request=React1Request.model_validate({**addresses, **told.call.parameters}),
        nonce=told.nonce,
        names=tuple(filter(None, (told.video_name, told.audio_name))),
        intended_at=datetime.fromisoformat(told.at),
    )


def by_hand(entry: Entry) -> str:
    """Say how a person settles it."""
    return (
        "look it up at the host, then `react1 jobs settle "
        f"{entry.id} --accepted REQUEST_ID`, or `--resubmit` if it is not there"
    )


def _open_still(entry: Entry, why: str, proof_at: datetime) -> str:
    told = why or "the host's history does not list it yet"
    return (
        f"job {entry.id} may have been made: {told}; nothing is sent again. "
        f"Run again after {proof_at:%H:%M} UTC, or {by_hand(entry)}"
    )
