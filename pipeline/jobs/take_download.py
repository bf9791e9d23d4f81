"""Bring a finished take here: fetched within limits, decoded from end to end, and stored at once, since it expires.

Takes   the address that the host gave, or the file that its answer brought along.
Gives   the take in the store.
Raises  HostFailed when it cannot be fetched or is no video; it is paid for, so the job stays open and is tried again.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from ..core.errors import InputMediaError, ProviderError
from ..core.file import File
from ..core.node import NodeContext
from ..core.values import Media
from ..media.probe import probe, require_video
from ..media.sync_modes import plan
from ..media.transcode import length_s
from ..net.download import DownloadClient, download
from ..net.ssrf import Reach, open_guarded_client
from .request import Ask

MOST_BYTES = 4 << 30
TRIES = 2
"""Downloads of a file that does not decode; the second one may come whole."""
VOICE_HZ = 48_000
_HINT = "set REACT1_ALLOW_PRIVATE=1 if the host is your own"


def open_fetching(reach: Reach) -> DownloadClient:
    """Open a client that all takes of a host are fetched with: by https, from where takes may come."""
    return open_guarded_client(reach, https_only=True, hint=_HINT)


def fetch(context: NodeContext, address: str, client: DownloadClient, request_id: str) -> File:
    """Download a take and keep it."""
    why = ""
    for _ in range(TRIES):
        made = context.temp_path("take.mp4")
        try:
            download(address, made, max_bytes=MOST_BYTES, progress=context.progress, client=client)
        except (InputMediaError, ProviderError) as error:
            told = f"job {request_id} is finished and paid for, but its take cannot be fetched: {error.message}"
            raise ProviderError(told, request_id=request_id, retryable=True, billed=True) from error
        why = damage(made)
        if not why:
            return context.store(made)
        made.unlink(missing_ok=True)
    raise ProviderError(
        f"job {request_id} is finished and paid for, but its take cannot be used: {why}; run again to fetch it anew",
        request_id=request_id,
        retryable=True,
        billed=True,
    )


def keep_brought(context: NodeContext, made: Path, request_id: str) -> File:
    """Keep a take that came with the answer."""
    why = damage(made)
    if why:
        raise ProviderError(
            f"job {request_id or 'of v1'}: its take cannot be used: {why}", request_id=request_id, billed=True
        )
    return context.store(made)


def damage(path: Path) -> str:
    """Decode a file from end to end; say what is wrong with it, or nothing."""
    count = shown = promised = 0
    try:
        with av.open(f"file:{path}", metadata_errors="replace") as container:
            if not container.streams.video:
                return "it has no picture"
            promised = container.streams.video[0].frames
            container.streams.video[0].codec_context.thread_count = 1  # many takes are decoded side by side
            for packet in container.demux(container.streams.video[0]):
                count += packet.size > 0
                shown += len(packet.decode())
    except (av.FFmpegError, OSError) as error:
        return f"it breaks off after {count} frames ({getattr(error, 'strerror', None) or error})"
    if count < promised:  # packets: an edit list may hide some of the frames
        return f"it breaks off after {count} of {promised} frames"
    return "" if shown else "it has no frames"


def expected_s(ask: Ask) -> Fraction:
    """Give how long the take is by the sync mode; picture and voice are as long as each other."""
    video, voice = require_video(ask.segment.media), ask.segment.voice
    samples = round(ask.lasts_s * VOICE_HZ) if voice else None
    laid = plan(ask.parameters["sync_mode"], video.frame_count, samples, VOICE_HZ, video.rate)
    return len(laid.frames) / video.rate


def misfit(ask: Ask, take: Media) -> str:
    """Say by how much a take differs from the length that was asked for; empty where a frame or two is all."""
    video = require_video(take, "the take")
    want_s, got_s = expected_s(ask), length_s(video)
    if abs(got_s - want_s) <= 2 / require_video(ask.segment.media).rate:
        return ""
    return f"the take lasts {float(got_s):.2f} s, not {float(want_s):.2f} s"


def checked(context: NodeContext, file: File) -> Media:
    """Give what is in a take."""
    return probe(context.path(file), file, "the take")
