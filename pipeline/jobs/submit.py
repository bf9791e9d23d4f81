"""Submit a call once: upload, ask for a quote, record the intention, POST, and record the response."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from ..core.errors import ProviderError
from ..core.file import File
from ..providers.contract import Done, JobOutcome, NoJob, ResponseLost, Ticket
from ..storage.upload_storage import StoredUpload, is_loopback_url
from .budget import record_intent
from .context import JobContext
from .ledger import AttemptExists
from .ledger_entry import Entry, Intended
from .request import JobRequest
from .settle import submission_from, submission_of

CANCEL_GRACE_S = 15.0
"""How long to wait for the response to a submit in flight when the run is cancelled."""


class Submitter:
    """Submit one call to its provider."""

    def __init__(
        self, request: JobRequest, context: JobContext, progress: Callable[[float], None], take_path: Path
    ) -> None:
        """Send nothing yet; a take in the response is written to `take_path`."""
        self._request, self._context, self._progress, self._take_path = request, context, progress, take_path

    async def submit(self, previous: Entry | None) -> tuple[Entry, JobOutcome | None]:
        """Upload, record the intention, and POST.

        Returns:
            The entry, and the provider's response; None if the response was lost (the entry is unknown then).

        Raises:
            NoJob: the provider created no job (the entry is void).
            OverBudget, ProviderError, StorageFailed: nothing was sent.
        """
        self._context.reserve_usd(self._request.estimate_usd)
        intended = self._intention(*await self._upload_media(force=_may_exist(previous)))
        quote_usd = await self._context.connection.client.quote(submission_from(intended))
        if quote_usd is not None:
            intended = intended.model_copy(update={"estimate_usd": quote_usd})
        self._context.reserve_usd(intended.estimate_usd)
        intended = intended.model_copy(update={"server_at": self._context.server_timestamp()})
        entry = await asyncio.to_thread(self._record_intent, intended)
        submit = asyncio.create_task(self._send(entry))
        try:
            return entry, await asyncio.shield(submit)
        except asyncio.CancelledError:
            await self._await_response(submit, entry)
            raise
        except NoJob as error:
            await self._context.record_never_made(entry, error.message, proven=True)
            raise
        except ResponseLost as error:
            return await self._context.record_unknown(entry, error.message), None

    async def _send(self, entry: Entry) -> Ticket | Done:
        """POST; the response may take until the job's deadline, also in v1, where it is the take."""
        try:
            async with asyncio.timeout(self._request.deadline_s):
                return await self._context.connection.client.submit(submission_of(entry), self._take_path)
        except TimeoutError as error:
            limit = f"{self._request.deadline_s / 60:g} min"
            raise ResponseLost(f"the response to the submit was not complete within the deadline of {limit}") from error

    def _record_intent(self, intended: Intended) -> Entry:
        """Record the intention if the month's budget allows it; a rehearsal costs nothing."""
        month = None if is_loopback_url(intended.call.host) else self._context.month_budget
        try:
            return record_intent(self._context.ledger, intended, month)
        except AttemptExists as error:
            raise ProviderError(
                f"job {error} was just started by another process; run again", retryable=True
            ) from error

    async def _await_response(self, submit: asyncio.Task[Ticket | Done], entry: Entry) -> None:
        """Record the response to a submit in flight although the run is cancelled, so that it need not be recovered."""
        await asyncio.wait([submit], timeout=CANCEL_GRACE_S)
        if not submit.done():
            submit.cancel()
            return
        error = submit.exception()
        if isinstance(error, NoJob):
            await self._context.record_never_made(entry, error.message, proven=True)
        elif error is None and submit.result().request_id:
            await self._context.record_accepted(entry, submit.result().request_id)

    async def _upload_media(self, *, force: bool) -> tuple[StoredUpload, StoredUpload]:
        """Upload video and voice, unless they are uploaded already or `force` is set."""
        segment = self._request.segment
        voice = segment.voice or segment.media.file
        video = await self._upload(segment.media.file, 0, force)
        return video, video if voice == segment.media.file else await self._upload(voice, 1, force)

    async def _upload(self, file: File, number: int, force: bool) -> StoredUpload:
        path = await asyncio.to_thread(self._context.store.path, file)

        def report(share: float) -> None:
            self._progress(0.05 * (number + share))

        return await self._context.uploads.upload(file, path, report, force=force)

    def _intention(self, video: StoredUpload, audio: StoredUpload) -> Intended:
        request = self._request
        return Intended(
            at=self._context.clock.timestamp(),
            call=request.call,
            nonce=str(uuid4()),
            video_name=video.name,
            audio_name=audio.name,
            video_url=video.url,
            audio_url=audio.url,
            estimate_usd=request.estimate_usd,
            seconds=float(request.duration_s),
            run=self._context.run,
            project=self._context.project,
            segment=request.segment.name,
        )


def _may_exist(previous: Entry | None) -> bool:
    """Return whether the provider may know the previous attempt, or could not read its files: then upload again."""
    return previous is not None and not previous.proven_never_made
