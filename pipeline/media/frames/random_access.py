"""A film that stays open, for frames in any order: to show one, not to process a span.

The container and its index are read once. A jump decodes from the keyframe before the wanted frame and leaves out what
no other frame needs (H.264 and MPEG-2 mark such frames); the next frames continue where the decoder is. The frames are
those of `exact_frames`, which also reads what cannot be read this way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av

from ...core.values import VideoStream
from .decode import exact_frames, packets_from
from .film_readers import open_media

_FORWARD_FRAMES = 40
"""Up to this many frames ahead the decoder goes on, rather than seeking."""
_MARKS_UNNEEDED = frozenset({"h264"})
"""Codecs that say of a picture whether another one is predicted from it; in HEVC that holds for its own layer only."""


class OpenFilm:
    """The pictures of one film by their index; one thread at a time."""

    def __init__(self, path: Path, video: VideoStream) -> None:
        """Prepare a film; it is opened when a frame is asked for.

        Args:
            path: the film.
            video: its picture stream.
        """
        self._path, self._video = path, video
        self._leaves_out = video.codec in _MARKS_UNNEEDED and not video.interlaced
        self._opened = ExitStack()
        self._container: Any = None
        self._decoded: Iterator[Any] | None = None
        self._next = 0
        """The index of the frame that `_decoded` gives next, if it gives all of them."""
        self._kept_pts = 0
        """Frames that are shown before this time may be left out."""

    def frames(self, start: int, end: int, check: Callable[[], None] = lambda: None) -> Iterator[tuple[int, Any]]:
        """Yield (index, `av.VideoFrame`) for the frames [start, end), as coded.

        Args:
            start: the first index.
            end: the index after the last.
            check: called before each frame is decoded, also before those that lie between the keyframe and `start`; it
                raises to give up, and the decoder can be used again.

        Raises:
            InputMediaError: a frame is missing or damaged.
        """
        due = start
        try:
            for index, frame in self._frames(start, end, check):
                yield index, frame
                due = index + 1
        except av.FFmpegError:
            self._decoded = None
        if due < end:
            self._decoded = None
            yield from exact_frames(self._path, self._video, due, end)

    def keyframe(self, frame: int) -> tuple[int, Any] | None:
        """Return (index, `av.VideoFrame`) of the keyframe at or before a frame, decoding that one only.

        None if no seek leads to one. The next call of `frames` seeks.

        Raises:
            InputMediaError: the film cannot be opened.
        """
        self._decoded = None
        stream = self._stream()
        packets = packets_from(self._container, stream, int(self._video.timestamps.array[frame]))
        try:
            packet = next(packets) if packets is not None else None
            decoded = [*packet.decode(), *stream.codec_context.decode(None)] if packet is not None else []
        except av.FFmpegError:
            return None
        known = [(self._index_of(picture), picture) for picture in decoded]
        return next(((index, picture) for index, picture in known if index >= 0), None)

    def close(self) -> None:
        """Close the film; it is opened again when a frame is asked for."""
        self._decoded = self._container = None
        self._opened.close()

    def _frames(self, start: int, end: int, check: Callable[[], None]) -> Iterator[tuple[int, Any]]:
        """Yield frames in order, up to the first that is missing."""
        if self._decoded is None or not 0 <= start - self._next <= _FORWARD_FRAMES:
            self._decoded = self._decode_from(start)
            if self._decoded is None:
                return
        self._kept_pts = int(self._video.timestamps.array[start])
        wanted = start
        while wanted < end:
            check()
            frame = next(self._decoded, None)
            index = self._index_of(frame) if frame is not None else end
            if index > wanted:
                self._decoded = None
                return
            self._next = max(self._next, index + 1)
            if index == wanted:
                yield index, frame
                wanted += 1

    def _index_of(self, frame: Any) -> int:
        """Return the index of a decoded frame; -1 if the film has none at its time."""
        times = self._video.timestamps.array
        if frame.pts is None:
            return -1
        index = int(times.searchsorted(frame.pts))
        return index if index < len(times) and times[index] == frame.pts else -1

    def _decode_from(self, frame: int) -> Iterator[Any] | None:
        stream = self._stream()
        packets = packets_from(self._container, stream, int(self._video.timestamps.array[frame]))
        self._next = frame
        return self._decode(stream.codec_context, packets) if packets is not None else None

    def _decode(self, context: Any, packets: Iterator[Any]) -> Iterator[Any]:
        for packet in packets:
            if self._leaves_out:
                is_early = packet.pts is not None and packet.pts < self._kept_pts
                context.skip_frame = "NONREF" if is_early else "DEFAULT"
            yield from packet.decode()

    def _stream(self) -> Any:
        """Return the picture stream; its decoder starts anew."""
        if self._container is None:
            self._container = self._opened.enter_context(open_media(self._path))
            self._container.streams[self._video.index].thread_type = "AUTO"
        stream = self._container.streams[self._video.index]
        if self._leaves_out:
            stream.codec_context.skip_frame = "DEFAULT"
        return stream
