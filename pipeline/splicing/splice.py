"""Put takes back into a film: choose the way, take it, check the result, or take the next best way.

Takes   a source and its conformed takes, perhaps with new lines of dialogue.
Gives   `Film`: a checked file, its figures and what the user should hear.
Raises  ToolFailed where no way gives a result that passes the checks; BadInput where the source has no frames.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..core.errors import InputMediaError, ToolFailed
from ..core.node import NodeContext
from ..core.values import Media, Take
from .audio.dialogue import plan, sounded, with_lines
from .audio.params import MATCHED, SoundParams
from .not_applicable import Unsuited
from .pictures.seam_style import CUT, Seam
from .pictures.seams import inserts
from .strategies import Job, Made, boxed_way, exact_way, remuxed_way
from .verification import verify
from .verification.picture_diff import figures_of, likeness
from .verification.strict_decode import strict_fault

NOT_EXACT = "the film cannot be spliced packet by packet, and `exact: require` wants no other way"
OTHERWISE = "with `exact: prefer` its whole picture stream is coded anew"


@dataclass(frozen=True)
class Film:
    """A finished film in the room's own folder, not yet kept."""

    path: Path
    metrics: dict[str, Any]
    notes: tuple[str, ...]


def splice(
    context: NodeContext,
    ffmpeg: str,
    media: Media,
    takes: Sequence[Take],
    seam: Seam = CUT,
    sound: SoundParams = MATCHED,
    *,
    require_exact: bool = False,
    in_place: bool = False,
) -> Film:
    """Replace the pictures of the takes' spans; every other stream is carried over.

    The takes (at least one) are conformed: each file holds one frame per source frame of its span and handles.
    With `require_exact` only the packet-exact way is taken; with `in_place` a copy of an MP4 or MOV is edited.
    """
    if media.video is None:
        raise InputMediaError("the source has no picture to splice into")
    job = Job(
        context,
        ffmpeg,
        media,
        media.video,
        context.path(media.file),
        inserts(context, media, takes, seam),
        tuple(takes),
        in_place,
    )
    lines = plan(job, sound)
    job = sounded(job, lines)
    before: verify.Contents | None = None
    reasons: list[str] = []
    left = deque((way, job) for way in ((exact_way,) if require_exact else (exact_way, boxed_way, remuxed_way)))
    while left:
        way, job = left.popleft()
        try:
            made = with_lines(job, way(job), lines)
        except Unsuited as unsuited:
            reasons.append(str(unsuited))
            continue
        # Not earlier: an index of the source is held while a film is written.
        before = before or verify.read(job.source, media.video.index)
        checked = verify.compare(
            before, verify.read(made.path, media.video.index), new_sound=bool(made.lines), untouched=made.untouched
        )
        fault = checked.fault or made.fault or _strict(job, made)
        if not fault and made.untouched is None:
            made, fault = _with_likeness(job, made)
            if fault and not job.finer:
                left.append((way, replace(job, finer=True)))
        if not fault:
            return _finished(job, made, checked, reasons)
        reasons.append(fault)
    if require_exact:
        raise InputMediaError(f"{NOT_EXACT}: {reasons[0]}; {OTHERWISE}")
    raise ToolFailed(f"no way of splicing gave a film that passed its checks: {'; '.join(reasons)}")


def _finished(job: Job, made: Made, checked: verify.Checked, reasons: Sequence[str]) -> Film:
    reason = reasons[0] if reasons else ""
    figures = {
        "way": made.way,
        "reason": reason,
        "copied_packets": checked.metrics["packets"] - made.encoded - made.metrics.get("relinked_packets", 0),
        "encoded_packets": made.encoded,
        **made.metrics,
        **checked.metrics,
        "frames": job.video.frame_count,
        "strict_decode": True,
    }
    said = list(made.notes)
    if made.way == "reencoded-picture":
        said.insert(0, f"the whole picture stream was encoded again, visually lossless: {reason}")
    if checked.lost:
        said.append("could not be carried over: " + ", ".join(checked.lost))
    return Film(made.path, figures, tuple(said))


def _with_likeness(job: Job, made: Made) -> tuple[Made, str]:
    """Measure pictures that were all coded anew: their packets tell nothing of what they show."""
    found = likeness(job.source, made.path, job.video.index, job.inserts)
    told = figures_of([found], interlaced=job.video.interlaced)
    figures = {**made.metrics, "pictures_alike": not found.fault, **told}
    notes = [f"{name} could not be carried over" for name in found.lost]
    return replace(made, metrics=figures, notes=(*made.notes, *notes)), found.fault


def _strict(job: Job, made: Made) -> str:
    return strict_fault(job.context, job.ffmpeg, job.media, job.source, made.path, made.strict)
