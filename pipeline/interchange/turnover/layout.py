"""The layout of a turnover's timeline: one film on the first track, clips on the second, all in whole frames.

The writers of OTIO, FCPXML and EDL read nothing else. `marker_note` describes a clip in a form that can be read back as
an edit.

File names with versions, so that nothing that was delivered is overwritten.

`NAME_react1_v001.mov`; the timelines of a turnover have the same version as its clips.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from ...core.times import frames_per_day, timecode_of_day
from ...core.values import Turnover, TurnoverClip
from ...media.probe import require_video
from ...media.timing.clock import timecode_clock

_INVALID = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
"""Characters that Windows refuses in file names; a turnover is copied to other machines."""
_MAX_BYTES = 120
"""File systems allow 255 bytes; an edit's name, the version and the dialect follow."""


def portable_name(stem: str) -> str:
    """Return a film's name without its suffix, valid on every file system; `film` if nothing is left."""
    name = _INVALID.sub("_", stem).encode()[:_MAX_BYTES].decode(errors="ignore")
    return name.rstrip(" .") or "film"


def unique_name(name: str, taken: Collection[str]) -> str:
    """Return a name that differs from the others in more than case, which some file systems ignore."""
    others = {other.casefold() for other in taken}
    candidate, number = name, 1
    while candidate.casefold() in others:
        number += 1
        candidate = f"{name}-{number}"
    return candidate


def clip_name(clip: TurnoverClip, version: int) -> str:
    """Return the file name of a clip."""
    return f"{clip.name}_react1_v{version:03}{clip.file.suffix}"


def timeline_name(title: str, dialect: str, kind: str, version: int) -> str:
    """Return the file name of a timeline; `dialect` is the editing system, `kind` the suffix without its dot."""
    return f"{title}_react1_v{version:03}.{dialect}.{kind}"


@dataclass(frozen=True)
class PlacedFile:
    """A file on a track; positions and lengths in frames."""

    name: str
    """File name."""
    path: str
    """Path relative to the timeline's folder, with `/`, or a URL."""
    reel: str
    start: int
    """Label of the file's first frame, as a count from 00:00:00:00."""
    count: int
    head: int
    """Frames before the used part."""
    used: int
    place: int
    """Frame of the film at which the used part begins."""
    audible: bool
    """Whether the sound of a clip replaces the film's."""
    about: dict[str, Any]
    """The request and its result, for the marker."""

    @property
    def url(self) -> str:
        """Return the path as a relative URL; a URL is returned unchanged."""
        return self.path if "://" in self.path else quote(os.fsencode(self.path))


@dataclass(frozen=True)
class TimelineLayout:
    """The contents of a timeline."""

    title: str
    rate: Fraction
    drop: bool
    size_px: tuple[int, int]
    """Width and height of the upright picture in its own pixels, whose shape is `pixel_aspect`."""
    colour: str
    """ffmpeg's names of primaries, transfer and matrix, separated by spaces; empty if the film has none."""
    sample_rate_hz: int
    """0 if the film has no sound."""
    channels: int
    film: PlacedFile
    clips: tuple[PlacedFile, ...]
    pixel_aspect: Fraction = Fraction(1)
    """Width of a pixel divided by its height."""
    tracks: int = 1
    """Audio tracks of the film and of each clip; `channels` is the total of all tracks."""

    @property
    def audible_clips(self) -> tuple[PlacedFile, ...]:
        """Return the clips whose sound replaces the film's."""
        return tuple(clip for clip in self.clips if clip.audible)

    @property
    def film_sound_parts(self) -> tuple[PlacedFile, ...]:
        """Return the parts of the film that keep their own sound: all except those under an audible clip."""
        if not self.sample_rate_hz:
            return ()
        parts, end = [], 0
        for place, used in (*((clip.place, clip.used) for clip in self.audible_clips), (self.film.used, 0)):
            if place > end:
                parts.append(replace(self.film, head=end, used=place - end, place=end))
            end = place + used
        return tuple(parts)

    def label(self, count: int) -> str:
        """Return the label of a frame count, wrapping at midnight."""
        return str(timecode_of_day(count, self.rate, drop=self.drop))


def build_layout(turnover: Turnover, folder: Path, version: int) -> TimelineLayout:
    """Build the layout of a turnover whose files go to a folder under a version of their names."""
    video = require_video(turnover.source)
    rate, drop, start = timecode_clock(turnover.source)
    tracks, turned = turnover.source.audio, video.rotation_deg in (90, 270)
    path = _relative(turnover.source_path, folder)
    film = PlacedFile(
        PurePosixPath(path).name, path, turnover.reel, start, video.frame_count, 0, video.frame_count, 0, False, {}
    )
    colour = f"{video.color_primaries} {video.color_transfer} {video.color_space}".strip()
    return TimelineLayout(
        turnover.title,
        rate,
        drop,
        (video.height_px, video.width_px) if turned else (video.width_px, video.height_px),
        colour,
        tracks[0].sample_rate_hz if tracks else 0,
        sum(track.channels for track in tracks),
        film,
        tuple(
            _place_clip(clip, start, frames_per_day(rate, drop=drop), turnover.reel, version) for clip in turnover.clips
        ),
        1 / video.sample_aspect if turned else video.sample_aspect,
        len(tracks),
    )


def _place_clip(clip: TurnoverClip, start: int, day: int, reel: str, version: int) -> PlacedFile:
    name = clip_name(clip, version)
    first = clip.start_frame - clip.head_frames
    return PlacedFile(
        name,
        name,
        reel,
        (start + first) % day,  # a clip that begins after midnight has a label of the next day
        clip.end_frame + clip.tail_frames - first,
        clip.head_frames,
        clip.end_frame - clip.start_frame,
        clip.start_frame,
        clip.changes_sound,
        clip.about,
    )


def _relative(path: str, folder: Path) -> str:
    """Return a film's path relative to a folder; URLs and films on another drive stay absolute."""
    if "://" in path:
        return path
    try:
        return PurePosixPath(Path(os.path.relpath(Path(path).absolute(), folder.absolute()))).as_posix()
    except ValueError:
        return Path(path).absolute().as_posix()


REQUEST_FIELDS = ("prompt", "temperature", "model_mode", "sync_mode")
RESULT_FIELDS = ("provider", "request_id", "cost_usd")


def marker_note(about: Mapping[str, Any]) -> str:
    """Format the request and its result on one line: `react1: prompt=sad temperature=0.6 …`."""
    names = [name for name in (*REQUEST_FIELDS, *RESULT_FIELDS) if about.get(name) not in (None, "")]
    return f"react1: {' '.join(f'{name}={about[name]}' for name in names)}"
