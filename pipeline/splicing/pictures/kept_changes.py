"""What takes change, kept in memory from their conforming to their splice, so that their files need not be decoded.

A conformed take is a file of complete frames. Most of each is the source's own, which the splice decodes anyway, so the
boxes that a take changes tell the rest. They are kept only while a run asks for it (`keeping_changes`), up to a limit,
for exactly the file that was written: by its place, size and time. Whoever has no boxes reads the file.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a run with everything stored loads no media library
    from av.video.frame import VideoFrame

    from .planes import Plane

MAX_KEPT_BYTES = 128 << 20
"""Of all takes together."""
Box = tuple[slice, slice]
_Identity = tuple[int, int, int, int]


@dataclass(frozen=True)
class FrameBoxes:
    """The box of each plane that a take changes in a frame, and its pixels; empty if it changes nothing."""

    boxes: tuple[Box, ...] = ()
    pixels: tuple[Plane, ...] = ()
    reach: tuple[int, int] | None = None
    """The least and the largest difference of a pixel to the source's, if they are known."""

    def shows_at(self, numerator: int, denominator: int) -> bool | None:
        """Return whether a dissolve with this share of the frame changes the source's; None if that is not known."""
        if self.reach is None:
            return None
        least, largest = self.reach
        # A weighted mean is rounded half up.
        return 2 * largest * numerator >= denominator or 2 * least * numerator < -denominator


@dataclass
class TakeChanges:
    """The changes of a take, frame by frame, against the source's frames in their own format."""

    source_digest: str
    """Of the film whose frames the boxes complete."""
    pix_fmt: str
    frames: list[FrameBoxes] = field(default_factory=list)
    size_bytes: int = 0
    is_complete: bool = True
    """Whether it has every frame so far: what takes more memory than all takes may is not kept, not even meanwhile."""

    def add(self, planes: Sequence[Plane], boxes: Sequence[Box], source: Sequence[Plane] | None = None) -> None:
        """Add the next frame: its finished planes, and the box of each that differs from the source's.

        With the planes of the source, how far its pixels differ is kept, too.
        """
        self.size_bytes += sum(plane[box].nbytes for plane, box in zip(planes, boxes, strict=False))
        if not self.is_complete or self.size_bytes > MAX_KEPT_BYTES:
            self.is_complete = False
            self.frames.clear()
            return
        pixels = tuple(plane[box].copy() for plane, box in zip(planes, boxes, strict=False))
        reach = None
        if source is not None:
            before = (plane[box] for plane, box in zip(source, boxes, strict=False))
            reach = _reach(pixels, before)
        self.frames.append(FrameBoxes(tuple(boxes), pixels, reach))

    def fits(self, frame: VideoFrame) -> bool:
        """Check whether a frame of the source has the format of the boxes."""
        return bool(frame.format.name == self.pix_fmt)

    def write_into(self, frame: VideoFrame, number: int) -> None:
        """Write the take's frame of this number into the source's frame."""
        from .planes import plane_views

        change = self.frames[number]
        if change.boxes:
            frame.make_writable()
        _write(plane_views(frame, writeable=True), change)

    def frame_over(self, frame: VideoFrame, number: int) -> VideoFrame:
        """Return the take's frame of this number as a new one, by the source's frame."""
        from .planes import frame_from_planes, plane_views

        complete = frame_from_planes(plane_views(frame), self.pix_fmt)
        _write(plane_views(complete, writeable=True), self.frames[number])
        return complete


def _reach(pixels: Iterable[Plane], source: Iterable[Plane]) -> tuple[int, int]:
    """Return the least and the largest difference of pixels to the source's; 0 counts as one of them."""
    least = largest = 0
    for after, before in zip(pixels, source, strict=True):
        if after.size:
            difference = after.astype("int32") - before
            least, largest = min(least, int(difference.min())), max(largest, int(difference.max()))
    return least, largest


def _write(planes: Sequence[Plane], change: FrameBoxes) -> None:
    for plane, box, pixels in zip(planes, change.boxes, change.pixels, strict=False):
        plane[box] = pixels


class _Keeper:
    """The takes of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs = 0
        self._takes: dict[_Identity, TakeChanges] = {}

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        with self._lock:
            self._runs += 1
        try:
            yield
        finally:
            with self._lock:
                self._runs -= 1
                if not self._runs:
                    self._takes.clear()

    @property
    def is_open(self) -> bool:
        return self._runs > 0

    def keep(self, path: Path, changes: TakeChanges) -> None:
        identity = _identity(path)
        with self._lock:
            kept_bytes = sum(each.size_bytes for each in self._takes.values())
            has_room = changes.is_complete and kept_bytes + changes.size_bytes <= MAX_KEPT_BYTES
            if self._runs and identity is not None and has_room:
                self._takes[identity] = changes

    def find(self, path: Path) -> TakeChanges | None:
        identity = _identity(path) if self._takes else None
        return self._takes.get(identity) if identity is not None else None


def _identity(path: Path) -> _Identity | None:
    """Return what tells a file from others, also after it was moved: the content of a stored file never changes."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


_keeper = _Keeper()


def keeping_changes() -> contextlib.AbstractContextManager[None]:
    """Keep what takes change until the block, and every other such block, ends."""
    return _keeper.open()


def changes_to_keep(source_digest: str, source_pix_fmt: str, take_pix_fmt: str) -> TakeChanges | None:
    """Return a place for the changes of a new take; None if they are not kept, or its frames need a conversion."""
    plain = source_pix_fmt == take_pix_fmt and take_pix_fmt.startswith("yuv4")
    return TakeChanges(source_digest, take_pix_fmt) if plain and _keeper.is_open else None


def keep_changes(path: Path, changes: TakeChanges) -> None:
    """Keep the changes of a take for the file that was written of it, if there is room."""
    _keeper.keep(path, changes)


def kept_changes(path: Path, source_digest: str) -> TakeChanges | None:
    """Return what a take's file changes in a source, if that is kept."""
    changes = _keeper.find(path)
    return changes if changes is not None and changes.source_digest == source_digest else None
