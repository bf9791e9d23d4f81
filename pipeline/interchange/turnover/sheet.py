"""What a timeline is written from: one film on the first track, clips on the second, all in whole frames.

Pure: the writers of OTIO, FCPXML and EDL read it, and nothing else.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from ...core.times import frames_per_day, timecode_of_day
from ...core.values import Turnover, TurnoverClip
from ...media.clock import label_clock
from ...media.probe import require_video
from .versions import clip_name


@dataclass(frozen=True)
class Piece:
    """A file on a track. Frames; `start` counts from 00:00:00:00 of the day."""

    name: str
    """The file's name."""
    path: str
    """From the timeline's folder, with `/`."""
    reel: str
    start: int
    """The label of the file's first frame."""
    count: int
    head: int
    """Frames before the part that is used."""
    used: int
    place: int
    """Where on the film the used part lies."""
    sounds: bool
    about: dict[str, Any]

    @property
    def url(self) -> str:
        """Spell the path as a relative URL; an address is one already."""
        return self.path if "://" in self.path else quote(os.fsencode(self.path))


@dataclass(frozen=True)
class Sheet:
    """A timeline."""

    title: str
    rate: Fraction
    drop: bool
    size_px: tuple[int, int]
    """Of the upright picture, in its own pixels, whose shape is `pixel_aspect`."""
    colour: str
    """ffmpeg's names of primaries, transfer and matrix, joined by a blank; empty where the film does not say."""
    sample_rate_hz: int
    """0 where the film has no sound."""
    channels: int
    film: Piece
    clips: tuple[Piece, ...]
    pixel_aspect: Fraction = Fraction(1)
    """How wide a pixel is beside its height."""
    tracks: int = 1
    """Sound tracks of the film, and of each clip; `channels` are those of all of them."""

    @property
    def sounding(self) -> tuple[Piece, ...]:
        """The clips whose sound is to be heard."""
        return tuple(clip for clip in self.clips if clip.sounds)

    @property
    def heard(self) -> tuple[Piece, ...]:
        """The parts of the film whose own sound is to be heard: a new line would else be heard over the old one."""
        if not self.sample_rate_hz:
            return ()
        parts, reached = [], 0
        for place, used in (*((clip.place, clip.used) for clip in self.sounding), (self.film.used, 0)):
            if place > reached:
                parts.append(replace(self.film, head=reached, used=place - reached, place=reached))
            reached = place + used
        return tuple(parts)

    def label(self, count: int) -> str:
        """Spell the label of a frame; a day has 24 hours."""
        return str(timecode_of_day(count, self.rate, drop=self.drop))


def sheet_of(turnover: Turnover, folder: Path, version: int) -> Sheet:
    """Lay out a turnover whose files go to a folder, under a version of their names."""
    video = require_video(turnover.source)
    rate, drop, start = label_clock(turnover.source)
    sounds, turned = turnover.source.audio, video.rotation_deg in (90, 270)
    path = _relative(turnover.source_path, folder)
    film = Piece(
        PurePosixPath(path).name, path, turnover.reel, start, video.frame_count, 0, video.frame_count, 0, False, {}
    )
    colour = f"{video.color_primaries} {video.color_transfer} {video.color_space}".strip()
    return Sheet(
        turnover.title,
        rate,
        drop,
        (video.height_px, video.width_px) if turned else (video.width_px, video.height_px),
        colour,
        sounds[0].sample_rate_hz if sounds else 0,
        sum(sound.channels for sound in sounds),
        film,
        tuple(_piece(clip, start, frames_per_day(rate, drop=drop), turnover.reel, version) for clip in turnover.clips),
        1 / video.sample_aspect if turned else video.sample_aspect,
        len(sounds),
    )


def _piece(clip: TurnoverClip, start: int, day: int, reel: str, version: int) -> Piece:
    name = clip_name(clip, version)
    first = clip.start_frame - clip.head_frames
    return Piece(
        name,
        name,
        reel,
        (start + first) % day,  # a clip that begins after midnight says so itself
        clip.end_frame + clip.tail_frames - first,
        clip.head_frames,
        clip.end_frame - clip.start_frame,
        clip.start_frame,
        clip.changes_sound,
        clip.about,
    )


def _relative(path: str, folder: Path) -> str:
    """Give the way from a folder to a film; an address stays whole, and so does a film on another disk."""
    if "://" in path:
        return path
    try:
        return PurePosixPath(Path(os.path.relpath(Path(path).absolute(), folder.absolute()))).as_posix()
    except ValueError:
        return Path(path).absolute().as_posix()
