"""Conform a take to the source's exact frames: measure it, correct it, and composite its changes onto the plate.

A take may have any size, rate and frame count. The result has one frame per source frame of the span and its handles,
in the source's coded size, pixel format and colors, losslessly encoded.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.edits.choices import CompositeMode
from ..core.edits.face_choice import strength_curve
from ..core.errors import InputMediaError, ProviderError
from ..core.nodes.node import NodeContext
from ..core.side_by_side import read_ahead
from ..core.times import frames_text
from ..core.values import Segment, Take, VideoStream
from ..media.clip_writer import lossless_encoder
from ..splicing.encoders import EncoderSettings
from ..splicing.pictures.kept_changes import changes_to_keep, keep_changes
from ..splicing.pictures.planes import working_format
from ..splicing.reencode import encode
from .align import Alignment
from .changed_region import track_largest_change
from .finished_frames import ConformJob, Draft, finished_frames, frame_pairs
from .frame_pairs import SentAndTake, is_padded
from .placement import measure_corrections
from .strength import find_moved_faces, require_opencv

_FRAMES_AHEAD = 2
"""Finished frames that wait for the encoder."""


@dataclass(frozen=True)
class ConformResult:
    """The conformed pictures, not yet stored, the measurements, and notes for the user."""

    path: Path
    metrics: dict[str, Any]
    notes: tuple[str, ...]
    unchanged: bool = False
    """Whether nothing of the take is used, because its strength is 0 in every frame."""


def conform(context: NodeContext, take: Take, mode: CompositeMode = "auto") -> ConformResult:
    """Conform a take.

    Raises:
        ProviderError: the take does not show what was sent, or has no counterpart for too many frames.
        InputMediaError: no frame of the take differs from what was sent by more than coding noise.
    """
    job = _open_job(context, take, mode)
    take_video = take.media.video
    assert take_video is not None
    draft = Draft(allow_full=mode != "face") if job.is_plain and any(job.strengths) else None
    sent_small, take_small = job.films.thumbnails(draft)
    alignment, job.corrections = measure_corrections(job.films, sent_small, take_small, take_video.rate)
    drafted = draft.changes if draft is not None and draft.is_valid(alignment, job.corrections) else None
    if mode == "face":
        pairs = job.corrections.apply_to_thumbnails(job.films, sent_small, take_small, alignment)
        job.face = track_largest_change(*pairs, job.films.sent_video.rate, job.films.cell_aspect)
    if any(0 < strength < 1 for strength in job.strengths):
        corrected = (job.corrected(sent, taken) for _, _, sent, taken in frame_pairs(job, alignment))
        job.moved_faces = find_moved_faces(corrected, float(job.source.rate))
    coded_as = job.source.model_copy(update={"pix_fmt": job.pix_fmt})
    settings = lossless_settings(coded_as)
    target = context.temp_path("conformed" + (".mov" if settings.encoder == "libx264" else ".mkv"))
    first, last = job.segment.first_frame, job.segment.last_frame
    times = job.source.timestamps.array[first:last]

    def report(count: int) -> None:
        context.progress(min(1.0, count / max(1, last - first)))

    with closing(read_ahead(finished_frames(job, alignment, drafted), _FRAMES_AHEAD)) as frames:
        encode(frames, target, coded_as, settings, report, times - times[0])
    if job.take_changes is not None:
        keep_changes(target, job.take_changes)
    if any(job.strengths) and not job.changed.anything:
        raise InputMediaError(_describe_unchanged(take))
    notes = describe_corrections(
        job.segment,
        alignment,
        shifted=not all(line.is_trivial for line in job.corrections.lines),
        moved=not job.corrections.placement.is_trivial,
        full_frames=job.changed.full_frames if mode != "frame" else 0,
        other_count=job.face.other_count if job.face else 0,
    )
    unused = not any(job.strengths)
    return ConformResult(target, _metrics(job, take, alignment, len(take_small)), notes, unchanged=unused)


def _describe_unchanged(take: Take) -> str:
    """Return the message for a take in which no frame is changed, with what becomes of its cost."""
    segment, call = take.segment, f" (request {take.request_id})" if take.request_id else ""
    paid = "the paid take is kept and not paid for again; " if take.cost_usd else ""
    return (
        f"the take of {segment.name}{call} changes no frame by more than coding noise in "
        f"{frames_text(segment.start_frame, segment.end_frame)} of the film: {take.provider} changed no face there; "
        f"{paid}choose a span that shows a face from the front, name it with `face`, change the prompt or raise the "
        "temperature, or keep the original footage with `on_failure: keep-original`"
    )


def _open_job(context: NodeContext, take: Take, mode: CompositeMode) -> ConformJob:
    segment, name = take.segment, take.segment.name
    source, sent, take_video = segment.source.video, segment.media.video, take.media.video
    assert source is not None and sent is not None
    if take_video is None:
        raise ProviderError(f"the take of {name} has no picture")
    padded = is_padded(take_video, sent, name)
    pix_fmt = working_format(source.pix_fmt)
    return ConformJob(
        segment=segment,
        source=source,
        source_path=context.path(segment.source.file),
        films=SentAndTake(name, context.path(segment.media.file), sent, context.path(take.media.file), padded),
        mode=mode,
        pix_fmt=pix_fmt,
        strengths=_strengths(segment, source),
        take_changes=changes_to_keep(segment.source.file.digest, source.pix_fmt, pix_fmt),
    )


def _strengths(segment: Segment, source: VideoStream) -> list[float]:
    start = segment.edit_span[0]
    ticks = source.timestamps.array[segment.first_frame : segment.last_frame] - source.timestamps.array[start]
    times_s = [tick * source.time_base for tick in ticks.tolist()]
    strengths = strength_curve(segment.edit.strength, times_s, segment.first_frame - start)
    if any(0 < strength < 1 for strength in strengths):
        require_opencv()
    return strengths


def lossless_settings(video: VideoStream) -> EncoderSettings:
    """Return a lossless encoder for a picture."""
    encoder, options = lossless_encoder(video.pix_fmt, (video.width_px, video.height_px))
    pix_fmt = video.pix_fmt
    if encoder == "ffv1":  # it has no formats of full range, and of 8 bits one order of red, green and blue
        pix_fmt = "bgr0" if pix_fmt == "gbrp" else pix_fmt.replace("yuvj", "yuv")
    return EncoderSettings(encoder, pix_fmt, options)


def _metrics(job: ConformJob, take: Take, alignment: Alignment, take_frames: int) -> dict[str, Any]:
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
        (full_frames, f"differs everywhere in {full_frames} frame(s): full frames were used"),
    )
    notes = [f"the take of {segment.name} {text}" for applies, text in descriptions if applies]
    if unsent > 0:
        notes.append(
            f"{unsent} source frame(s) of {segment.name} were not sent, because the provider takes fewer per second: "
            "they get the nearest frame's expression"
        )
    return tuple(notes)
