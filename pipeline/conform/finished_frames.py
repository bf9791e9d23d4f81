"""The finished frames of a take: its changes, in the source's own pictures.

Most takes are in time, in place and of the right levels. So the changes are found while the take is read for the first
time, as if nothing had to be corrected: then it is decoded once. If the measurements say otherwise, that draft is
dropped and the take is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame

from ..core.edits.choices import CompositeMode
from ..core.values import Segment, VideoStream
from ..media.frames.decode import exact_frames, reformat, turn_coded
from ..splicing.pictures.kept_changes import Box, TakeChanges
from ..splicing.pictures.planes import (
    Plane,
    frame_from_planes,
    is_coded_alike,
    plane_views,
    resize_mask,
    to_coded_planes,
)
from .align import Alignment
from .cells import Mask
from .changed_region import TrackedRegion
from .composite import Change, MaskSmoother, Patch, changed_patch, composite, find_change, patch_within, without_noise
from .frame_pairs import ForwardReader, SentAndTake, crop_planes, nearest_positions, to_picture
from .levels import LevelTransfer, sample_pixels
from .placement import NO_CORRECTIONS, Corrections
from .strength import MovedFace, partial_take

MAX_DRAFT_BYTES = 128 << 20
"""Above this, frames are not kept, and the take is read a second time."""


@dataclass(frozen=True)
class FrameChange:
    """What a take changed in one frame, without the rest of the picture."""

    patch: Patch
    shape: tuple[int, int]
    """Of the mask."""
    cells: Mask
    """The mask within the patch's cells; it is 0 elsewhere."""
    samples: tuple[Plane, ...]
    """Pixels of what was sent, for comparing its levels with the source's."""

    @classmethod
    def of(cls, sent: list[Plane], taken: list[Plane], change: Change) -> FrameChange:
        """Keep what is needed of a frame."""
        patch = changed_patch(sent, taken, change)
        mask = change.mask
        samples = tuple(sample_pixels(plane) for plane in sent)
        return cls(patch, (mask.shape[0], mask.shape[1]), mask[patch.cells].copy(), samples)

    @property
    def mask(self) -> Mask:
        """The complete mask."""
        mask = np.zeros(self.shape, np.float32)
        mask[self.patch.cells] = self.cells
        return mask

    @property
    def size_bytes(self) -> int:
        """The memory that it takes."""
        return self.patch.size_bytes + self.cells.nbytes + sum(part.nbytes for part in self.samples)


@dataclass
class Draft:
    """The changes of the frames read so far."""

    allow_full: bool = True
    max_bytes: int = MAX_DRAFT_BYTES
    changes: list[FrameChange] = field(default_factory=list)
    size_bytes: int = 0
    is_dropped: bool = False

    def find(self, sent: VideoFrame, taken: VideoFrame) -> FrameChange | None:
        """Return what changed in a frame; None if the draft is dropped already."""
        if self.is_dropped:
            return None
        below, above = plane_views(sent), plane_views(taken)
        return FrameChange.of(below, above, find_change(below, above, allow_full=self.allow_full))

    def add(self, change: FrameChange | None) -> None:
        """Add the next frame's change; the draft is dropped once it takes more than `max_bytes`."""
        if self.is_dropped or change is None:
            return
        self.size_bytes += change.size_bytes
        self.changes.append(change)
        if self.size_bytes > self.max_bytes:
            self.is_dropped = True
            self.changes.clear()

    def is_valid(self, alignment: Alignment, corrections: Corrections) -> bool:
        """Check whether the take is in time, frame by frame, and needs no correction."""
        in_order = tuple(range(len(self.changes)))
        in_time = alignment.take_index == alignment.matched_index == in_order
        return bool(self.changes) and in_time and corrections == NO_CORRECTIONS


_REFIT_FRAMES = 25


