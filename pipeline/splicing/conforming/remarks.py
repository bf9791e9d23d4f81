"""What the user hears of a take that had to be corrected."""

from __future__ import annotations

from ...kinds import Segment
from .align import Alignment


def remarks(
    segment: Segment, found: Alignment, *, shifted: bool, moved: bool = False, whole_frames: int = 0, others: int = 0
) -> tuple[str, ...]:
    """Say in plain words what was wrong with a take and what was done."""
    places = f"{others} other place" + ("s" if others > 1 else "")
    unseen = segment.last_frame - segment.first_frame - len(set(segment.frames))
    told = (
        (found.lag_frames, f"was {found.lag_frames} frame(s) late: shifted back"),
        (found.missing, f"lacked {found.missing} frame(s): its nearest frame was repeated there"),
        (found.surplus, f"had {found.surplus} frame(s) too many: dropped"),
        (found.doubled, f"showed {found.doubled} frame(s) twice: left out where it had too many"),
        (found.resampled, "came at another rate: each frame was taken from the nearest one in time"),
        (shifted, "had another level or colour: corrected by what should not have changed"),
        (moved, "shows the picture moved, cropped or scaled: brought back to its place"),
        (others, f"changed {places} too: left as in the source, since only the face is taken"),
        (whole_frames, f"differs everywhere in {whole_frames} frame(s): whole frames were taken"),
    )
    said = [f"the take of {segment.name} {what}" for applies, what in told if applies]
    if unseen > 0:
        said.append(
            f"{unseen} source frame(s) of {segment.name} were not sent, because the provider takes fewer per second: "
            "they carry the nearest frame's expression"
        )
    return tuple(said)
