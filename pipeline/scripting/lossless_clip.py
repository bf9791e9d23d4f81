"""Replace the picture of a file losslessly by other pictures: same frames, times, size, pixel format and color.

Pictures that are those of the file keep their exact samples; the others are converted by 8-bit RGB. Audio is copied.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputMediaError
from ..core.values import Media, VideoStream
from ..media.clip_writer import (
    ClipWriter,
    ColorTags,
    VideoSettings,
    lossless_encoder,
    rgb_frame,
    track_timescale,
)
from ..media.frames.color import PRIMARIES, SPACES, TRANSFERS
from ..media.frames.decode import exact_frames, rgb, rgb_conversion, turn_coded, turn_upright
from ..media.probe import require_video, restore_properties
from .moviepy_clips import Picture


def require_same_frames(what: str, clip: Any, video: VideoStream, shape: tuple[int, ...]) -> None:
    """Check that a clip has the length, rate and size of the video that it replaces.

    Args:
        what: the beginning of the message, such as `script a:b returned`.
        clip: the MoviePy clip.
        video: the video stream that it replaces.
        shape: (height, width, …) of its upright pictures.

    Raises:
        InputMediaError: it differs; the message says in what.
    """
    rate = float(video.rate)
    size, video_size = tuple(getattr(clip, "size", None) or ()), (shape[1], shape[0])
    count = None if getattr(clip, "duration", None) is None else round(clip.duration * rate)
    differences = []
    if count != video.frame_count:
        length = "no length" if count is None else f"{count} frames"
        differences.append(f"{length} instead of {video.frame_count} frames")
    if (fps := getattr(clip, "fps", None)) is not None and abs(fps - rate) > 1e-3 * rate:
        differences.append(f"{fps:g} frames/s instead of {rate:g}")
    if size != video_size:
        text = "x".join(map(str, size)) or "no size"
        differences.append(f"{text} pixels instead of {video_size[0]}x{video_size[1]}")
    if differences:
        raise InputMediaError(f"{what} {' and '.join(differences)}; a segment must keep its frames")


def write_like(
    picture: Callable[[int], Picture],
    path: Path,
    media: Media,
    output: Path,
    *,
    what: str,
    progress: Callable[[float], None],
) -> int:
    """Write a file like another one, with other pictures, and return how many of them differ.

    Args:
        picture: returns the upright picture of a frame, `(height, width, 3) uint8 RGB`.
        path: the file whose frames are replaced.
        media: its properties.
        output: the new file, named by `file_name`.
        what: the beginning of an error message, such as `script a:b returned`.
        progress: called with 0 to 1 at every frame.

    Raises:
        InputMediaError: a picture has another size.
    """
    video = require_video(media)
    changed = 0
    with LosslessWriter(output, path, media) as writer:
        for index, frame in exact_frames(path, video):
            original = turn_upright(rgb(frame, video), video)
            new = picture(index)
            if new.shape != original.shape:
                raise InputMediaError(f"{what} frame {index} as {new.shape}, not {original.shape}")
            if np.array_equal(new, original):
                writer.add(frame)
            else:
                writer.add_picture(turn_coded(new, video), frame.pts)
                changed += 1
            progress((index + 1) / video.frame_count)
    return changed


def with_facts_of(source: Media, media: Media) -> Media:
    """Return media with the properties of its source that a container loses: rotation, color, exact rate."""
    return media.model_copy(
        update={
            "video": restore_properties(require_video(media), require_video(source)),
            "start_s": source.start_s,
            "duration_s": source.duration_s,
            "start_timecode": source.start_timecode,
            "metrics": source.metrics,
            "notes": source.notes,
        }
    )


def file_name(video: VideoStream) -> str:
    """Name a file that stores this video losslessly on its own time base: x264 in QuickTime, or FFV1 in NUT."""
    return "scripted.mov" if _encoder(video)[0] == "libx264" else "scripted.nut"


def _encoder(video: VideoStream) -> tuple[str, dict[str, str]]:
    return lossless_encoder(video.pix_fmt, (video.width_px, video.height_px))


class LosslessWriter(ClipWriter):
    """Writes one file in a `with` block; frames are added in order, and the audio is copied at the end."""

    def __init__(self, target: Path, path: Path, like: Media) -> None:
        """Start `target`, named by `file_name`, with the properties and the audio of `like`, whose file is `path`."""
        self._like = require_video(like)
        options = {"fflags": "+bitexact"}
        if target.suffix == ".mov":
            options["video_track_timescale"] = str(track_timescale(self._like))
        super().__init__(target, options=options)
        self.add_copies(path, [track.index for track in like.audio])
        self.add_video(self._settings())

    def finish(self) -> None:
        """Flush the encoder, and copy the audio."""
        super().finish()
        self.copy_packets()

    def add(self, frame: Any) -> None:
        """Add a decoded frame unchanged."""
        frame.pict_type = 0
        frame.time_base = self._like.time_base
        self.write_frame(frame)

    def add_picture(self, picture: NDArray[np.uint8], ticks: int) -> None:
        """Add `(height, width, 3) uint8 RGB` in coded orientation, shown at `ticks` of the file's time base."""
        matrix, range_ = rgb_conversion(self._like)
        frame = rgb_frame(picture, self._like.pix_fmt, matrix=matrix, range_=range_)
        frame.pts = ticks
        self.add(frame)

    def _settings(self) -> VideoSettings:
        video = self._like
        encoder, options = _encoder(video)
        return VideoSettings(
            encoder,
            (video.width_px, video.height_px),
            video.rate,
            video.pix_fmt,
            time_base=video.time_base,
            options=options,
            color=ColorTags(
                _code(PRIMARIES, video.color_primaries),
                _code(TRANSFERS, video.color_transfer),
                _code(SPACES, video.color_space),
                rgb_conversion(video)[1],
            ),
        )


def _code(names: dict[int, str], name: str) -> int | None:
    """Return the code point of a name."""
    return next((code for code, known in names.items() if known == name), None)
