"""Conform a take to the source's exact frames: measure it, correct it, and composite its changes onto the plate.

A take may have any size, rate and frame count. The result has one frame per source frame of the span and its handles,
in the source's coded size, pixel format and colors, losslessly encoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame

from ..core.edits.choices import CompositeMode
from ..core.edits.face_choice import strength_curve
from ..core.errors import ProviderError
from ..core.nodes.node import NodeContext
from ..core.values import Segment, Take, VideoStream
from ..media.frames.decode import exact_frames, turn_coded
from ..media.frames.reformat import reformat
from ..splicing.encoders import EncoderSettings, pixel_formats
from ..splicing.pictures.planes import (
    Plane,
    frame_from_planes,
    plane_views,
    resize_mask,
    to_coded_planes,
    working_format,
)
from ..splicing.reencode import encode
from .align import Alignment
from .changed_region import TrackedRegion, track_largest_change
from .composite import Change, Mask, MaskSmoother, composite, find_change, without_noise
from .crop_space import crop_planes, to_picture
from .face_motion import find_moved_faces
from .frame_pairs import ForwardReader, SentAndTake, is_padded, nearest_positions
from .levels import LevelTransfer
from .placement import NO_CORRECTIONS, Corrections, measure_corrections
from .strength import MovedFace, partial_take, require_opencv

_REFIT_FRAMES = 25


@dataclass(frozen=True)
class ConformResult:
    """The conformed pictures, not yet stored, the measurements, and notes for the user."""

    path: Path
    metrics: dict[str, Any]
    notes: tuple[str, ...]
    unchanged: bool = False
    """Whether nothing of the take is used, because its strength is 0 in every frame."""


@dataclass
class _ChangedShare:
    """The mean share of a frame that the take changed."""

    total: float = 0.0
    frames: int = 0
    full_frames: int = 0

    def add(self, share: float) -> None:
        self.total, self.frames = self.total + share, self.frames + 1
        self.full_frames += share > 0.99

    @property
    def mean_share(self) -> float:
        return round(self.total / max(self.frames, 1), 4)


@dataclass
class _ConformJob:
    """What the passes over a take share."""

    segment: Segment
    source: VideoStream
    source_path: Path
    films: SentAndTake
    mode: CompositeMode
    pix_fmt: str
    strengths: Sequence[float] = ()
    """How much of the take is used in each frame of the span and its handles, 0 to 1."""
    moved_faces: Sequence[Sequence[MovedFace]] = ()
    """The faces of each frame in what was sent and in the take, where a part of the take is used."""
    corrections: Corrections = NO_CORRECTIONS
    face: TrackedRegion | None = None
    changed: _ChangedShare = field(default_factory=_ChangedShare)
    smoother: MaskSmoother = field(default_factory=MaskSmoother)

    def corrected(self, sent: VideoFrame, taken: VideoFrame) -> tuple[list[Plane], list[Plane]]:
        """Return the planes of a frame that was sent, and those of the take's, corrected."""
        sent_planes = plane_views(sent)
        return sent_planes, self.corrections.undo(sent_planes, plane_views(taken))


def conform(context: NodeContext, take: Take, mode: CompositeMode = "auto") -> ConformResult:
    """Conform a take.

    Raises:
        ProviderError: the take does not show what was sent, or has no counterpart for too many frames.
    """
    job = _open_job(context, take, mode)
    take_video = take.media.video
    assert take_video is not None
    sent_small, take_small = job.films.thumbnails()
    alignment, job.corrections = measure_corrections(job.films, sent_small, take_small, take_video.rate)
    if mode == "face":
        pairs = job.corrections.apply_to_thumbnails(job.films, sent_small, take_small, alignment)
        job.face = track_largest_change(*pairs, job.films.cell_aspect)
    if any(0 < strength < 1 for strength in job.strengths):
        corrected = (job.corrected(sent, taken) for _, _, sent, taken in _frame_pairs(job, alignment))
        job.moved_faces = find_moved_faces(corrected, float(job.source.rate))
    settings = lossless_settings(job.pix_fmt)
    target = context.temp_path("conformed" + (".mov" if settings.encoder == "libx264" else ".mkv"))
    coded_as = job.source.model_copy(update={"pix_fmt": job.pix_fmt})
    first, last = job.segment.first_frame, job.segment.last_frame
    times = job.source.timestamps.array[first:last]

    def report(count: int) -> None:
        context.progress(min(1.0, count / max(1, last - first)))

    encode(_composite_frames(job, alignment), target, coded_as, settings, report, times - times[0])
    notes = describe_corrections(
        job.segment,
        alignment,
        shifted=not all(line.is_trivial for line in job.corrections.lines),
        moved=not job.corrections.placement.is_trivial,
        full_frames=job.changed.full_frames if mode != "frame" else 0,
        other_count=job.face.other_count if job.face else 0,
        nothing=mode != "frame" and any(job.strengths) and not job.changed.total,
    )
    unused = not any(job.strengths)
    return ConformResult(target, _metrics(job, take, alignment, len(take_small)), notes, unchanged=unused)


