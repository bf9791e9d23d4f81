"""The strategies for putting takes into a film, the best first; `splice` uses the first whose film passes the checks.

Each takes a `SpliceJob`, returns an `UncheckedFilm`, and raises NotApplicable with the reason if it does not apply to
the film, or InputMediaError if the source cannot be decoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from av.video.frame import VideoFrame

from ..core.errors import InputMediaError, ToolFailed
from ..core.side_by_side import run_side_by_side
from ..media.frames.decode import decode_frames
from ..media.frames.film_readers import open_media
from ..media.mp4.sample_tables import Ints
from ..media.not_applicable import NotApplicable
from ..media.timing.clock import timecode_rate
from . import reencode
from .codecs.chroma_location import film_chroma_location, with_chroma_location
from .codecs.h264 import with_clocks
from .codecs.hevc import with_static_hdr
from .codecs.kept_metadata import DOLBY_VISION_CONFIGURATION, lost_in_complete, source_metadata
from .container import is_mp4, remux_refusal
from .encoders import EncoderSettings, as_intra_only, change_notes, choose_encoder, loses_rgb, new_codec, with_timecode
from .job import SpliceJob, UncheckedFilm
from .matroska import MATROSKA_SUFFIXES
from .mp4.rewrite import rewrite, write_film
from .mp4.sample_times import FrameGrid, read_frame_grid
from .packet_index import PacketIndex, index_film
from .packet_writer import write_packets
from .pictures.description import as_described
from .pictures.fields import field_order, gop_timecode, require_known_colors
from .pictures.frames import count_frames, with_inserts
from .rate_limits import film_rates, limit_metrics, limit_notes, measure_limits, within_limits
from .rate_match import MIN_PSNR_DB, MIN_SSIM, match_rate, quality_steps
from .reencode import encode
from .reencode_ranges import EncodedRange
from .remux import picture_options, remux_argv, restore_description, stale_tags, stream_choices, write_covers
from .smart_render import RenderPlan, encode_ranges, place_in_slots, plan_render, worker_count
from .splice_params import failures_of
from .verification.metadata_check import compare_metadata, distinct_labels
from .verification.packet_comparison import Bools
from .verification.picture_diff import PictureDiff, compare_around, diff_metrics
from .verification.seam_meter import SeamMeter, SeamRow
from .verification.strict_pictures import NotShared, can_share, strict_frames
from .verification.verify import ranges_to_decode

_SEAM_MARGIN = 0.5
"""The share of each limit of its seams that a range of matched quality keeps, or is coded once more, finer: coarser
pictures add to their steps."""
_MORE_STEPS = 1.2
"""A range that is coded once more becomes finer by this factor of what is missing, and by at least half a step."""
_UNLIKE_STEPS = 6.0
"""By how many steps a range becomes finer that does not show what it should within the bits that the film declares."""
_RETRIES, _FINEST = 3, 0.5
"""A range that is too coarse for its likeness alone gets at last so few steps; none stand for high quality, which may
be coarser."""
ONLY_MP4_IN_PLACE = "only MP4 and MOV can be edited in place"


def smart_render(job: SpliceJob) -> UncheckedFilm:
    """Re-encode only the edits and their partial GOPs, and copy every other packet."""
    index = index_film(job.source, job.media)
    plan = plan_render(job.source, job.video, index, job.inserts)
    job = replace(job, video=plan.video)
    if job.quality == "matched":
        plan = match_rate(job, index, plan)
    film, encoded, plan, finer_steps = _render(job, index, plan)
    for retry in range(_RETRIES):
        if not finer_steps:
            break
        ready_ranges = {number: item for number, item in enumerate(encoded) if number not in finer_steps}
        if retry == _RETRIES - 1:
            finer_steps = {number: min(steps, _FINEST) for number, steps in finer_steps.items()}
        plan = plan.with_steps(finer_steps)
        film.path.unlink()  # as large as the source
        film, encoded, plan, finer_steps = _render(job, index, plan, ready_ranges)
    return film


def _render(
    job: SpliceJob, index: PacketIndex, plan: RenderPlan, ready_ranges: Mapping[int, EncodedRange] | None = None
) -> tuple[UncheckedFilm, list[EncodedRange], RenderPlan, dict[int, float]]:
    """Write the film, and compare it.

    Also return its new packets, the plan as it was encoded, and other steps for ranges coded too coarsely.
    """
    progress = _progress(job, plan.encoded_frames)

    def encode_missing(plan: RenderPlan, ready: Mapping[int, EncodedRange]) -> list[EncodedRange]:
        return encode_ranges(job.source, job.video, index, plan, job.context.temp_path, progress, ready)

    measure = partial(measure_limits, film_rates(index, job.video.codec), index, job.video.time_base)
    plan, encoded, uses = within_limits(plan, job.video, measure, encode_missing, ready_ranges or {})
    output = job.context.temp_path("film" + job.suffix)
    if index.grid.track is not None:
        pictures = place_in_slots(job.source, index, plan.encoder, encoded)
        write_metrics = write_film(job.source, output, [*pictures, *job.audio_samples], in_place=job.in_place)
    else:
        _write_streamed(job, output, index, plan, encoded)
        write_metrics = {"in_place": False, "in_place_reason": ONLY_MP4_IN_PLACE} if job.in_place else {}
    film, finer_steps = _check_ranges(job, output, index, plan, {**write_metrics, **limit_metrics(uses)})
    return replace(film, notes=(*film.notes, *limit_notes(plan, uses))), encoded, plan, finer_steps


def _write_streamed(
    job: SpliceJob, output: Path, index: PacketIndex, plan: RenderPlan, encoded: Sequence[EncodedRange]
) -> None:
    # Matroska stores no decode times: if a reader does not find out all, it would not here, either. MP4 and MOV store
    # them; only ffmpeg's MP4 says what the container says of Dolby Vision.
    needs_times = not index.has_decode_times and job.suffix in MATROSKA_SUFFIXES
    with_times = ".mp4" if job.video.codec == "hevc" else ".mov"
    # Some muxers do not take every codec of their container in a file of its own; MOV takes most, and NUT the others.
    suffixes = (with_times,) if needs_times else dict.fromkeys((job.suffix, ".mov", ".nut"))
    pictures = _write_first(
        job, suffixes, lambda file: write_packets(job.source, file, job.video, index, plan.encoder, encoded)
    )
    _remux(job, pictures, output)
    pictures.unlink()


def _write_first(job: SpliceJob, suffixes: Iterable[str], write: Callable[[Path], None]) -> Path:
    """Write a file with the first of these suffixes whose muxer takes it."""
    refusals = []
    for suffix in suffixes:
        pictures = job.context.temp_path("pictures" + suffix)
        try:
            write(pictures)
        except NotApplicable as error:
            refusals.append(error)
        else:
            return pictures
    raise refusals[0]


def _remux(job: SpliceJob, pictures: Path, output: Path, settings: EncoderSettings | None = None) -> None:
    """Mux pictures with all other streams of the film; with `settings` all pictures are new.

    Data that the muxer refuses is dropped, which the checks report.
    """
    rgb_is_lost = settings is not None and loses_rgb(job.video, settings.pix_fmt)
    options = picture_options(job.source, job.video.index, same_codec=settings is None, loses_rgb=rgb_is_lost)
    tags = stale_tags(job.source, pictures, job.video) if job.suffix in MATROSKA_SUFFIXES else ()
    covers = write_covers(job.source, job.context.temp_path) if job.suffix == ".mkv" else {}
    argv = partial(remux_argv, job.ffmpeg, job.source, pictures, output, job.media)
    failure: ToolFailed | None = None
    for copied in stream_choices(job.media, covers):
        try:
            job.context.run_tool(argv(copied, options, job.programs, tags, tuple(covers.values())))
        except ToolFailed as error:
            failure = error
            continue
        restore_description(job, output)
        return
    assert failure is not None
    raise NotApplicable(f"the muxer for {job.suffix} refuses the film's streams: {failure.message}") from failure


def _check_ranges(
    job: SpliceJob, output: Path, index: PacketIndex, plan: RenderPlan, write_metrics: dict[str, Any]
) -> tuple[UncheckedFilm, dict[int, float]]:
    """Compare the pictures around every re-encode range, and tell which packets are not the source's.

    Also return other steps for the ranges, by their numbers, that matched quality leaves too coarse.
    """
    grid, ranges = index.grid, plan.ranges
    firsts, lasts = (
        np.sort(np.array([int(grid.shown[place]) + grid.shift for place in places], np.int64))
        for places in ([item.first for item in ranges], [item.end - 1 for item in ranges])
    )
    relinked = {int(grid.samples.pts[item.relinked]) + grid.shift for item in ranges if item.relinked is not None}

    def untouched(times: Ints) -> Bools:
        begun, ended = np.searchsorted(firsts, times, side="right"), np.searchsorted(lasts, times, side="left")
        own: Bools = (begun == ended) & ~np.isin(times, sorted(relinked))
        return own

    shown_ranges = [range(item.first - grid.hidden, item.end - grid.hidden) for item in ranges]
    diffs, rows, to_decode = _compare_ranges(job, output, shown_ranges, ranges_to_decode(grid, ranges))
    finer_steps = {
        number: finer
        for number, (diff, seams, steps) in enumerate(zip(diffs, rows, plan.coarser_steps, strict=False))
        if (finer := _finer_steps(job, diff, seams, steps, is_limited=number in plan.least_steps)) < steps
    }
    metadata = compare_metadata(job, output, shown_ranges)
    edited = count_frames((insert.start, insert.end) for insert in job.inserts)
    metrics = {
        "twin": plan.encoder.same_config,
        "windows": len(ranges),
        "border_packets": plan.encoded_frames - edited,
        "relinked_packets": len(relinked),
        **({"coarser_steps": list(plan.coarser_steps)} if plan.coarser_steps else {}),
        **diff_metrics(diffs, interlaced=job.video.interlaced),
        **metadata.metrics,
        **write_metrics,
    }
    lost = distinct_labels([*plan.lost, *metadata.lost, *(name for diff in diffs for name in diff.lost)])
    place = {DOLBY_VISION_CONFIGURATION: ""}
    notes = [f"{name} could not be kept{place.get(name, ' in the edits')}" for name in lost]
    if write_metrics.get("index_moved"):
        notes.append("edited in place: the film's index is now at its end, so web players must fetch the end first")
    film = UncheckedFilm(
        output,
        "exact",
        plan.encoded_frames,
        tuple(notes),
        untouched,
        failure=next((diff.failure for diff in diffs if diff.failure), metadata.failure),
        metrics=metrics,
        has_new_audio=bool(job.audio_samples) and grid.track is not None,
        seams=tuple(row for seams in rows for row in seams),
        strict_ranges=to_decode,
        decoded_strictly=None if to_decode else output,
    )
    return film, finer_steps


def _finer_steps(
    job: SpliceJob, diff: PictureDiff, rows: Sequence[SeamRow], steps: float, *, is_limited: bool = False
) -> float:
    """Return by how many steps a range may be coarser: as many as it is, or fewer if it came out too coarse.

    A range that is limited by the bits that the film declares becomes finer only where a check would refuse the film.
    """
    if is_limited:
        return max(steps - _UNLIKE_STEPS, _FINEST) if diff.failure or failures_of(rows, job.limits) else steps
    if diff.failure or failures_of(rows, job.limits, _SEAM_MARGIN):
        return min(0.0, steps)
    if diff.min_psnr_db >= MIN_PSNR_DB and diff.mean_ssim >= MIN_SSIM:
        return steps
    missing_steps = -quality_steps(diff.min_psnr_db, diff.mean_ssim)
    return max(steps - 0.5 - _MORE_STEPS * missing_steps, min(_FINEST, steps))


def _compare_ranges(
    job: SpliceJob, output: Path, ranges: Sequence[range], strict_ranges: Sequence[range]
) -> tuple[list[PictureDiff], list[list[SeamRow]], tuple[range, ...]]:
    """Compare the pictures around every range with what they should show, and measure the seams of its takes.

    Also return the ranges that are still to be decoded strictly.
    """
    calls = [partial(_compare_range, job, output, ranges, *item) for item in enumerate(strict_ranges)]
    results = run_side_by_side(calls, worker_count(job.video, ""))
    to_decode = [item for item, (_, decoded) in zip(strict_ranges, results, strict=True) if not decoded]
    return [diff for (diff, _), _ in results], [rows for (_, rows), _ in results], tuple(to_decode)


def _compare_range(
    job: SpliceJob, output: Path, ranges: Sequence[range], number: int, strict_range: range
) -> tuple[tuple[PictureDiff, list[SeamRow]], bool]:
    """Compare a range; also return whether it was decoded strictly."""
    comparison = _compare_once(job, output, ranges, number, strict_range)
    return (comparison, True) if comparison is not None else (_compare(job, output, ranges, number), False)


def _compare(
    job: SpliceJob, output: Path, ranges: Sequence[range], number: int, strict_range: range | None = None
) -> tuple[PictureDiff, list[SeamRow]]:
    meter = SeamMeter(job.video, job.video, job.takes, job.seam, ranges[number]) if job.seam is not None else None
    decode = None if strict_range is None else partial(_decode_strictly, job, output, strict_range)
    diff = compare_around(job, output, ranges, number, meter, decode)
    return diff, meter.rows() if meter is not None and not diff.failure else []


def _compare_once(
    job: SpliceJob, output: Path, ranges: Sequence[range], number: int, strict_range: range
) -> tuple[PictureDiff, list[SeamRow]] | None:
    """Compare while the film is decoded strictly; return None where that does not show that all is well."""
    if not can_share(job.video, strict_range):
        return None
    try:
        comparison = _compare(job, output, ranges, number, strict_range)
    except NotShared:
        return None
    return comparison if not comparison[0].failure else None


def _decode_strictly(
    job: SpliceJob, output: Path, strict_range: range, stream: int, wanted: range
) -> Iterator[VideoFrame]:
    frames = range(min(strict_range.start, wanted.start), max(strict_range.stop, wanted.stop))
    return strict_frames(job.ffmpeg, job.media, output, stream, frames, wanted)


def reencode_in_mp4(job: SpliceJob) -> UncheckedFilm:
    """Re-encode all stored pictures, and write them into the source's own boxes (MP4 and MOV)."""
    if not is_mp4(job.media):
        raise NotApplicable(f"{job.suffix} files have no sample tables")
    grid = read_frame_grid(job.source, job.video.timestamps.array, job.video.index)
    job = _as_pictures_say(job)
    settings, lost = _choose_encoder(job, grid.film_reorder)
    pictures = job.context.temp_path("pictures" + (".mov" if job.suffix == ".mov" else ".mp4"))
    progress = _progress(job, grid.samples.count)
    frames, times = _stored_frames(job, grid), grid.stored_times()
    with source_metadata(job.source, job.video.index, times, grid.demuxer_options, from_start=True) as metadata:
        count = encode(frames, pictures, job.video, settings, progress, None, grid.fragment_keyframes, metadata)
    if count != grid.samples.count:
        raise NotApplicable(f"{grid.samples.count} pictures are stored, but {count} decode")
    output = job.context.temp_path("film" + job.suffix)
    rewrite(job.source, output, [reencode.place_in_slots(grid, pictures), *job.audio_samples])
    pictures.unlink()
    notes = (*change_notes(job.video, settings), *lost)
    return UncheckedFilm(output, "reencoded-picture", count, notes, has_new_audio=bool(job.audio_samples))


