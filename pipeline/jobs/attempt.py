"""Take one call from its ledger entry to its take, continuing from whatever state it is in.

    no entry, failed, void → upload → intended → POST → accepted → poll → download → done
    intended, unknown      → the provider's history → accepted … or void
    accepted               → poll …
    done                   → the stored take

The caller holds the call's lock. The ledger is correct at every moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

from ..core.errors import ProviderError, StorageFailed
from ..core.file import File
from ..net.api_client import MAX_PAUSE_S
from ..providers.contract import Done, Failed, JobOutcome, NoJob, UnknownJob
from . import ledger_entry as records
from .context import JobContext, describe_duration
from .ledger_entry import Entry
from .poll import poll_until_done
from .request import JobRequest
from .settle import NOT_LISTED, Unsettled, recover_lost_submit, settle_hint
from .submit import Submitter
from .take_download import JobResult, build_take, fetch_take, probe_take, store_response_file

MAX_REFUSALS = 40
"""Temporary refusals of a submit before the run gives up."""
MAX_SUBMITS = 3
"""Submits without a response that the history then does not list, before the run gives up."""


class Attempt:
    """A call in progress."""

    def __init__(self, request: JobRequest, context: JobContext, progress: Callable[[float], None]) -> None:
        self._request, self._context, self._progress = request, context, progress
        self._submitted = False

    async def run(self) -> JobResult:
        """Continue from the current state until the take is stored.

        Raises:
            ProviderError: the job failed, or its outcome is unknown.
            OverBudget: the submit does not fit the budget.
            StorageFailed: the ledger or the store cannot be written; a job that was submitted is kept.
        """
        try:
            return await self._run()
        except StorageFailed as error:
            entry = await self._latest()
            if entry is None or not entry.open:
                raise
            job = f"job {entry.id}" + (f" ({entry.request_id})" if entry.request_id else "")
            message = f"{error.message}; {job} is kept: the next run continues it and does not pay again"
            raise StorageFailed(message) from error

    async def _run(self) -> JobResult:
        entry = await self._latest()
        if entry is not None and entry.charged_failure is not None:
            raise _failure(entry, entry.charged_failure)  # it is not paid for twice without consent
        new = entry is None or entry.state != "done"
        if entry is not None and not new:
            entry = await self._ensure_stored(entry)
        else:
            running = entry is not None and entry.open
            concurrency = self._context.connection.concurrency
            async with concurrency.slot(self._request.call.key, running=running, on_wait=self._notify_full):
                entry = await self._run_to_end(entry)
        done = entry.done
        assert done is not None
        media = await self._context.run_in_thread(lambda context: probe_take(context, done.file))
        return build_take(self._request, entry, done, media, new=new)

    async def _run_to_end(self, entry: Entry | None) -> Entry:
        submits = 0
        while True:
            if entry is None or entry.state in ("failed", "void"):
                if entry is not None and submits == MAX_SUBMITS:
                    raise _no_response(entry)
                entry, submits = await self._submit(entry), submits + 1
            if entry.state in ("intended", "unknown"):
                entry = await self._recover(entry)
            if entry.state == "accepted":
                entry = await self._poll(entry)
            if entry.state == "done":
                return entry
            if entry.state == "failed" and entry.failed is not None:
                raise _failure(entry, entry.failed)

    async def _submit(self, entry: Entry | None) -> Entry:
        """Submit the call; again only if it is proven that no job was created, and if that may help.

        A submit costs money, so this loop stays explicit: it is never left to a retry library.
        """
        scratch = await asyncio.to_thread(self._context.store.scratch_folder)
        submitter = Submitter(self._request, self._context, self._progress, scratch / "take.mp4")
        refusals, waited_s = 0, 0.0
        try:
            while True:
                try:
                    submitted, outcome = await submitter.submit(entry)
                    self._submitted = True
                    return submitted if outcome is None else await self._record_outcome(submitted, outcome)
                except NoJob as error:
                    if error.retry_after_s is None:
                        raise
                    refusals += 1
                    if refusals > MAX_REFUSALS or waited_s >= self._request.deadline_s:
                        after = f"refused {refusals} times in {describe_duration(waited_s)}"
                        raise NoJob(f"{error.message}; {after}; run again later") from error
                    # A plan may be in use for minutes, however soon the provider wants to be asked again.
                    wait_s = min(max(float(refusals), error.retry_after_s), MAX_PAUSE_S)
                    self._context.notify(self._describe_wait(error, error.retry_after_s, wait_s, refusals))
                    await self._context.clock.sleep(wait_s)
                    waited_s += wait_s
                    entry = await self._latest()
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _notify_full(self, max_jobs: int) -> None:
        provider = self._request.provider.name
        self._context.notify(
            f"waiting: {provider} runs {max_jobs} at a time, and jobs of other runs are still open there; "
            "`react1 jobs` lists them"
        )

    def _describe_wait(self, error: NoJob, asked_s: float, wait_s: float, refusals: int) -> str:
        """Return what the user is told while a submit waits; a provider may ask for longer than it is waited for."""
        request = f"; the provider asks for {describe_duration(asked_s)}" if asked_s > wait_s else ""
        again = f"submitted again in {describe_duration(wait_s)} (refused {refusals} times{request})"
        return f"{self._request.segment.name}: {error.message}; {again}"

    async def _recover(self, entry: Entry) -> Entry:
        """Ask the provider what became of a call."""
        if self._request.provider.settings.recovery_may_bill or not self._submitted:  # else it is committed
            self._context.reserve_usd(entry.intended.estimate_usd if entry.intended else self._request.estimate_usd)
        known = await asyncio.to_thread(self._context.ledger.request_ids)
        outcome = await recover_lost_submit(
            self._context.connection.client,
            entry,
            known,
            self._request.provider.settle_after_s,
            self._context.clock,
            server_now=self._context.connection.server_now,
            record=lambda why: self._context.record_unknown(entry, why),
        )
        self._context.server_timestamp()  # reports a clock that is off
        if outcome is None and entry.unreadable:
            raise Unsettled(
                f"job {entry.id}: {NOT_LISTED}, but {entry.unreadable[-1]} in {entry.folder} is damaged and may have "
                f"been the provider's response; {settle_hint(entry)}"
            )
        if outcome is None:
            return await self._context.record_never_made(entry, NOT_LISTED, proven=False)
        return await self._record_outcome(entry, outcome, how="history")

    async def _record_outcome(self, entry: Entry, outcome: JobOutcome, how: str = "") -> Entry:
        if isinstance(outcome, Failed):
            return await self._record_failed(entry, outcome)
        if outcome.request_id:
            entry = await self._context.record_accepted(entry, outcome.request_id, how)
        return await self._finish(entry, outcome) if isinstance(outcome, Done) else entry

    async def _poll(self, entry: Entry) -> Entry:
        accepted = entry.accepted
        assert accepted is not None
        owner = await asyncio.to_thread(self._context.ledger.owner, accepted.request_id, entry)
        if owner:
            raise Unsettled(f"job {entry.id} has the request id of job {owner}, so one is wrong; {settle_hint(entry)}")
        try:
            outcome = await poll_until_done(
                self._context.connection.client,
                accepted.request_id,
                accepted.at,
                latency=self._request.provider.latency,
                deadline_s=self._request.deadline_s,
                clock=self._context.clock,
                progress=lambda share: self._progress(0.1 + 0.85 * share),
                notify=self._context.notify,
            )
        except UnknownJob as error:
            message = f"job {entry.id}: {error.message}; {settle_hint(entry)}"
            raise ProviderError(message, request_id=accepted.request_id, retryable=True) from error
        if isinstance(outcome, Failed):
            return await self._record_failed(entry, outcome)
        return await self._finish(entry, outcome)

    async def _finish(self, entry: Entry, done: Done) -> Entry:
        """Store the take, and only then record the job as done."""
        try:
            file = await self._fetch(done)
        except ProviderError as error:
            if not done.request_id:  # the take can never be requested again
                return await self._record_failed(entry, Failed("", error.message, billed=None))
            if error.retryable:
                raise
            message = f"{error.message}; run again, or to pay again: react1 jobs settle {entry.id} --resubmit"
            raise ProviderError(message, request_id=done.request_id, billed=True) from error
        if entry.done is not None:  # downloaded again
            return await self._context.record(entry, "done", entry.done.model_copy(update={"file": file}))
        intended = entry.intended
        estimate_usd = intended.estimate_usd if intended else self._request.estimate_usd
        record = records.Done(
            at=self._context.clock.timestamp(),
            file=file,
            cost_usd=estimate_usd if done.cost_usd is None else done.cost_usd,
            cost_known=done.cost_usd is not None,
            seconds=round(self._context.clock.elapsed_since_s(intended.at), 3) if intended else 0.0,
            request_id=done.request_id,
            details=done.details,
        )
        return await self._context.record(entry, "done", record)

    async def _fetch(self, done: Done) -> File:
        client, redact = self._context.connection.download_client, self._context.connection.redact
        if done.file is not None:
            path: Path = done.file
            return await self._context.run_in_thread(
                lambda context: store_response_file(context, path, done.request_id)
            )
        return await self._context.run_in_thread(
            lambda context: fetch_take(context, done.output, client, done.request_id, redact)
        )

    async def _ensure_stored(self, entry: Entry) -> Entry:
        """Download a paid take again if it is missing from the store."""
        done = entry.done
        assert done is not None
        if await asyncio.to_thread(self._context.store.has, done.file):
            return entry
        outcome = None
        if entry.request_id:
            with contextlib.suppress(UnknownJob):
                outcome = await self._context.connection.client.poll(entry.request_id)
        if isinstance(outcome, Done):
            return await self._finish(entry, outcome)
        raise ProviderError(
            f"job {entry.id} was paid for on {done.at[:10]}, but its take is missing from {self._context.store.root} "
            f"and from the provider; to pay again: react1 jobs settle {entry.id} --resubmit",
            request_id=entry.request_id,
            billed=True,
        )

    async def _record_failed(self, entry: Entry, failed: Failed) -> Entry:
        timestamp = self._context.clock.timestamp()
        record = records.Failed(at=timestamp, error=failed.error, billed=failed.billed, request_id=failed.request_id)
        return await self._context.record(entry, "failed", record)

    async def _latest(self) -> Entry | None:
        return await asyncio.to_thread(self._context.ledger.latest, self._request.call)


def _no_response(entry: Entry) -> ProviderError:
    return ProviderError(
        f"job {entry.id}: none of {MAX_SUBMITS} submits got a response, and the provider's history lists none of them; "
        "this run does not resubmit it: check the provider, then run again",
        retryable=True,
        billed=False,
    )


def _failure(entry: Entry, failed: records.Failed) -> ProviderError:
    billed = {True: "billed", False: "not billed", None: "it is unknown whether it was billed"}[failed.billed]
    settle = f"react1 jobs settle {entry.id}"
    again = "" if failed.billed is False else f"; to pay again: {settle} --resubmit"
    if failed.billed is None:
        again = f"; if the provider's dashboard shows no charge: {settle} --not-billed{again}"
    return ProviderError(
        f"job {entry.id} failed at the provider: {failed.error}; {billed}{again}",
        request_id=failed.request_id,
        retryable=failed.billed is False,
        billed=failed.billed,
    )
