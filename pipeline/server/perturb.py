"""Takes that come back otherwise than they were sent, as a host's do: longer, other rate, other size, other colour.

Takes   a finished take and a `Twist`.
Gives   another mp4; the sound is copied.
Raises  ToolFailed when ffmpeg does; BadInput where fewer frames are wanted than one.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg
from pydantic import BaseModel, ConfigDict, Field

from ..core.errors import InputMediaError
from ..core.values import VideoStream


class Twist(BaseModel):
    """How a take differs from what was rendered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    longer_frames: int = Field(default=0, ge=0, le=250, description="repeats of the last frame")
    shorter_frames: int = Field(default=0, ge=0, le=250, description="frames left out at the end")
    rate: str | None = Field(default=None, pattern=r"^[1-9]\d{0,4}(/[1-9]\d{0,3})?$", description="such as 30000/1001")
    width_px: int | None = Field(default=None, ge=16, le=4096, multiple_of=2)
    height_px: int | None = Field(default=None, ge=16, le=4096, multiple_of=2)
    round_lines_to: int | None = Field(
        default=None, ge=2, le=64, multiple_of=2, description="16 gives 1088 lines for 1080, the last one repeated"
    )
    colour_shift: int = Field(default=0, ge=-32, le=32, description="levels added to Cr and taken from Cb")


def argv(ffmpeg_path: str, twist: Twist, video: VideoStream, path: Path, made: Path) -> list[str]:
    """Spell the ffmpeg call; pure."""
    source = ffmpeg.input(f"file:{path}")
    picture = _timed(source["v:0"], twist, video)
    if twist.width_px or twist.height_px:
        picture = picture.filter("scale", twist.width_px or video.width_px, twist.height_px or video.height_px)
    if twist.round_lines_to:
        picture = _rounded(picture, twist.height_px or video.height_px, twist.round_lines_to)
    if twist.colour_shift:
        shift = twist.colour_shift  # what leaves the range is clipped
        picture = picture.filter("lutyuv", u=f"val{-shift:+d}", v=f"val{shift:+d}")
    options: dict[str, Any] = {"c:v": "libx264", "crf": "12", "preset": "ultrafast", "c:a": "copy"}
    out = ffmpeg.output(picture, source["a?"], f"file:{made}", movflags="+faststart", **options)
    spelled: list[str] = out.overwrite_output().compile(cmd=ffmpeg_path)
    return spelled


def _timed(picture: Any, twist: Twist, video: VideoStream) -> Any:
    if twist.shorter_frames >= video.frame_count:
        raise InputMediaError(f"the take has {video.frame_count} frames; {twist.shorter_frames} cannot be left out")
    if twist.shorter_frames:
        picture = picture.filter("trim", end_frame=video.frame_count - twist.shorter_frames)
    if twist.longer_frames:
        picture = picture.filter("tpad", stop=twist.longer_frames, stop_mode="clone")
    return picture.filter("fps", fps=str(Fraction(twist.rate))) if twist.rate else picture


def _rounded(picture: Any, lines: int, step: int) -> Any:
    more = -lines % step
    if not more:
        return picture
    padded = picture.filter("pad", "iw", lines + more, 0, 0)
    return padded.filter("fillborders", bottom=more, mode="smear")