def _stored_frames(job: SpliceJob, grid: FrameGrid) -> Iterator[tuple[VideoFrame, int]]:
    """Yield every stored picture, with the takes blended in, numbered in presentation order."""
    frames = decode_frames(job.source, job.video.index, options=grid.demuxer_options)
    for index, frame in with_inserts(frames, job.inserts, -grid.hidden):
        yield frame, index + grid.hidden


def reencode_and_remux(job: SpliceJob) -> UncheckedFilm:
    """Re-encode all shown pictures, and mux them with the other streams."""
    refusal = remux_refusal(job.media)
    if refusal:
        raise NotApplicable(refusal)
    job = _as_pictures_say(job)
    settings, lost = _choose_encoder(job, 0)
    refusal = remux_refusal(job.media, new_codec(settings))
    if refusal:
        raise NotApplicable(refusal)
    times = job.video.timestamps.array
    # NUT takes every codec, but counts in ticks of its own, which IVF would tell for its frame rate.
    pictures = job.context.temp_path("pictures" + (".ivf" if job.suffix == ".ivf" else ".nut"))

    def shown_frames() -> Iterator[tuple[VideoFrame, int]]:
        for index, frame in with_inserts(decode_frames(job.source, job.video.index), job.inserts):
            if index >= len(times):
                raise NotApplicable(f"{len(times)} frames were expected, but more decode")
            yield frame, index

    progress = _progress(job, len(times))
    with source_metadata(job.source, job.video.index, times, from_start=True) as metadata:
        count = encode(shown_frames(), pictures, job.video, settings, progress, times, (), metadata)
    if count != len(times):
        raise NotApplicable(f"{len(times)} frames were expected, but {count} decode")
    output = job.context.temp_path("film" + job.suffix)
    _remux(job, pictures, output, settings)
    pictures.unlink()
    return UncheckedFilm(output, "reencoded-picture", count, (*change_notes(job.video, settings), *lost))


