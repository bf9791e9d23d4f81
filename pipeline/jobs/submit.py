"""Send a call, once: upload, ask the host's price, write the intention down, POST, and write down the answer.

Takes   an ask, and the attempt before it, if any.
Gives   the entry, and what the host made of the call; None where the answer was lost (the entry is unknown then).
Raises  NoJob: the host has made none (the entry is void); OverBudget, HostFailed, StorageFailed: nothing was sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from ..core.errors import ProviderError
from ..core.file import File
from ..providers.contract import AnswerLost, Done, Found, NoJob, Ticket
from ..storage.upload_storage import Stored
from . import ledger_entry as notes
from .context import Tools
from .ledger import Taken
from .ledger_entry import Entry
from .recover import order_for, order_of
from .request import Ask

LAST_WORD_S = 15.0
"""How long a submit that is under way is waited for when the run is stopped."""


class Sender:
    """The way of one call to its host."""

    def __init__(self, ask: Ask, tools: Tools, progress: Callable[[float], None], into: Path) -> None:
        """Nothing is sent yet; `into` is a file for a take that an answer brings along."""
        self._ask, self._tools, self._progress, self._into = ask, tools, progress, into

    async def send(self, before: Entry | None) -> tuple[Entry, Found | None]:
        """Upload, write the intention down, and send."""
        self._tools.may_spend(self._ask.estimate_usd)
        told = self._intention(*await self._uploaded(fresh=_might_be_there(before)))
        quote = await self._tools.line.client.quote(order_for(told))
        if quote is not None:
            told = told.model_copy(update={"estimate_usd": quote})
        self._tools.may_spend(told.estimate_usd)
        entry = await asyncio.to_thread(self._begun, told)
        submit = asyncio.create_task(self._tools.line.client.submit(order_of(entry), self._into))
        try:
            return entry, await asyncio.shield(submit)
        except asyncio.CancelledError:
            await self._last_word(submit, entry)
            raise
        except NoJob as error:
            await self._tools.void(entry, error.message, proven=True)
            raise
        except AnswerLost as error:
            return await self._tools.unknown(entry, error.message), None

    def _begun(self, told: notes.Intended) -> Entry:
        try:
            return self._tools.ledger.intend(told)
        except Taken as error:
            raise ProviderError(
                f"job {error} was begun by another process just now; run again", retryable=True
            ) from error

    async def _last_word(self, submit: asyncio.Task[Ticket | Done], entry: Entry) -> None:
        """The run is stopped while the call is on the wire: hear the answer, so that nobody has to look for it."""
        await asyncio.wait([submit], timeout=LAST_WORD_S)
        if not submit.done():
            submit.cancel()
            return
        error = submit.exception()
        if isinstance(error, NoJob):
            await self._tools.void(entry, error.message, proven=True)
        elif error is None and submit.result().request_id:
            await self._tools.accepted(entry, submit.result().request_id)

    async def _uploaded(self, *, fresh: bool) -> tuple[Stored, Stored]:
        """Send picture and voice, where they are not there already."""
        segment = self._ask.segment
        voice = segment.voice or segment.media.file
        video = await self._file(segment.media.file, 0, fresh)
        return video, video if voice == segment.media.file else await self._file(voice, 1, fresh)

    async def _file(self, file: File, number: int, fresh: bool) -> Stored:
        path = await asyncio.to_thread(self._tools.store.path, file)

        def moved(share: float) -> None:
            self._progress(0.05 * (number + share))

        return await self._tools.uploads.send(file, path, moved, fresh=fresh)

    def _intention(self, video: Stored, audio: Stored) -> notes.Intended:
        ask = self._ask
        return notes.Intended(
            at=self._tools.clock.stamp(),
            call=ask.call,
            nonce=str(uuid4()),
            video_name=video.name,
            audio_name=audio.name,
            video_url=video.address,
            audio_url=audio.address,
            estimate_usd=ask.estimate_usd,
            seconds=float(ask.lasts_s),
            run=self._tools.run,
            segment=ask.segment.name,
        )


def _might_be_there(before: Entry | None) -> bool:
    """Tell whether the host may know an earlier attempt, or could not read its files: then they are sent anew."""
    return before is not None and not before.proven_void
