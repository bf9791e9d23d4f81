"""The content of report.json: the run's record as plain JSON values.

Frames are integers, rates and seconds exact text (`30000/1001`), positions clock text and, if the film has one,
timecode. It contains no local path and no URL signature.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

from ..core.times import clock_text
from ..core.values import Media, Record, Segment, StepRecord, Take
from ..media.timing.clock import frame_time_s, frame_timecode

SCHEMA_VERSION = 1
Json = dict[str, Any]


def describe(record: Record, title: str) -> Json:
    """Return the complete record as JSON values."""
    takes = {take.segment.name: take for take in record.takes}
    by_name = {take.segment.name: take.segment for take in record.offered}
    by_name |= {segment.name: segment for segment in record.segments}
    by_name |= {name: take.segment for name, take in takes.items()}
    segments = sorted(by_name.values(), key=lambda segment: segment.start_frame)
    content = {
        "schema_version": SCHEMA_VERSION,
        "title": title,
        "run": record.run,
        "preset": record.preset,
        "source": describe_media(record.source) if record.source else None,
        "film": describe_media(record.film) if record.film else None,
        "checks": film_checks(record.source, record.film),
        "figures": record.film.metrics if record.film else {},
        "said": list(record.film.notes) if record.film else [],
        "segments": [
            _with_takes(describe_segment(segment, takes.get(segment.name), record.steps), record)
            for segment in segments
        ],
        "steps": [_step(step) for step in record.steps],
        "cost_usd": round(sum(take.cost_usd for take in (*record.takes, *record.offered)), 6),
        "seconds": round(sum(step.seconds for step in record.steps), 3),
    }
    return {name: json_value(value) for name, value in content.items()}


def json_value(value: Any) -> Any:
    """Convert a value to valid JSON: a number that is not finite, such as the loudness of silence, becomes null."""
    if isinstance(value, dict):
        return {str(name): json_value(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def describe_media(media: Media) -> Json:
    """Return the probed properties that matter to a reader of the report."""
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
            {
                "codec": audio.codec,
                "channels": audio.channels,
                "sample_rate_hz": audio.sample_rate_hz,
                "language": audio.language,
            }
            for audio in media.audio
        ],
    }


def describe_segment(segment: Segment, take: Take | None, steps: tuple[StepRecord, ...]) -> Json:
    """Return one segment with its take, if there is one."""
    own_steps = [step for step in steps if step.segment == segment.name]
    metrics = dict(segment.metrics) | (take.metrics if take else {})
    notes = list(dict.fromkeys((*segment.notes, *(take.notes if take else ()))))
    return {
        "name": segment.name,
        "start_frame": segment.start_frame,
        "end_frame": segment.end_frame,
        "face": segment.faces.text if segment.faces else None,
        "faces": [shot.model_dump(mode="json") for shot in segment.faces.shots] if segment.faces else [],
        "crop": segment.crop.text if segment.crop else None,
        "head_frames": segment.head_frames,
        "tail_frames": segment.tail_frames,
        "start": frame_position(segment.source, segment.start_frame),
        "end": frame_position(segment.source, segment.end_frame),
        "status": take.status if take else "prepared",
        "provider": take.provider if take else "",
        "request": redact_request(take.request) if take else {},
        "request_id": take.request_id if take else "",
        "cost_usd": take.cost_usd if take else 0.0,
        "provider_seconds": take.seconds if take else 0.0,
        "reused": any(step.reused for step in own_steps if step.makes_takes),
        "figures": metrics,
        "said": notes,
        "consent": segment.edit.consent.to_record() if segment.edit.consent else None,
        "steps": [_step(step) for step in own_steps],
        "size_bytes": {"segment": segment.media.file.size_bytes, "take": take.media.file.size_bytes if take else 0},
    }


def _with_takes(segment: Json, record: Record) -> Json:
    """Add the takes of a segment to choose from."""
    offered = [take for take in record.offered if take.segment.name == segment["name"]]
    if not offered:
        return segment
    reused = {step.take: step.reused for step in record.steps if step.segment == segment["name"] and step.makes_takes}
    takes = [
        {
            "number": number,
            "name": take.name,
            "status": take.status,
            "provider": take.provider,
            "request": redact_request(take.request),
            "request_id": take.request_id,
            "cost_usd": take.cost_usd,
            "provider_seconds": take.seconds,
            "reused": reused.get(take.name, False),
            "figures": take.metrics,
            "said": list(take.notes),
        }
        for number, take in enumerate(offered, 1)
    ]
    take_notes = [note for take in offered if take.status == "done" for note in take.notes]
    return segment | {
        "status": "choose",
        "provider": offered[0].provider,
        "provider_seconds": round(sum(take.seconds for take in offered), 3),
        "cost_usd": round(sum(take.cost_usd for take in offered), 6),
        "reused": all(take["reused"] for take in takes),
        "said": list(dict.fromkeys((*segment["said"], *take_notes))),
        "takes": takes,
    }


def frame_position(media: Media, frame: int) -> dict[str, str]:
    """Return a frame's position as clock text and, if the film has a timecode that exists at its rate, as timecode."""
    time_s = frame_time_s(media, frame) if media.video is not None else Fraction(0)
    position = {"clock": clock_text(max(Fraction(0), time_s))}
    timecode = frame_timecode(media, frame)
    return position if timecode is None else {**position, "timecode": str(timecode)}


def film_checks(source: Media | None, film: Media | None) -> dict[str, bool]:
    """Compare the probed properties of the finished film with those of its source."""
    if source is None or film is None or source.video is None or film.video is None:
        return {}
    source_video, film_video = source.video, film.video
    return {
        "same frame count": source_video.frame_count == film_video.frame_count,
        "same frame times": _times(source) == _times(film),
        "same shown size": source_video.shown_size_px == film_video.shown_size_px,
        "same number of sound tracks": len(source.audio) == len(film.audio),
    }


def _times(media: Media) -> list[tuple[Fraction, Fraction, int]]:
    """Return when the frames of a film are shown: runs of constant spacing, each as the first time, the spacing, count.

    Runs are as long as they can be, so films with the same times have the same runs in whatever time base.
    """
    assert media.video is not None
    base = media.video.time_base
    return [(first * base - media.start_s, step * base, count) for first, step, count in media.video.timestamps.runs]


def redact_request(request: Json) -> Json:
    """Return a request without URL queries, user names and local folders."""
    return {name: _redact(value) if name.endswith("_url") else value for name, value in request.items()}


def _redact(url: Any) -> str:
    parts = urlsplit(str(url))
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