def _open_job(context: NodeContext, take: Take, mode: CompositeMode) -> _ConformJob:
    segment, name = take.segment, take.segment.name
    source, sent, take_video = segment.source.video, segment.media.video, take.media.video
    assert source is not None and sent is not None
    if take_video is None:
        raise ProviderError(f"the take of {name} has no picture")
    padded = is_padded(take_video, sent, name)
    return _ConformJob(
        segment=segment,
        source=source,
        source_path=context.path(segment.source.file),
        films=SentAndTake(name, context.path(segment.media.file), sent, context.path(take.media.file), padded),
        mode=mode,
        pix_fmt=working_format(source.pix_fmt),
        strengths=_strengths(segment, source),
    )


def _strengths(segment: Segment, source: VideoStream) -> list[float]:
    start = int(source.timestamps.array[segment.edit_span[0]])
    times = source.timestamps.array[segment.first_frame : segment.last_frame].tolist()
    strengths = strength_curve(segment.edit.strength, [(time - start) * source.time_base for time in times])
    if any(0 < strength < 1 for strength in strengths):
        require_opencv()
    return strengths


def _composite_frames(job: _ConformJob, alignment: Alignment) -> Iterator[tuple[VideoFrame, int]]:
    """Yield the finished frames, numbered from the first of the span and its handles."""
    segment = job.segment
    pairs = _frame_pairs(job, alignment)
    transfer = LevelTransfer(job.source, job.pix_fmt)
    for index, plate in exact_frames(job.source_path, job.source, segment.first_frame, segment.last_frame):
        position, match, sent, taken = next(pairs)
        number = index - segment.first_frame
        base = reformat(plate, pix_fmt=job.pix_fmt)
        sent_planes, corrected = job.corrected(sent, taken)
        parts = _composite_frame(job, transfer, plane_views(base), sent_planes, corrected, number, position, match)
        yield frame_from_planes(parts, job.pix_fmt), number


def _composite_frame(
    job: _ConformJob,
    transfer: LevelTransfer,
    plate: list[Plane],
    sent: list[Plane],
    corrected: list[Plane],
    number: int,
    position: int,
    match: int,
) -> list[Plane]:
    strength = job.strengths[number]
    if strength <= 0:
        job.changed.add(0.0)
        return plate
    change = None if job.mode == "frame" else find_change(sent, corrected, allow_full=job.face is None)
    mask = _frame_mask(job, change, position)
    job.changed.add(float((mask > 0.02).mean()))
    if not mask.any():
        return plate
    used = corrected if change is None else without_noise(sent, corrected, change)
    used = partial_take(sent, used, mask, strength, job.moved_faces[number] if job.moved_faces else ())
    inside = None
    if job.segment.crop is not None:
        shown = to_picture(job.segment.crop, match, sent, used, mask)
        sent, used, mask = shown.sent, shown.taken, shown.mask
        inside = turn_coded(shown.inside.astype(np.float32), job.source)
    take_coded = to_coded_planes(used, job.source, job.pix_fmt)
    if job.mode == "frame" and inside is None and not job.source.is_hdr:
        return take_coded
    sent_coded = to_coded_planes(sent, job.source, job.pix_fmt)
    if number % _REFIT_FRAMES == 0 or not transfer.ready:
        transfer.fit(*(part if inside is None else crop_planes(part, inside) for part in (plate, sent_coded)))
    return composite(plate, sent_coded, take_coded, turn_coded(mask, job.source), transfer)


def _frame_mask(job: _ConformJob, change: Change | None, position: int) -> Mask:
    """Return which part of a frame is used of the take, 0 to 1."""
    if change is None:
        return np.ones((2, 2), np.float32)
    mask = change.mask
    if job.face is not None:
        mask = mask * resize_mask(job.face.mask[position], (mask.shape[0], mask.shape[1]))
    return job.smoother.smooth(mask)


