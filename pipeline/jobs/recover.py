"""Find out what became of a call whose answer was lost: by the host's own history, by nothing else.

Takes   an entry that is unknown, and a client.
Gives   what the history knows: Ticket, Done, Failed; or None, where its silence proves that the host has no such job.
Raises  Unsettled when only a person can tell.

Silence proves something when the answer was lost long enough ago (the history lists requests in flight and failed ones
too), and when it was heard for a while by this very process, whose clock cannot have been set.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from ..core.errors import ProviderError
from ..providers.contract import Client, Found, NotNow, Order
from ..providers.parameters import React1Request
from .ledger_entry import Entry, Intended, Unknown
from .request import Clock

PATIENCE_S = 120.0
"""How long a run waits for the history to tell."""
HEARD_S = 60.0
"""How long silence must have been heard."""
WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)


class Unsettled(ProviderError):
    """It is not known whether a call was made, so it is not made again."""


async def settle(
    client: Client, entry: Entry, known: Collection[str], settle_after_s: float, clock: Clock
) -> Found | None:
    """Ask the history until it tells, or until its silence proves that there is no job."""
    order, age_s = order_of(entry), clock.since_s(lost_at(entry))
    began_s, heard_from_s, tries = clock.monotonic(), None, 0
    while True:
        why = ""
        try:
            found = await client.recover(order, known)
        except NotNow as error:
            why, heard_from_s = error.message, None
        except ProviderError as error:
            raise Unsettled(f"job {entry.id} may have been made: {error.message}; {by_hand(entry)}") from error
        else:
            if found is not None:
                return found
            heard_from_s = clock.monotonic() if heard_from_s is None else heard_from_s
        gone_s = clock.monotonic() - began_s
        heard_s = 0.0 if heard_from_s is None else clock.monotonic() - heard_from_s
        proof_in_s = max(settle_after_s - age_s - gone_s, min(HEARD_S, settle_after_s) - heard_s, 0.0)
        if not why and proof_in_s == 0:
            return None
        left_s = PATIENCE_S - gone_s
        if left_s <= 0:
            raise Unsettled(_open_still(entry, why, clock.now() + timedelta(seconds=proof_in_s)))
        pause_s = min(WAITS_S[min(tries, len(WAITS_S) - 1)], left_s)
        await clock.sleep(pause_s if why else min(pause_s, proof_in_s))
        tries += 1


def lost_at(entry: Entry) -> str:
    """Give when the answer was lost, or, where nobody has noted it, when the call was intended."""
    noted = [note.at for state, note in entry.notes if isinstance(note, Unknown)]
    return noted[-1] if noted else (entry.intended.at if entry.intended else "")


def order_of(entry: Entry) -> Order:
    """Spell a call as it was sent.

    Raises:
        Unsettled: the ledger does not tell.
    """
    try:
        if entry.intended is not None:
            return order_for(entry.intended)
    except (ValueError, TypeError):
        pass
    raise Unsettled(f"job {entry.id}: its entry in the ledger cannot be read; {by_hand(entry)}")


def order_for(told: Intended) -> Order:
    """Spell a call as it is to be sent."""
    addresses = {"video_url": told.video_url, "audio_url": told.audio_url}
    at = datetime.fromisoformat(told.at)
    return Order(
        request=React1Request.model_validate({**addresses, **told.call.parameters}),
        nonce=told.nonce,
        intended_at=at if at.tzinfo else at.replace(tzinfo=UTC),
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
