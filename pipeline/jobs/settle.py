"""Settle a submit whose response was lost: by the provider's own history, or by a person's statement; by nothing else.

Absence from the history proves something only if the response was lost long enough ago (the history also lists
requests in progress and failed ones) and if this process has seen the absence for a while itself. Both are measured by
clocks that nobody can set on this machine: the provider's (its `Date` headers, recorded in the ledger), and this
process's monotonic one. If the provider's time of the loss is not known, the proof begins with the first absence.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta

from ..core.errors import PresetError, ProviderError
from ..providers.contract import (
    FACE_POINT,
    JobOutcome,
    ProviderClient,
    React1Request,
    SentFacePoint,
    Submission,
    TemporarilyUnavailable,
    parse_request_id,
)
from .ledger import Ledger
from .ledger_entry import Accepted, Entry, Failed, Intended, NeverMade, Unknown
from .request import Clock

MAX_WAIT_S = 120.0
"""How long a run waits for the history."""
MIN_SILENCE_S = 60.0
"""How long the history must have answered without listing the job."""
NOT_LISTED = "the provider's history does not list it"
WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)


class Unsettled(ProviderError):
    """It is unknown whether a job was created, so it is not submitted again."""


async def recover_lost_submit(
    client: ProviderClient,
    entry: Entry,
    known: Collection[str],
    settle_after_s: float,
    clock: Clock,
    *,
    server_now: Callable[[], datetime | None],
    record: Callable[[str], Awaitable[object]],
) -> JobOutcome | None:
    """Ask the history until it lists the job, or until its absence proves that there is none (None).

    Args:
        client: the provider's.
        entry: an attempt whose response was lost.
        known: request ids of other calls.
        settle_after_s: age of the loss after which absence proves something.
        clock: the time.
        server_now: returns the time by the provider's clock.
        record: records the entry as unknown, with that time, for a later run.

    Raises:
        Unsettled: only a person can decide.
    """
    # Not stamina: the waits depend on when absence becomes a proof, and a successful request may be repeated too.
    submission, lost_at = submission_of(entry), response_lost_at(entry)
    started_s, silent_from_s, tries = clock.monotonic(), None, 0
    while True:
        why = ""
        try:
            async with asyncio.timeout(MAX_WAIT_S):
                outcome = await client.recover(submission, known)
        except TimeoutError:
            why, silent_from_s = f"the history did not answer within {MAX_WAIT_S:g} s", None
        except TemporarilyUnavailable as error:
            why, silent_from_s = error.message, None
        except ProviderError as error:
            raise Unsettled(f"job {entry.id} may exist: {error.message}; {settle_hint(entry)}") from error
        else:
            if outcome is not None:
                return outcome
            silent_from_s = clock.monotonic() if silent_from_s is None else silent_from_s
            if lost_at is None and (lost_at := server_now()) is not None:
                await record(NOT_LISTED)
        waited_s = clock.monotonic() - started_s
        silent_s = 0.0 if silent_from_s is None else clock.monotonic() - silent_from_s
        lost_for_s = max(_age_s(lost_at, server_now()), waited_s)
        proof_in_s = max(settle_after_s - lost_for_s, min(MIN_SILENCE_S, settle_after_s) - silent_s, 0.0)
        if not why and proof_in_s == 0:
            return None
        left_s = MAX_WAIT_S - waited_s
        if left_s <= 0:
            raise Unsettled(_still_unsettled(entry, why, clock.now() + timedelta(seconds=proof_in_s)))
        wait_s = min(WAITS_S[min(tries, len(WAITS_S) - 1)], left_s)
        await clock.sleep(wait_s if why else min(wait_s, proof_in_s))
        tries += 1


def _age_s(lost_at: datetime | None, now: datetime | None) -> float:
    return (now - lost_at).total_seconds() if now is not None and lost_at is not None else 0.0


def response_lost_at(entry: Entry) -> datetime | None:
    """Return when the response was lost, by the provider's clock; None if its time was not known then.

    If the loss was not recorded, return when the call was intended.
    """
    lost = [record.server_at for _, record in entry.records if isinstance(record, Unknown)]
    return _parse_time(lost[-1] if lost else entry.intended.server_at if entry.intended else "")


def _parse_time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def submission_of(entry: Entry) -> Submission:
    """Rebuild a submission as it was sent.

    Raises:
        Unsettled: its ledger entry is unreadable.
    """
    try:
        if entry.intended is not None:
            return submission_from(entry.intended)
    except (ValueError, TypeError):
        pass
    raise Unsettled(f"job {entry.id}: its ledger entry cannot be read; {settle_hint(entry)}")


def submission_from(intended: Intended) -> Submission:
    """Build the submission of an intention."""
    urls = {"video_url": intended.video_url, "audio_url": intended.audio_url}
    at = datetime.fromisoformat(intended.at)
    parameters = dict(intended.call.parameters)
    face = parameters.pop(FACE_POINT, None)
    return Submission(
        request=React1Request.model_validate({**urls, **parameters}),
        idempotency_key=intended.nonce,
        intended_at=at if at.tzinfo else at.replace(tzinfo=UTC),
        server_at=_parse_time(intended.server_at),
        face=None if face is None else SentFacePoint.model_validate(face),
    )


def settle_hint(entry: Entry) -> str:
    """Return how a person settles a job."""
    return (
        "look it up at the provider, then run `react1 jobs settle "
        f"{entry.id} --accepted REQUEST_ID`, or `--resubmit` if it is not there"
    )


def _still_unsettled(entry: Entry, why: str, proof_at: datetime) -> str:
    lost = next((record.why for _, record in reversed(entry.records) if isinstance(record, Unknown)), "")
    reason = "; ".join(filter(None, (lost if lost != NOT_LISTED else "", why or f"{NOT_LISTED} yet")))
    return (
        f"job {entry.id} may exist: {reason}; it is not resubmitted. "
        f"Run again after {proof_at:%H:%M} UTC, or {settle_hint(entry)}"
    )


MANUAL = "by hand"
"""How a state was settled by a person, as the ledger stores it."""


def settle_accepted(ledger: Ledger, job_id: str, request_id: str) -> Entry:
    """Record a person's statement that the provider has a job, and under which request id.

    Raises:
        PresetError: there is nothing to settle, or a process works on the call.
    """
    with _locked_latest(ledger, job_id) as entry:
        if not entry.open and entry.charged_failure is None:
            raise PresetError(f"job {entry.id} is {entry.state}; there is nothing to settle")
        if not parse_request_id(request_id):
            raise PresetError(f"--accepted: {request_id[:40]!r} is not a request id")
        owner = ledger.owner(request_id, entry)
        if owner:
            raise PresetError(f"--accepted: {request_id} is the request id of job {owner}")
        if entry.intended is None:
            raise PresetError(
                f"job {entry.id}: its intention is unreadable, so its take cannot be used; use --resubmit"
            )
        if entry.intended.call.result_key:
            node = entry.intended.call.provider
            raise PresetError(f"job {entry.id}: {node} bills by itself, so no run follows its job; use --resubmit")
        return ledger.record(entry, "accepted", Accepted(at=_now(), request_id=request_id, how=MANUAL))


def settle_resubmit(ledger: Ledger, job_id: str) -> Entry:
    """Record a person's statement that a job counts as never made, so that the next run submits and pays for it again.

    Raises:
        PresetError: there is nothing to settle, or a process works on the call.
    """
    with _locked_latest(ledger, job_id) as entry:
        if entry.state == "void":
            raise PresetError(f"job {entry.id} already counts as never made; the next run submits it")
        return ledger.record(entry, "void", NeverMade(at=_now(), why=MANUAL))


def settle_charge(ledger: Ledger, job_id: str, usd: float) -> Entry:
    """Record a person's statement of what a job was charged; it counts in place of the estimate or the provider's word.

    A take stays. Of failed jobs, only the latest attempt of a call is submitted again by this: if it was not billed.

    Args:
        ledger: has the job.
        job_id: of any attempt, also of one that was submitted again since.
        usd: 0 if it was not billed.

    Raises:
        PresetError: there is nothing to settle, or a process works on the call.
    """
    with _locked(ledger, job_id) as entry:
        if entry.proven_never_made:
            raise PresetError(f"job {entry.id} was never made, so nothing was billed; there is nothing to settle")
        if entry.state == "void":
            return ledger.record(entry, "void", NeverMade(at=_now(), why=MANUAL, charged_usd=usd))
        if entry.state == "done" and entry.done is not None:
            stated = {"at": _now(), "cost_usd": usd, "cost_known": True, "how": MANUAL}
            return ledger.record(entry, "done", entry.done.model_copy(update=stated))
        if entry.open and not _bills_itself(entry):
            raise PresetError(f"job {entry.id} is {entry.state}, not ended; use --accepted REQUEST_ID or --resubmit")
        error = entry.failed.error if entry.failed else "it was cut short"
        failed = Failed(
            at=_now(), error=error, billed=usd > 0, request_id=entry.request_id, charged_usd=usd, how=MANUAL
        )
        return ledger.record(entry, "failed", failed)


@contextlib.contextmanager
def _locked_latest(ledger: Ledger, job_id: str) -> Iterator[Entry]:
    with _locked(ledger, job_id) as entry:
        latest = max(attempt.attempt for attempt in ledger.attempts(entry.key))
        if entry.attempt != latest and not (_bills_itself(entry) and entry.open):
            raise PresetError(f"job {entry.id} has a later attempt; settle that one")
        yield entry


@contextlib.contextmanager
def _locked(ledger: Ledger, job_id: str) -> Iterator[Entry]:
    entry = ledger.find(job_id)
    lock = ledger.lock(entry.key)
    if lock is None:
        raise PresetError(f"job {entry.id} is in use by a running process; wait for it, or stop it first")
    with contextlib.closing(lock):
        yield ledger.read(entry.key, entry.attempt)


def _bills_itself(entry: Entry) -> bool:
    """Return whether the call is of a node that bills by itself: each attempt is a bill of its own."""
    return entry.intended is not None and bool(entry.intended.call.result_key)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
