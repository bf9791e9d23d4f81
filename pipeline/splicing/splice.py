"""Put takes back into a film: try the strategies, best first, until one gives a film that passes all checks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ..core.errors import InputMediaError
from ..core.nodes.node import NodeContext
from ..core.values import Media, Take
from ..media.frames.film_readers import kept_open
from ..media.mp4.boxes import read_top_boxes
from ..media.not_applicable import NotApplicable
from .audio.dialogue import LinePlan, add_lines, encode_lines_early, plan_lines
from .container import is_mp4, matching_video_index, read_programs
from .job import Quality, SplicedFilm, SpliceJob, UncheckedFilm
from .pictures.seams import plan_inserts
from .splice_params import CUT, DEFAULT_PARAMS, Seam, SoundParams, Thresholds
from .strategies import reencode_and_remux, reencode_in_mp4, smart_render
from .verification.metadata_check import compare_metadata
from .verification.picture_diff import compare_pictures, diff_metrics
from .verification.stream_contents import FilmContents, read_contents
from .verification.verify import Comparison, compare, strict_decode_error

NOT_EXACT = "the film cannot be smart-rendered, and `exact: require` forbids re-encoding it completely"
Strategy = Callable[[SpliceJob], UncheckedFilm]
REENCODED = "the complete picture stream was re-encoded"
PREFER_HINT = "with `exact: prefer` the complete picture stream is re-encoded"


def splice(
    context: NodeContext,
    ffmpeg: str,
    media: Media,
    takes: Sequence[Take],
    seam: Seam = CUT,
    sound: SoundParams = DEFAULT_PARAMS,
    *,
    require_exact: bool = False,
    in_place: bool = False,
    measure_seams: bool = False,
    quality: Quality = "matched",
    limits: Thresholds | None = None,
) -> SplicedFilm:
    """Replace the pictures of the takes' spans, and the dialogue of edits with a new line; keep all other streams.

    Args:
        context: of the node.
        ffmpeg: the executable.
        media: the source.
        takes: at least one; conformed: each has one frame per source frame of its span and handles.
        seam: how pictures are blended.
        sound: how lines are mixed.
        require_exact: only smart rendering is allowed.
        in_place: edit a copy of an MP4 or MOV.
        measure_seams: measure the seams while the film is compared with the source, if it is smart-rendered.
        quality: how finely the pictures beside and in the edits are coded.
        limits: for the metrics of the seams; what is above one at matched quality is coded once more, finer.

    Raises:
        InputMediaError: the source has no frames, no strategy gives a film that passes the checks, or `require_exact`
            cannot be met.
    """
    if media.video is None:
        raise InputMediaError("the source has no picture to splice into")
    job = SpliceJob(
        context,
        ffmpeg,
        media,
        media.video,
        context.path(media.file),
        plan_inserts(context, media, takes, seam),
        tuple(takes),
        in_place,
        seam=seam if measure_seams else None,
        quality=quality,
        limits=limits or Thresholds(),
    )
    lines = plan_lines(job, sound)
    strategies = (smart_render,) if require_exact else (smart_render, reencode_in_mp4, reencode_and_remux)
    reasons: list[str] = []
    with kept_open(job.source):
        film = _first_passing(encode_lines_early(job, lines), strategies, lines, reasons)
    if film is not None:
        return film
    if require_exact:
        raise InputMediaError(f"{NOT_EXACT}: {reasons[0]}; {PREFER_HINT}")
    raise InputMediaError(f"the film cannot be spliced: {'; '.join(dict.fromkeys(reasons))}")


def _check(
    job: SpliceJob, film: UncheckedFilm, source_contents: FilmContents
) -> tuple[Comparison, UncheckedFilm, str, bool]:
    """Return the comparison with the source, the film, what is wrong with it, and whether only its pictures are."""
    picture = matching_video_index(job.source, job.video.index, film.path)
    comparison = compare(
        source_contents,
        read_contents(film.path, picture),
        new_audio=bool(film.new_lines),
        untouched=film.untouched,
    )
    failure = comparison.failure or film.failure or _strict_decode_error(job, film)
    if failure or film.untouched is not None:
        return comparison, film, failure, False
    film, failure = _compare_all_pictures(job, film)
    return comparison, film, failure, bool(failure)


def _first_passing(
    job: SpliceJob, strategies: Sequence[Strategy], lines: LinePlan, reasons: list[str]
) -> SplicedFilm | None:
    """Return the film of the first strategy that passes all checks; append to `reasons` why others do not.

    A strategy whose re-encoded pictures are not close enough is tried once more at the end, with a finer quantiser.
    """
    source_contents: FilmContents | None = None
    attempts = deque((strategy, job) for strategy in strategies)
    while attempts:
        strategy, job = attempts.popleft()
        try:
            film = add_lines(job, strategy(job), lines)
        except NotApplicable as reason:
            reasons.append(str(reason))
            continue
        # Not earlier: while a film is written, memory is needed for the source's index.
        source_contents = source_contents or read_contents(job.source, job.video.index)
        comparison, film, failure, pictures_differ = _check(job, film, source_contents)
        if pictures_differ and not job.finer:
            attempts.append((strategy, replace(job, finer=True)))
        if not failure:
            return _spliced_film(job, film, comparison, reasons)
        reasons.append(failure)
        film.path.unlink()
    return None


def _spliced_film(job: SpliceJob, film: UncheckedFilm, comparison: Comparison, reasons: Sequence[str]) -> SplicedFilm:
    reason = reasons[0] if reasons else ""
    relinked = film.metrics.get("relinked_packets", 0)
    metrics = {
        "way": film.way,
        "reason": reason,
        "copied_packets": comparison.metrics["packets"] - film.encoded_packets - relinked,
        "encoded_packets": film.encoded_packets,
        **film.metrics,
        **comparison.metrics,
        "frames": job.video.frame_count,
        "changed_frames": _changed_frames(job),
        "strict_decode": True,
    }
    notes = list(film.notes)
    if film.way == "reencoded-picture":
        metrics |= {"in_place": False, "in_place_reason": REENCODED} if job.in_place else {}
        notes.insert(0, f"{REENCODED}, visually lossless: {reason}")
    lost = [*comparison.lost, *_changed_programs(job, film.path)]
    if is_mp4(job.media) and _is_fragmented(job.source) and not _is_fragmented(film.path):
        lost.append("the fragments (the film has one index instead)")
    if lost:
        notes.append("could not be kept: " + ", ".join(lost))
    return SplicedFilm(film.path, metrics, tuple(notes), film.seams)


def _changed_frames(job: SpliceJob) -> dict[str, list[int]]:
    """Return the frames [start, end) of each segment in which its take is seen, with the ramps of the seams."""
    ordered = sorted(job.takes, key=lambda take: take.segment.start_frame)
    return {take.segment.name: [insert.start, insert.end] for take, insert in zip(ordered, job.inserts, strict=True)}


def _is_fragmented(path: Path) -> bool:
    with path.open("rb") as stream:
        return any(top.kind == b"moof" for top in read_top_boxes(stream, path.stat().st_size))


def _changed_programs(job: SpliceJob, output: Path) -> list[str]:
    """Name what the programs of a transport stream are called now, if they were called otherwise or not at all."""
    if not job.programs:
        return []
    now = read_programs(job.context, job.ffmpeg, output)
    if [(item.name, item.provider) for item in now] == [(item.name, item.provider) for item in job.programs]:
        return []
    names = ", ".join(f"{item.name!r} of {item.provider!r}" for item in now)
    return [f"the names of the programs (ffmpeg's muxer wrote {names})"]


def _compare_all_pictures(job: SpliceJob, film: UncheckedFilm) -> tuple[UncheckedFilm, str]:
    """Compare pictures that were all re-encoded; their packets do not tell what they show."""
    diff = compare_pictures(job.source, film.path, job.video.index, job.inserts)
    metadata = compare_metadata(job, film.path, [range(job.video.frame_count)])
    metrics = {
        **film.metrics,
        "pictures_alike": not diff.failure,
        **diff_metrics([diff], interlaced=job.video.interlaced),
        **metadata.metrics,
    }
    lost = [name for name in (*diff.lost, *metadata.lost) if not any(note.startswith(name) for note in film.notes)]
    notes = (*film.notes, *dict.fromkeys(f"{name} could not be kept" for name in lost))
    return replace(film, metrics=metrics, notes=notes), diff.failure or metadata.failure


def _strict_decode_error(job: SpliceJob, film: UncheckedFilm) -> str:
    if film.decoded_strictly == film.path:
        return ""
    return strict_decode_error(job.context, job.ffmpeg, job.media, job.source, film.path, film.strict_ranges)
