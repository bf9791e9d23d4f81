"""Download a finished take, decode it completely, store it, and check its length.

A take that cannot be downloaded or decoded raises ProviderError. It is paid for, so the job stays open and the next
run tries again.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import stamina

from ..core.errors import InputMediaError, ProviderError
from ..core.file import File
from ..core.nodes.node import NodeContext
from ..core.values import Media, Take
from ..media.frames.film_readers import open_input
from ..media.probe import probe, require_video
from ..media.timing.sync_modes import plan_output
from ..media.transcode import video_duration_s
from ..net.api_client import Redact, no_redaction
from ..net.download import DownloadClient, download
from ..net.guarded_client import open_guarded_client
from ..net.url import NetworkPolicy
from .ledger_entry import JOB_METRICS, Done, Entry
from .request import JobRequest

MAX_TAKE_BYTES = 4 << 30
TAKE_LIMIT_S = 1500.0
"""How long the download of a take may take; a later run starts it again."""
MAX_DOWNLOAD_ATTEMPTS = 2
"""Downloads of a file that does not decode; the second one may be complete."""
VOICE_HZ = 48_000
MAX_LENGTH_ERROR_S = 1.0
MAX_LENGTH_ERROR_SHARE = 0.1
"""Takes whose length differs by more than both limits are rejected."""
_HINT = "set REACT1_ALLOW_PRIVATE=1 if the provider is your own"


@dataclass(frozen=True)
class JobResult:
    """A take, and what this run did for it."""

    take: Take
    new: bool
    """Whether this run downloaded it."""


class DamagedTake(Exception):
    """A downloaded take does not decode completely."""


def open_download_client(policy: NetworkPolicy) -> DownloadClient:
    """Return a client for the takes of a provider: https only, and only from networks that the policy allows."""
    return open_guarded_client(policy, https_only=True, hint=_HINT)


def fetch_take(
    context: NodeContext, url: str, client: DownloadClient, request_id: str, redact: Redact = no_redaction
) -> File:
    """Download a take and store it; `redact` removes the key from messages, in case the URL contains it.

    Raises:
        ProviderError: it cannot be downloaded, or does not decode; `retryable` if nothing speaks against another try.
    """
    # No waits: `download` has its own, and a damaged file is downloaded again at once.
    retry = stamina.RetryingCaller(attempts=MAX_DOWNLOAD_ATTEMPTS, timeout=None, wait_initial=0, wait_max=0)
    try:
        path = retry(DamagedTake, _download_take, context, url, client)
    except (InputMediaError, ProviderError) as error:
        message = f"job {request_id} is finished and paid for, but its take cannot be downloaded: "
        message += redact(error.message)
        retryable = isinstance(error, ProviderError) and error.retryable
        raise ProviderError(message, request_id=request_id, retryable=retryable, billed=True) from error
    except DamagedTake as error:
        message = f"job {request_id} is finished and paid for, but its take is damaged: {error}"
        raise ProviderError(message, request_id=request_id, billed=True) from error
    return context.store(path)


def _download_take(context: NodeContext, url: str, client: DownloadClient) -> Path:
    path = context.temp_path("take.mp4")
    download(url, path, max_bytes=MAX_TAKE_BYTES, progress=context.progress, client=client, limit_s=TAKE_LIMIT_S)
    damage = find_damage(path)
    if damage:
        path.unlink(missing_ok=True)
        raise DamagedTake(damage)
    return path


def store_response_file(context: NodeContext, path: Path, request_id: str) -> File:
    """Store a take that was in the response to the submit.

    Raises:
        ProviderError: it does not decode.
    """
    damage = find_damage(path)
    if damage:
        job = request_id or "of v1"
        raise ProviderError(f"job {job}: its take is damaged: {damage}", request_id=request_id, billed=True)
    return context.store(path)


def find_damage(path: Path) -> str:
    """Decode a file completely; return what is wrong with it, or ""."""
    packets = frames = announced = 0
    try:
        with open_input(path) as container:
            if not container.streams.video:
                return "it has no video stream"
            announced = container.streams.video[0].frames
            container.streams.video[0].codec_context.thread_count = 1  # many takes are decoded at the same time
            for packet in container.demux(container.streams.video[0]):
                packets += packet.size > 0
                frames += len(packet.decode())
    except (av.FFmpegError, OSError) as error:
        return f"it is truncated after {packets} frames ({getattr(error, 'strerror', None) or error})"
    if packets < announced:  # not frames: an edit list may hide some of them
        return f"it is truncated after {packets} of {announced} frames"
    return "" if frames else "it has no frames"


def expected_duration_s(request: JobRequest) -> Fraction:
    """Return how long the take must be by the sync mode."""
    video, voice = require_video(request.segment.media), request.segment.voice
    samples = round(request.duration_s * VOICE_HZ) if voice else None
    plan = plan_output(request.parameters["sync_mode"], video.frame_count, samples, VOICE_HZ, video.rate)
    return len(plan.frames) / video.rate


def describe_length_difference(request: JobRequest, media: Media) -> str:
    """Return by how much a take's length differs from the requested one; "" if it is two frames or less."""
    expected_s, actual_s = expected_duration_s(request), video_duration_s(require_video(media, "the take"))
    if abs(actual_s - expected_s) <= 2 / require_video(request.segment.media).rate:
        return ""
    return f"the take lasts {float(actual_s):.2f} s, not {float(expected_s):.2f} s"


def probe_take(context: NodeContext, file: File) -> Media:
    """Return the streams of a stored take."""
    return probe(context.path(file), file, "the take")


def build_take(request: JobRequest, entry: Entry, done: Done, media: Media, *, new: bool) -> JobResult:
    """Build the take of a finished job.

    Raises:
        ProviderError: its length is wrong; it stays stored.
    """
    difference = describe_length_difference(request, media)
    _check_length(request, entry, media, difference)
    metrics = {
        **done.details,
        "job": entry.id,
        "cost_known": done.cost_known,
        "estimate_usd": entry.intended.estimate_usd if entry.intended else None,
    }
    upload = request.upload
    take = Take(
        segment=request.segment,
        media=media,
        provider=request.provider.name,
        request={"video_url": upload.video_url, "audio_url": upload.audio_url, **request.parameters},
        request_id=done.request_id or entry.request_id,
        cost_usd=done.cost_usd,
        seconds=done.seconds,
        metrics={JOB_METRICS: metrics},
        notes=tuple(filter(None, (difference, _rehearsal_note(request)))),
    )
    return JobResult(take, new)


def _rehearsal_note(request: JobRequest) -> str:
    if not request.provider.settings.is_local_server:
        return ""
    return f"made by the server at {request.provider.base_url}, a rehearsal: not React-1"


def _check_length(request: JobRequest, entry: Entry, media: Media, difference: str) -> None:
    expected_s = float(expected_duration_s(request))
    error_s = abs(float(video_duration_s(require_video(media))) - expected_s)
    if error_s > MAX_LENGTH_ERROR_S and error_s > MAX_LENGTH_ERROR_SHARE * expected_s:
        raise ProviderError(
            f"job {entry.id}: {difference}; the take is paid for and stays stored: see `react1 jobs show {entry.id}`, "
            f"or pay for another one with `react1 jobs settle {entry.id} --resubmit`",
            request_id=entry.request_id,
            billed=True,
        )