def _as_pictures_say(job: SpliceJob) -> SpliceJob:
    """Return the job with the picture as its first keyframe describes it: the container's own words stay there."""
    times = job.video.timestamps.array[:1].tolist()
    return replace(job, video=as_described(job.source, job.video, times))


def _choose_encoder(job: SpliceJob, reorder: int) -> tuple[EncoderSettings, tuple[str, ...]]:
    """Choose an encoder that keeps the source's static HDR metadata and timecode; return notes on what it loses."""
    with closing(decode_frames(job.source, job.video.index)) as frames:
        first = next(frames, None)
    if first is None:
        raise InputMediaError("the picture stream has no frames")
    settings = choose_encoder(job.video, reorder, job.suffix, field_order(first), finer=job.finer)
    require_known_colors(first)
    lost = list(lost_in_complete(job.source, job.media, first, settings))
    timecode = gop_timecode(first)
    if timecode is not None:
        timed = with_timecode(settings, timecode, timecode_rate(job.video))
        settings = timed or settings
        lost += [] if timed else ["the timecode inside the pictures"]
    with open_media(job.source) as container:
        config = bytes(container.streams[job.video.index].codec_context.extradata or b"")
    settings = as_intra_only(settings, job.source, job.video.index)
    settings = with_chroma_location(settings, film_chroma_location(job.video.codec, config))
    if job.video.codec == "h264":
        settings = with_clocks(settings, config)
    return with_static_hdr(settings, first), tuple(f"{name} could not be kept" for name in lost)


def _progress(job: SpliceJob, total: int) -> Callable[[int], None]:
    def report(count: int) -> None:
        if count % 8 == 0:
            job.context.progress(min(count / max(total, 1), 1) * 0.9)

    return report