@dataclass
class ChangedShare:
    """The mean share of a frame that the take changed."""

    total: float = 0.0
    frames: int = 0
    full_frames: int = 0
    in_span: bool = False
    """Whether the current frame belongs to the span, not to its handles."""
    anything: bool = False
    """Whether a frame of the span differs from what was sent by more than coding noise, so far."""

    def add(self, share: float) -> None:
        """Add a frame's."""
        self.total, self.frames = self.total + share, self.frames + 1
        self.full_frames += share > 0.99

    @property
    def mean_share(self) -> float:
        """The mean of all frames so far, 0 to 1."""
        return round(self.total / max(self.frames, 1), 4)


@dataclass
class ConformJob:
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
    changed: ChangedShare = field(default_factory=ChangedShare)
    smoother: MaskSmoother = field(default_factory=MaskSmoother)
    take_changes: TakeChanges | None = None
    """What the finished frames change, if it is kept for the splice."""

    @property
    def is_plain(self) -> bool:
        """Whether a change can be added to the source as it is: nothing is resampled, converted or used in part."""
        video = self.films.sent_video
        return (
            self.mode != "frame"
            and self.segment.crop is None
            and all(strength in (0, 1) for strength in self.strengths)
            and is_coded_alike((video.height_px, video.width_px), self.source, self.pix_fmt)
        )

    def corrected(self, sent: VideoFrame, taken: VideoFrame) -> tuple[list[Plane], list[Plane]]:
        """Return the planes of a frame that was sent, and those of the take's, corrected."""
        sent_planes = plane_views(sent)
        return sent_planes, self.corrections.undo(sent_planes, plane_views(taken))


def finished_frames(
    job: ConformJob, alignment: Alignment, drafted: list[FrameChange] | None = None
) -> Iterator[tuple[VideoFrame, int]]:
    """Yield the finished frames, numbered from the first of the span and its handles.

    Args:
        job: with the corrections.
        alignment: of the take.
        drafted: the changes of all frames that were sent, if they are known, which are used up; else the take is read.
    """
    segment, transfer = job.segment, LevelTransfer(job.source, job.pix_fmt)
    known = _drafted(job, drafted) if drafted else _read(job, alignment)
    for index, plate in exact_frames(job.source_path, job.source, segment.first_frame, segment.last_frame):
        number, (position, change) = index - segment.first_frame, next(known)
        source_planes = plane_views(reformat(plate, pix_fmt=job.pix_fmt))
        frame = frame_from_planes(source_planes, job.pix_fmt)
        planes = plane_views(frame, writeable=True)
        job.changed.in_span = segment.start_frame <= index < segment.end_frame
        boxes: tuple[Box, ...] = ()
        if job.strengths[number] <= 0:
            job.changed.add(0.0)
        elif isinstance(change, FrameChange):
            boxes = _add_change(job, transfer, planes, change, number, position)
        else:
            boxes = _add_picture(job, transfer, planes, change, number, position)
        if job.take_changes is not None:
            # Only handles fade in and out.
            job.take_changes.add(planes, boxes, None if job.changed.in_span else source_planes)
        yield frame, number


def _drafted(job: ConformJob, drafted: list[FrameChange]) -> Iterator[tuple[int, FrameChange]]:
    """Yield the changes; they are taken out of the list, since memory is needed for what is kept of them."""
    drafted.reverse()
    change, number = drafted.pop(), 0
    for position in _positions(job):
        while number < position:
            change, number = drafted.pop(), number + 1
        yield position, change


def _read(job: ConformJob, alignment: Alignment) -> Iterator[tuple[int, FrameChange | _Pictures]]:
    """Yield for each source frame its position among those sent, and what the take shows there."""
    for number, (position, match, sent, taken) in enumerate(frame_pairs(job, alignment)):
        below, above = job.corrected(sent, taken)
        if job.is_plain and job.strengths[number] > 0:
            change = find_change(below, above, allow_full=job.face is None)
            yield position, FrameChange.of(below, above, change)
        else:
            yield position, _Pictures(below, above, match)


