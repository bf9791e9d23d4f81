"""Stills of a film, exact, by frame number and at viewer size: decoded from the film itself, and kept for stepping.

The film stays open. The frames that were decoded last are kept as they are coded, so that another size of one, or the
frame before it, is decoded only once. Who jumps through a film with far keyframes sees the keyframe before the wanted
frame at once, and of the frames that were asked for only the newest is decoded to its end.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from ...core.errors import InputMediaError, React1Error
from ...core.values import Media
from ...media.frames.random_access import OpenFilm
from ...media.probe import require_video
from ...report.stills import Picture, preview_size, screen_picture

SIZES = (160, 320, 640, 960, 1280, 1920)
"""The longer sides, in px, in which a still can be asked for."""
_STILL_BYTES, _PICTURE_BYTES, _FRAME_BYTES = 32 << 20, 96 << 20, 64 << 20
"""Coded stills, pictures and decoded frames that are kept at most."""
_BACK_FRAMES, _JUMP_FRAMES = 12, 2
"""Frames that are decoded before the wanted one for the next steps backwards: after such a step, and after a jump."""
_QUALITY = 86
Value = TypeVar("Value")


class Superseded(React1Error):
    """A newer request of the same page makes this one useless."""


def nearest_size(wanted: int) -> int:
    """Return the smallest offered size of at least `wanted` px, else the largest."""
    return next((size for size in SIZES if size >= wanted), SIZES[-1])


def jpeg(picture: Picture, quality: int = _QUALITY) -> bytes:
    """Return a picture, `(height, width, 3) uint8 RGB`, as a JPEG."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=quality, subsampling=1)
    return content.getvalue()


class _Recent(Generic[Value]):
    """The values by (frame, longer side in px) that were used last, up to a number of bytes."""

    def __init__(self, most_bytes: int, size: Callable[[Value], int]) -> None:
        self._values: OrderedDict[tuple[int, int], Value] = OrderedDict()
        self._most_bytes, self._size, self._bytes = most_bytes, size, 0
        self._lock = threading.Lock()

    def get(self, key: tuple[int, int]) -> Value | None:
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: tuple[int, int], value: Value) -> Value:
        with self._lock:
            if key not in self._values:
                self._values[key] = value
                self._bytes += self._size(value)
                while self._bytes > self._most_bytes and len(self._values) > 1:
                    self._bytes -= self._size(self._values.popitem(last=False)[1])
        return value


class FilmPictures:
    """The stills of one film; all methods may be called from any thread."""

    def __init__(self, path: Path, media: Media) -> None:
        self._video = require_video(media)
        self._film, self._keyframes = OpenFilm(path, self._video), OpenFilm(path, self._video)
        self._lock, self._keyframe_lock, self._newest_lock = threading.Lock(), threading.Lock(), threading.Lock()
        frame_bytes = 2 * self._video.width_px * self._video.height_px
        self._back_frames = max(2, min(_BACK_FRAMES, _FRAME_BYTES // max(1, frame_bytes)))
        self._frames: OrderedDict[int, Any] = OrderedDict()
        """Decoded frames by their index, the newest last."""
        self._pictures: _Recent[Picture] = _Recent(_PICTURE_BYTES, lambda picture: picture.nbytes)
        self._stills: _Recent[bytes] = _Recent(_STILL_BYTES, len)
        self._newest: OrderedDict[str, int] = OrderedDict()
        """The number of the newest request of each page."""

    def size(self, side_px: int) -> tuple[int, int]:
        """Return (width, height) of a still whose longer side has at most `side_px`."""
        return preview_size(self._video, side_px)

    def wanted_by(self, page: str, sequence: int) -> Callable[[], bool]:
        """Note a request of a page; return what says whether the page has not asked for something newer since."""
        with self._newest_lock:
            self._newest[page] = max(self._newest.pop(page, 0), sequence)
            while len(self._newest) > 64:
                self._newest.popitem(last=False)
        return lambda: not page or sequence >= self._newest.get(page, 0)

    def picture(self, frame: int, side_px: int, is_wanted: Callable[[], bool] = lambda: True) -> Picture:
        """Return a frame as `(height, width, 3) uint8 RGB`, upright.

        Args:
            frame: its index.
            side_px: the longer side of the picture.
            is_wanted: asked while frames are decoded; as soon as it says no, the decoder is left to others.

        Raises:
            InputMediaError: there is no such frame, or it is damaged.
            Superseded: the picture is not wanted any more.
        """
        self._require(frame)
        with self._lock:
            key = (frame, side_px)
            picture = self._pictures.get(key)
            if picture is None:
                picture = self._pictures.put(key, self._shown(self._decoded(frame, is_wanted), side_px))
            return picture

    def still(self, frame: int, side_px: int, is_wanted: Callable[[], bool] = lambda: True) -> bytes:
        """Return a frame as a JPEG; arguments and errors as for `picture`."""
        key = (frame, side_px)
        return self._stills.get(key) or self._stills.put(key, jpeg(self.picture(frame, side_px, is_wanted)))

    def near_still(self, frame: int, side_px: int) -> tuple[int, bytes] | None:
        """Return (index, JPEG) of the keyframe at or before a frame: what can be shown before the frame is decoded.

        None if no seek leads to one.

        Raises:
            InputMediaError: there is no such frame.
        """
        self._require(frame)
        with self._keyframe_lock:
            keyframe = self._keyframes.keyframe(frame)
            if keyframe is None:
                return None
            key = (keyframe[0], side_px)
            return keyframe[0], self._stills.get(key) or self._stills.put(key, jpeg(self._shown(keyframe[1], side_px)))

    def close(self) -> None:
        """Close the film."""
        with self._lock, self._keyframe_lock:
            self._film.close()
            self._keyframes.close()
            self._frames.clear()

    def _require(self, frame: int) -> None:
        if not 0 <= frame < self._video.frame_count:
            raise InputMediaError(f"there is no frame {frame}: the film has frames 0 to {self._video.frame_count - 1}")

    def _shown(self, frame: Any, side_px: int) -> Picture:
        return screen_picture(frame, self._video, self.size(side_px))

    def _decoded(self, frame: int, is_wanted: Callable[[], bool]) -> Any:
        """Return a decoded frame; those before it are kept for steps backwards."""
        if frame in self._frames:
            return self._frames[frame]

        def check() -> None:
            if not is_wanted():
                raise Superseded("a newer frame was asked for")

        newest = next(reversed(self._frames), -1)
        ahead = frame - newest if newest >= 0 else frame
        if 0 < ahead <= self._back_frames:
            start = newest + 1
        else:
            start = max(0, frame - (self._back_frames if -self._back_frames <= ahead < 0 else _JUMP_FRAMES))
        for index, decoded in self._film.frames(start, frame + 1, check):
            self._frames.pop(index, None)
            self._frames[index] = decoded
            while len(self._frames) > self._back_frames + 1:
                self._frames.popitem(last=False)
        return self._frames[frame]
