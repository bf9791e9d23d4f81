"""Records of runs that tests draw: real small clips, and values made by hand."""

from __future__ import annotations

from pathlib import Path

from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.values import Media, Record, Segment, StepRecord, Take
from react1.pipeline.media.probe import probe


def adopted(context, path: Path) -> Media:
    """Put a clip into a room and probe it there."""
    file = context.add_external(path)
    return probe(context.path(file), file)


def segment_of(source: Media, start: int, end: int, name: str = "line", **changes) -> Segment:
    """Make a segment whose file is the source itself, with handles of four frames where there is room."""
    count = source.video.frame_count
    head, tail = min(4, start), min(4, count - end)
    known = {
        "name": name,
        "source": source,
        "edit": Edit.model_validate({"in": f"{start}f", "out": f"{end}f", "prompt": "happy"}),
        "start_frame": start,
        "end_frame": end,
        "head_frames": head,
        "tail_frames": tail,
        "media": source,
        "frames": tuple(range(count)),
    }
    return Segment(**(known | changes))


def take_of(segment: Segment, media: Media, **changes) -> Take:
    """Make a take of the local engine."""
    known = {
        "segment": segment,
        "media": media,
        "provider": "local",
        "request": {"video_url": "/home/someone/secret/seg.mp4", "prompt": "happy", "temperature": 0.7},
        "request_id": "local-1",
        "seconds": 2.5,
        "conformed": True,
        "metrics": {"conform": {"lag_frames": 0, "size_kept": True}},
    }
    return Take(**(known | changes))


def record_of(source: Media, film: Media | None, segments=(), takes=()) -> Record:
    """Make a record with a step for the film and one for each segment."""
    steps = [StepRecord(step="fetch", node="fetch", key="0", reused=True, seconds=0.1)]
    steps += [
        StepRecord(
            step="react1", node="react1", segment=segment.name, key="1", reused=False, seconds=2.5, makes_takes=True
        )
        for segment in segments
    ]
    return Record(
        run="run-1",
        preset="emotion-edit",
        source=source,
        segments=tuple(segments),
        takes=tuple(takes),
        film=film,
        steps=tuple(steps),
    )