@dataclass(frozen=True)
class _Pictures:
    """A frame that was sent and the take's, corrected, complete."""

    sent: list[Plane]
    taken: list[Plane]
    match: int
    """The frame that was sent which the take's shows."""


def _add_change(
    job: ConformJob, transfer: LevelTransfer, plate: list[Plane], change: FrameChange, number: int, position: int
) -> tuple[Box, ...]:
    """Add a change that needs no conversion to the planes of the source's frame; return the box of it in each."""
    mask = _final_mask(job, change.mask, position)
    if not mask.any():
        return ()
    if number % _REFIT_FRAMES == 0 or not transfer.ready:
        transfer.fit([sample_pixels(plane) for plane in plate], change.samples)
    composite(plate, change.patch, mask, transfer)
    return change.patch.boxes


def _add_picture(
    job: ConformJob, transfer: LevelTransfer, plate: list[Plane], pictures: _Pictures, number: int, position: int
) -> tuple[Box, ...]:
    """Add what a take changed to the planes of the source's frame, with all that may lie between the two.

    Return the box of it in each plane.
    """
    sent, used = pictures.sent, pictures.taken
    change = None
    if job.mode != "frame":
        change = find_change(sent, used, allow_full=job.face is None)
    elif job.changed.in_span and not job.changed.anything:
        job.changed.anything = bool(find_change(sent, used).solid.any())
    mask = _final_mask(job, np.ones((2, 2), np.float32) if change is None else change.mask, position)
    if not mask.any():
        return ()
    if change is not None:
        used = without_noise(sent, used, change)
    used = partial_take(sent, used, mask, job.strengths[number], job.moved_faces[number] if job.moved_faces else ())
    inside = None
    if job.segment.crop is not None:
        shown = to_picture(job.segment.crop, pictures.match, sent, used, mask)
        sent, used, mask = shown.sent, shown.taken, shown.mask
        inside = turn_coded(shown.inside.astype(np.float32), job.source)
    take_coded = to_coded_planes(used, job.source, job.pix_fmt)
    if job.mode == "frame" and inside is None and not job.source.is_hdr:
        for plane, part in zip(plate, take_coded, strict=True):
            plane[...] = part
        return tuple((slice(0, plane.shape[0]), slice(0, plane.shape[1])) for plane in plate)
    sent_coded = to_coded_planes(sent, job.source, job.pix_fmt)
    if number % _REFIT_FRAMES == 0 or not transfer.ready:
        shown_parts = (part if inside is None else crop_planes(part, inside) for part in (plate, sent_coded))
        transfer.fit(*([sample_pixels(plane) for plane in part] for part in shown_parts))
    coded_mask = turn_coded(mask, job.source)
    patch = patch_within(sent_coded, take_coded, coded_mask)
    composite(plate, patch, coded_mask, transfer)
    return patch.boxes


def _final_mask(job: ConformJob, mask: Mask, position: int) -> Mask:
    """Return which part of a frame is used of the take, 0 to 1, and count it."""
    if job.mode != "frame":
        if job.face is not None:
            mask = mask * resize_mask(job.face.mask[position], (mask.shape[0], mask.shape[1]))
        job.changed.anything |= job.changed.in_span and bool(mask.any())
        mask = job.smoother.smooth(mask)
    job.changed.add(float((mask > 0.02).mean()))
    return mask


def _positions(job: ConformJob) -> list[int]:
    """Return for each source frame the position among those sent."""
    return nearest_positions(job.segment.frames, job.segment.first_frame, job.segment.last_frame)


def frame_pairs(job: ConformJob, alignment: Alignment) -> Iterator[tuple[int, int, VideoFrame, VideoFrame]]:
    """Yield for each source frame: its position among those sent, the matching one with its number, and the take's."""
    sent, taken = ForwardReader(job.films.sent()), ForwardReader(job.films.taken())
    for position in _positions(job):
        match = alignment.matched_index[position]
        yield position, match, sent.at(match), taken.at(alignment.take_index[position])
