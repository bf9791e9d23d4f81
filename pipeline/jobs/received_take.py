"""A take of the store, as the steps after the model get it."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import ProviderError
from ..core.values import Media, Take
from ..media.probe import require_video
from ..media.transcode import length_s
from .ledger_entry import Done, Entry
from .request import Ask
from .take_download import expected_s, misfit

MOST_OFF_S = 1.0
MOST_OFF_SHARE = 0.1
"""A take that is off by more than both is none that conform could explain."""


@dataclass(frozen=True)
class Made:
    """A take, and what this run has to do with it."""

    take: Take
    new: bool
    """Whether this run has brought it here."""
    sent: bool = False
    """Whether this run has made the call."""


def take_of(ask: Ask, entry: Entry, done: Done, media: Media, *, new: bool, sent: bool) -> Made:
    """Build the take.

    Raises:
        HostFailed: it has not the length that was asked for; it stays stored.
    """
    note = misfit(ask, media)
    _fits(ask, entry, media, note)
    request = {"video_url": ask.upload.video_url, "audio_url": ask.upload.audio_url, **ask.parameters}
    intended = entry.intended
    figures = {
        **done.details,
        "job": entry.id,
        "cost_known": done.cost_known,
        "estimate_usd": intended.estimate_usd if intended else None,
    }
    take = Take(
        segment=ask.segment,
        media=media,
        provider=ask.provider.name,
        request=request,
        request_id=done.request_id or entry.request_id,
        cost_usd=done.cost_usd,
        seconds=done.seconds,
        metrics={"react1": figures},
        notes=tuple(filter(None, (note, _rehearsed(ask)))),
    )
    return Made(take, new, sent)


def _rehearsed(ask: Ask) -> str:
    """Say so where a server on this machine stood in for the host."""
    return (
        f"made by the server at {ask.provider.host}, a rehearsal: not React-1"
        if ask.provider.settings.rehearsal
        else ""
    )


def _fits(ask: Ask, entry: Entry, media: Media, note: str) -> None:
    want_s = float(expected_s(ask))
    off_s = abs(float(length_s(require_video(media))) - want_s)
    if off_s > MOST_OFF_S and off_s > MOST_OFF_SHARE * want_s:
        raise ProviderError(
            f"job {entry.id}: {note}; the take is paid for and stays stored: see `react1 jobs show {entry.id}`, "
            f"or pay for another one with `react1 jobs settle {entry.id} --resubmit`",
            request_id=entry.request_id,
            billed=True,
        )
