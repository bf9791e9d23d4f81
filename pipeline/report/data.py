"""What the record says, as JSON: the machine-readable half of the report.

Gives   plain JSON values: frames as integers, rates and seconds as exact text (`30000/1001`), times as clock text
        and, where the film carries one, as timecode. No local path, no signature of an address.
"""

from __future__ import annotations

import contextlib
import math
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

from ..core.times import Timecode, clock_text, frames_to_timecode, parse_time, timecode_to_frames
from ..core.values import Media, Record, Segment, StepRecord, Take

SCHEMA_VERSION = 1
Json = dict[str, Any]


def describe(record: Record, title: str) -> Json:
    """Give the whole record as JSON values."""
    takes = {take.segment.name: take for take in record.takes}
    known = {segment.name: segment for segment in record.segments}
    known |= {name: take.segment for name, take in takes.items()}
    known = {take.segment.name: take.segment for take in record.offered} | known
    segments = sorted(known.values(), key=lambda segment: segment.start_frame)
    told = {
        "schema_version": SCHEMA_VERSION,
        "title": title,
        "run": record.run,
        "preset": record.preset,
        "source": describe_media(record.source) if record.source else None,
        "film": describe_media(record.film) if record.film else None,
        "checks": film_checks(record.source, record.film),
        "figures": record.film.metrics if record.film else {},
        "said": list(record.film.notes) if record.film else [],
        "segments": [_with_takes(describe_segment(s, takes.get(s.name), record.steps), record) for s in segments],
        "steps": [_step(step) for step in record.steps],
        "cost_usd": round(sum(take.cost_usd for take in (*record.takes, *record.offered)), 6),
        "seconds": round(sum(step.seconds for step in record.steps), 3),
    }
    return {name: plain(value) for name, value in told.items()}


def plain(value: Any) -> Any:
    """Give a value that JSON has: a number that is not finite, such as the loudness of silence, becomes null."""
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def describe_media(media: Media) -> Json:
    """Give what a probe found that a reader of the report asks for."""
    video = media.video
    return {
        "sha256": media.file.digest,
        "size_bytes": media.file.size_bytes,
        "container": media.container,
        "duration_s": str(media.duration_s),
        "start_timecode": media.start_timecode,
        "video": {
            "codec": video.codec,
            "frames": video.frame_count,
            "rate": str(video.rate),
            "constant_rate": video.constant_rate,
            "shown_size_px": list(video.shown_size_px),
            "pix_fmt": video.pix_fmt,
            "hdr": video.is_hdr,
        }
        if video
        else None,
        "audio": [
            {"codec": a.codec, "channels": a.channels, "sample_rate_hz": a.sample_rate_hz, "language": a.language}
            for a in media.audio
        ],
    }


def describe_segment(segment: Segment, take: Take | None, steps: tuple[StepRecord, ...]) -> Json:
    """Give one segment with its take, as far as it came."""
    own = [step for step in steps if step.segment == segment.name]
    figures = dict(segment.metrics) | (take.metrics if take else {})
    said = list(dict.fromkeys((*segment.notes, *(take.notes if take else ()))))
    return {
        "name": segment.name,
        "start_frame": segment.start_frame,
        "end_frame": segment.end_frame,
        "head_frames": segment.head_frames,
        "tail_frames": segment.tail_frames,
        "start": moment(segment.source, segment.start_frame),
        "end": moment(segment.source, segment.end_frame),
        "status": take.status if take else "prepared",
        "provider": take.provider if take else "",
        "request": safe_request(take.request) if take else {},
        "request_id": take.request_id if take else "",
        "cost_usd": take.cost_usd if take else 0.0,
        "provider_seconds": take.seconds if take else 0.0,
        "reused": any(step.reused for step in own if step.node == "react1"),
        "figures": figures,
        "said": said,
        "steps": [_step(step) for step in own],
        "size_bytes": {"segment": segment.media.file.size_bytes, "take": take.media.file.size_bytes if take else 0},
    }


def _with_takes(told: Json, record: Record) -> Json:
    """Add the takes of which one is to be chosen."""
    offered = [take for take in record.offered if take.segment.name == told["name"]]
    if not offered:
        return told
    reused = {one.take: one.reused for one in record.steps if one.segment == told["name"] and one.node == "react1"}
    takes = [
        {
            "number": number,
            "name": take.name,
            "status": take.status,
            "provider": take.provider,
            "request": safe_request(take.request),
            "request_id": take.request_id,
            "cost_usd": take.cost_usd,
            "provider_seconds": take.seconds,
            "reused": reused.get(take.name, False),
            "figures": take.metrics,
            "said": list(take.notes),
        }
        for number, take in enumerate(offered, 1)
    ]
    said = dict.fromkeys((*told["said"], *(line for take in offered if take.status == "done" for line in take.notes)))
    return told | {
        "status": "choose",
        "provider": offered[0].provider,
        "provider_seconds": round(sum(take.seconds for take in offered), 3),
        "cost_usd": round(sum(take.cost_usd for take in offered), 6),
        "reused": all(take["reused"] for take in takes),
        "said": list(said),
        "takes": takes,
    }


def seconds_at(media: Media, frame: int) -> Fraction:
    """Give when a frame is shown, in seconds from what a player calls zero; the film's end for the frame after it."""
    if media.video is None:
        return Fraction(0)
    stamps = media.video.timestamps
    at = int(stamps.array[frame]) if frame < stamps.count else stamps.end
    return at * media.video.time_base - media.start_s


def moment(media: Media, frame: int) -> dict[str, str]:
    """Give a frame's place as clock text and, where the film carries one that exists at its rate, as timecode."""
    place = {"clock": clock_text(max(Fraction(0), seconds_at(media, frame)))}
    if media.start_timecode and media.video is not None:
        with contextlib.suppress(ValueError):
            first = parse_time(media.start_timecode)
            if isinstance(first, Timecode):
                count = timecode_to_frames(first, media.video.rate) + frame
                place["timecode"] = str(frames_to_timecode(count, media.video.rate, drop=first.drop))
    return place


def film_checks(source: Media | None, film: Media | None) -> dict[str, bool]:
    """Compare the finished film with its source, by what the probes of both found."""
    if source is None or film is None or source.video is None or film.video is None:
        return {}
    before, after = source.video, film.video
    times = [int(t) * before.time_base - source.start_s for t in before.timestamps.array]
    now = [int(t) * after.time_base - film.start_s for t in after.timestamps.array]
    return {
        "same frame count": before.frame_count == after.frame_count,
        "same frame times": times == now,
        "same shown size": before.shown_size_px == after.shown_size_px,
        "same number of sound tracks": len(source.audio) == len(film.audio),
    }


def safe_request(request: Json) -> Json:
    """Give a request without what signs or locates its addresses: no query, no user, no local folder."""
    return {name: _safe(value) if name.endswith("_url") else value for name, value in request.items()}


def _safe(address: Any) -> str:
    parts = urlsplit(str(address))
    if parts.scheme in ("http", "https"):
        return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
    if parts.scheme == "data":
        return f"data:{parts.path.split(';')[0].split(',')[0]}"
    return parts.path.replace("\\", "/").rsplit("/", 1)[-1]


def _step(step: StepRecord) -> Json:
    return {
        "step": step.step,
        "node": step.node,
        "segment": step.segment,
        "take": step.take,
        "reused": step.reused,
        "seconds": round(step.seconds, 3),
        "key": step.key,
    }
