"""What the user hears of a take that had to be corrected."""

from __future__ import annotations

from ..kinds import Segment
from .align import Alignment


def remarks(segment: Segment, found: Alignment, *, shifted: bool, whole_frames: int) -> tuple[str, ...]:
    """Say in plain words what was wrong with a take and what was done."""
    name, said = segment.name, []
    if found.lag_frames:
        said.append(f"the take of {name} was {found.lag_frames} frame(s) late: shifted back")
    if found.missing:
        said.append(f"the take of {name} lacked {found.missing} frame(s): its nearest frame was repeated there")
    if found.surplus:
        said.append(f"the take of {name} had {found.surplus} frame(s) too many: dropped")
    if found.resampled:
        said.append(f"the take of {name} came at another rate: each frame was taken from the nearest one in time")
    if shifted:
        said.append(f"the take of {name} had another level or colour: corrected by what should not have changed")
    if whole_frames:
        said.append(f"the take of {name} differs everywhere in {whole_frames} frame(s): whole frames were taken")
    unseen = segment.last_frame - segment.first_frame - len(set(segment.frames))
    if unseen > 0:
        said.append(
            f"{unseen} source frame(s) of {name} were not sent, because the provider takes fewer per second: "
            "they carry the nearest frame's expression"
        )
    return tuple(said)