def _frame_pairs(job: _ConformJob, alignment: Alignment) -> Iterator[tuple[int, int, VideoFrame, VideoFrame]]:
    """Yield for each source frame: its position among those sent, the matching one with its number, and the take's."""
    sent, taken = ForwardReader(job.films.sent()), ForwardReader(job.films.taken())
    for position in nearest_positions(job.segment.frames, job.segment.first_frame, job.segment.last_frame):
        match = alignment.matched_index[position]
        yield position, match, sent.at(match), taken.at(alignment.take_index[position])


def lossless_settings(pix_fmt: str) -> EncoderSettings:
    """Return a lossless encoder for a pixel format."""
    if pix_fmt in ("yuv420p", "yuvj420p", "yuv422p", "yuv444p") and pix_fmt in pixel_formats("libx264"):
        params = "bframes=0:keyint=50"
        return EncoderSettings("libx264", pix_fmt, {"preset": "ultrafast", "qp": "0", "x264-params": params})
    plain = pix_fmt.replace("yuvj", "yuv")
    return EncoderSettings("ffv1", plain, {"level": "3", "slices": "4", "g": "1"})


def _metrics(job: _ConformJob, take: Take, alignment: Alignment, take_frames: int) -> dict[str, Any]:
    video = take.media.video
    assert video is not None
    placement = job.corrections.placement
    unseen = set(range(job.segment.first_frame, job.segment.last_frame)) - set(job.segment.frames)
    return {
        "frames_given": take_frames,
        "frames_expected": len(job.segment.frames),
        "lag_frames": alignment.lag_frames,
        "missing": alignment.missing,
        "surplus": alignment.surplus,
        "doubled": alignment.doubled,
        "resampled": alignment.resampled,
        "rate_given": str(video.rate),
        "size_given": f"{video.width_px}x{video.height_px}",
        "size_sent": f"{job.films.sent_video.width_px}x{job.films.sent_video.height_px}",
        "placement": [[round(line.gain, 4), round(line.offset, 2)] for line in (placement.x, placement.y)],
        "composite": job.mode,
        "other_places": job.face.other_count if job.face else None,
        "color_shift": [[round(line.gain, 4), round(line.offset, 2)] for line in job.corrections.lines],
        "likeness": round(alignment.similarity, 4),
        "touched_share": job.changed.mean_share,
        "whole_frames": job.changed.full_frames,
        "unseen_frames": len(unseen),
        "strength": [round(min(job.strengths), 4), round(max(job.strengths), 4)],
        "crop": None if job.segment.crop is None else job.segment.crop.side_px,
        "frames": job.segment.last_frame - job.segment.first_frame,
    }


def describe_corrections(
    segment: Segment,
    alignment: Alignment,
    *,
    shifted: bool,
    moved: bool = False,
    full_frames: int = 0,
    other_count: int = 0,
    nothing: bool = False,
) -> tuple[str, ...]:
    """Return notes for the user on what was wrong with a take and what was done about it."""
    places = f"{other_count} other place" + ("s" if other_count > 1 else "")
    unsent = segment.last_frame - segment.first_frame - len(set(segment.frames))
    descriptions = (
        (alignment.lag_frames, f"was {alignment.lag_frames} frame(s) late: shifted back"),
        (alignment.missing, f"lacked {alignment.missing} frame(s): the nearest frame was repeated"),
        (alignment.surplus, f"had {alignment.surplus} frame(s) too many: dropped"),
        (alignment.doubled, f"showed {alignment.doubled} frame(s) twice: left out where it had too many"),
        (alignment.resampled, "came at another rate: the nearest frame in time was used"),
        (shifted, "had other levels or colors: corrected by what should not have changed"),
        (moved, "was moved, cropped or scaled: moved back"),
        (other_count, f"changed {places} too: left as in the source, since only the face is used"),
        (nothing, "changes nothing that its own coding noise does not hide: the film stays as it is there"),
        (full_frames, f"differs everywhere in {full_frames} frame(s): full frames were used"),
    )
    notes = [f"the take of {segment.name} {text}" for applies, text in descriptions if applies]
    if unsent > 0:
        notes.append(
            f"{unsent} source frame(s) of {segment.name} were not sent, because the provider takes fewer per second: "
            "they get the nearest frame's expression"
        )
    return tuple(notes)
