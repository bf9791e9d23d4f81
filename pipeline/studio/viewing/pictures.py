"""Exact stills of a film by frame number, at viewer size: decoded from the film itself, kept for stepping."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from ...core.errors import InputMediaError
from ...core.values import Media
from ...media.frames.decode import exact_frames
from ...media.probe import require_video
from ...report.stills import Picture, preview_size, screen_picture

SIZES = (160, 320, 640, 960, 1280, 1920)
"""The longer sides, in px, in which a still can be asked for."""
_PICTURES, _STILLS = 48, 400
"""Decoded pictures and coded stills that are kept."""
_FORWARD_FRAMES = 40
"""Up to this many frames ahead the decoder goes on, rather than seeking."""
_BACK_FRAMES = 12
"""Frames that are decoded before the wanted one when stepping backwards, for the next steps."""
_QUALITY = 86


def nearest_size(wanted: int) -> int:
    """Return the smallest offered size of at least `wanted` px, else the largest."""
    return next((size for size in SIZES if size >= wanted), SIZES[-1])


def jpeg(picture: Picture, quality: int = _QUALITY) -> bytes:
    """Return a picture, `(height, width, 3) uint8 RGB`, as a JPEG."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=quality, subsampling=1)
    return content.getvalue()


class FilmPictures:
    """The stills of one film; all methods may be called from any thread."""

    def __init__(self, path: Path, media: Media) -> None:
        self._path, self._media = path, media
        self._video = require_video(media)
        self._lock = threading.Lock()
        self._decoder: Iterator[tuple[int, Any]] | None = None
        self._next = 0
        self._decoding_side = 0
        self._pictures: OrderedDict[tuple[int, int], Picture] = OrderedDict()
        self._stills: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    def size(self, side_px: int) -> tuple[int, int]:
        """Return (width, height) of a still whose longer side has at most `side_px`."""
        return preview_size(self._video, side_px)

    def picture(self, frame: int, side_px: int) -> Picture:
        """Return a frame as `(height, width, 3) uint8 RGB`, upright.

        Raises:
            InputMediaError: there is no such frame, or it is damaged.
        """
        if not 0 <= frame < self._video.frame_count:
            raise InputMediaError(f"there is no frame {frame}: the film has frames 0 to {self._video.frame_count - 1}")
        with self._lock:
            key = (frame, side_px)
            if key not in self._pictures:
                self._decode_to(frame, side_px)
            self._pictures.move_to_end(key)
            return self._pictures[key]

    def still(self, frame: int, side_px: int) -> bytes:
        """Return a frame as a JPEG; raises as `picture` does."""
        key = (frame, side_px)
        with self._lock:
            if key in self._stills:
                self._stills.move_to_end(key)
                return self._stills[key]
        content = jpeg(self.picture(frame, side_px))
        with self._lock:
            self._stills[key] = content
            while len(self._stills) > _STILLS:
                self._stills.popitem(last=False)
        return content

    def close(self) -> None:
        """Close the film."""
        with self._lock:
            self._stop()

    def _decode_to(self, frame: int, side_px: int) -> None:
        ahead = frame - self._next
        if self._decoder is None or self._decoding_side != side_px or not 0 <= ahead <= _FORWARD_FRAMES:
            is_step_back = self._decoder is not None and -_FORWARD_FRAMES <= ahead < 0
            self._stop()
            start = max(0, frame - _BACK_FRAMES) if is_step_back else frame
            self._decoder = exact_frames(self._path, self._video, start)
            self._next, self._decoding_side = start, side_px
        try:
            for index, decoded in self._decoder:
                self._next = index + 1
                if frame - index <= _BACK_FRAMES:
                    self._keep((index, side_px), screen_picture(decoded, self._video, self.size(side_px)))
                if index == frame:
                    return
        except InputMediaError:
            self._stop()
            raise
        self._stop()
        raise InputMediaError(f"frame {frame} of the film cannot be decoded")

    def _keep(self, key: tuple[int, int], picture: Picture) -> None:
        self._pictures[key] = picture
        while len(self._pictures) > _PICTURES:
            self._pictures.popitem(last=False)

    def _stop(self) -> None:
        if self._decoder is not None:
            with closing(cast("Any", self._decoder)):
                self._decoder = None
