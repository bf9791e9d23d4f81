"""Which way a film will be spliced, told from its packets before anything is coded or paid for.

Takes   a film and the spans of its frames that will change.
Gives   `Survey`; ways.exact_way takes the same decisions when it splices, and may still fall back where a check fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import InputMediaError
from ..core.values import Media
from . import encoders, smart_render
from .container import is_boxed, not_written_anew, picture_place, suffix_of, wraps
from .mp4.sample_tables import Ints
from .mp4.sample_times import read_grid
from .not_applicable import Unsuited, Untabled
from .packet_index import Index, boxed_index, streamed_index
from .pictures.frames import Insert


@dataclass(frozen=True)
class Survey:
    """What a splice will do to the picture stream."""

    way: str
    """`exact`, or `reencoded-picture`."""
    reason: str = ""
    """Why it is not exact; empty where it is."""
    edited_frames: int = 0
    coded_frames: int = 0
    """All frames that are coded anew: the edited ones, and those up to where decoding can resume."""
    twin: bool = False
    encoder: str = ""

    def line(self) -> str:
        """Say it in one line."""
        if self.way != "exact":
            return f"splice: the whole picture stream is coded anew by {self.encoder}, visually lossless: {self.reason}"
        beside = self.coded_frames - self.edited_frames
        sets = "nothing changes for a decoder" if self.twin else "with parameter sets of their own"
        return (
            f"splice: packet by packet; {self.edited_frames} edited frame(s) and {beside} beside them "
            f"up to the next keyframe are coded by {self.encoder}, {sets}"
        )

    def metrics(self) -> dict[str, Any]:
        """Give the same as JSON."""
        told = {"way": self.way, "reason": self.reason, "encoder": self.encoder}
        if self.way != "exact":
            return told
        return {**told, "edited_frames": self.edited_frames, "coded_frames": self.coded_frames, "twin": self.twin}


def survey(source: Path, media: Media, spans: Sequence[tuple[int, int]]) -> Survey:
    """Look at a film; `spans` are half-open and counted in its shown frames.

    Raises:
        BadInput: no way of splicing is left.
    """
    assert media.video is not None
    inserts = [Insert(start, end, Path()) for start, end in spans]
    try:
        index = indexed(source, media)
        planned = smart_render.plan(source, media.video, index, inserts)
    except Unsuited as unsuited:
        refused = not_written_anew(media)
        if refused:
            raise InputMediaError(
                f"the film cannot be spliced packet by packet ({unsuited}), and {refused}"
            ) from unsuited
        encoder = encoders.choose(media.video, 0, suffix_of(media)).encoder
        return Survey("reencoded-picture", str(unsuited), encoder=encoder)
    return Survey(
        "exact",
        edited_frames=touched_frames(spans),
        coded_frames=sum(one.end - one.first for one in planned.windows),
        twin=planned.coder.twin,
        encoder=planned.coder.choice.encoder,
    )


def touched_frames(spans: Sequence[tuple[int, int]]) -> int:
    """Count the frames of spans that may overlap."""
    return len({frame for start, end in spans for frame in range(start, end)})


def indexed(source: Path, media: Media) -> Index:
    """Index a film by its sample tables where it has any, else by reading its packets."""
    assert media.video is not None
    if wraps(media):
        raise Unsuited("its clock wraps around after it began")
    if is_boxed(media):
        with suppress(Untabled):
            times: Ints = media.video.timestamps.array
            return boxed_index(source, media.video, read_grid(source, times, picture_place(media)))
    return streamed_index(source, media.video)
