"""The live preview: the faces of the shown shot, and one frame of it with another expression, at once.

A film is searched for faces in blocks of frames, when a block is first shown; what is found is cached by content. Until
then the page shows the frame as it is. One frame is rendered per request; of several requests of one page only the
newest is served.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from ...core.edits.choices import React1Choices
from ...core.errors import React1Error
from ...core.values import Media
from ...engine.detect.detect import (
    CACHE_SUFFIX,
    Detections,
    cache_key_parts,
    detect_faces,
    read_detections,
    write_detections,
)
from ...engine.frames.clip_frames import VideoFormat
from ...engine.render.live_face import LiveFace, live_faces
from ...executors.base import StoreContext
from ...media.clip_writer import rgb_frame
from ...media.frames.decode import exact_frames
from ...media.frames.shots import Shot, split_at_cuts
from ...media.probe import require_video
from ...media.timing.clock import timecode_rate
from ...report.stills import Picture, preview_size, screen_picture
from ..answers.film_answers import ShownFace
from .film_pictures import FilmPictures, Superseded, jpeg

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

BLOCK_FRAMES = 125
"""Frames that are searched together: five seconds at 25 frames/s."""
DETECTION_PX = 1280
"""The longer side of the pictures in which faces are searched."""
VIEWER_PX = 960
_MOST_WAITING = 2
"""Blocks that wait for their search, besides the one that is being searched; older ones are dropped."""
_GIVES_WAY = 0.5
"""A block of which less than this share is searched gives way to a newer one, and is searched after it."""
_TEETH_FRAMES = 3
_CARD_PX = 220
_CARD_MARGIN = 0.2
"""Of the face's height, around it on a card."""
_VERSION = 1
Box = tuple[float, float, float, float]
"""Left, top, right and bottom."""


@dataclass
class _Block:
    share: float = 0.0
    shots: list[tuple[Shot, list[LiveFace]]] = field(default_factory=list)
    done: bool = False
    problem: str = ""


class LivePreview:
    """The faces and previews of one film; all methods may be called from any thread."""

    def __init__(
        self,
        path: Path,
        media: Media,
        pictures: FilmPictures,
        new_context: Callable[[Callable[[float], None]], StoreContext],
        notify: Callable[[int, float], None],
    ) -> None:
        """Prepare the preview of a film.

        Args:
            path: the film.
            media: its probe.
            pictures: its stills.
            new_context: makes a context whose `progress` calls the given function.
            notify: gets the first frame of a block and the share that is searched, also when it is done.
        """
        self._path, self._media, self._pictures = path, media, pictures
        self._new_context, self._notify = new_context, notify
        self._video = require_video(media)
        self._fps = timecode_rate(self._video)
        self._blocks: dict[int, _Block] = {}
        self._waiting: list[int] = []
        """The numbers of blocks that are not searched yet, the newest last."""
        self._lock = threading.Lock()
        self._render_lock = threading.Lock()
        self._newest: dict[str, int] = {}
        self._scanner = ThreadPoolExecutor(1, thread_name_prefix="react1-studio-scan")
        self._closed = False

    def close(self) -> None:
        """Stop searching."""
        self._closed = True
        self._scanner.shutdown(wait=True, cancel_futures=True)

    def scan(self, frame: int) -> _Block:
        """Return the block of a frame; its search is started if it was not."""
        number = frame // BLOCK_FRAMES
        with self._lock:
            block = self._blocks.get(number)
            if block is None:
                block = self._blocks[number] = _Block()
                self._waiting.append(number)
                self._drop_oldest()
                self._scanner.submit(self._scan_newest)
        return block

    def _drop_oldest(self) -> None:
        """Drop what waits for too long: somebody scrubs through the film, and it is searched when it is shown again."""
        for dropped in self._waiting[:-_MOST_WAITING]:
            del self._blocks[dropped]
        del self._waiting[:-_MOST_WAITING]

    def _scan_newest(self) -> None:
        with self._lock:
            if not self._waiting:
                return
            number = self._waiting.pop()
            block = self._blocks[number]
        self._scan_block(number, block)

    def status(self, frame: int) -> tuple[float, str]:
        """Return the searched share of the block of a frame, and what went wrong with it."""
        block = self.scan(frame)
        return (1.0 if block.done else min(0.99, block.share)), block.problem

    def faces(self, frame: int) -> list[ShownFace]:
        """Return the faces that a frame shows; empty before they are searched."""
        found_shot = self._shot_of(frame)
        if found_shot is None:
            return []
        first, faces = found_shot
        shown = []
        for face in faces:
            box = face.box(frame - first)
            if box is not None:
                left, top, right, bottom = self._shares(box)
                shown.append(
                    ShownFace(
                        number=face.number, left=left, top=top, right=right, bottom=bottom, frames=face.detected_frames
                    )
                )
        return shown

    def count(self, frame: int) -> int:
        """Return the number of faces in the shot of a frame; 0 before they are searched."""
        found_shot = self._shot_of(frame)
        return len(found_shot[1]) if found_shot else 0

    def path(self, start: int, end: int, seen: Sequence[tuple[int, Box]]) -> list[Box | None]:
        """Return the box of a face in each frame of [start, end), as `faces` does; None where it is not known.

        What was not searched yet is None too, and no search is started for it. `seen` has frames in which the face was
        seen, and where: of several the nearest in time counts, and without any it is the largest face.
        """
        boxes: list[Box | None] = []
        numbers: dict[int, int] = {}
        for frame in range(start, end):
            block = self._blocks.get(frame // BLOCK_FRAMES)
            found_shot = self._shot_of(frame) if block is not None and block.done else None
            if found_shot is None:
                boxes.append(None)
                continue
            first, faces = found_shot
            if first not in numbers:
                numbers[first] = self._nearest(first, faces, seen)
            found_face = self._face(frame, numbers[first])
            box = found_face[0].box(found_face[1]) if found_face else None
            boxes.append(self._shares(box) if box is not None else None)
        return boxes

    def _nearest(self, first: int, faces: Sequence[LiveFace], seen: Sequence[tuple[int, Box]]) -> int:
        """Return the number of the face of a shot that is where one was seen; 0 if none is there."""
        if not seen or not faces:
            return 0
        last = first + len(faces[0].landmarks) - 1
        at, place = min(seen, key=lambda item: max(first - item[0], item[0] - last, 0))
        boxes = {face.number: face.box(min(max(at, first), last) - first) for face in faces}
        away = {number: math.dist(_middle(self._shares(box)), _middle(place)) for number, box in boxes.items() if box}
        return min(away, key=lambda number: away[number], default=0)

    def _shares(self, box: Box) -> Box:
        """Return a box of the pictures that are searched as shares of the picture."""
        width, height = preview_size(self._video, DETECTION_PX)
        left, top, right, bottom = box
        return round(left / width, 4), round(top / height, 4), round(right / width, 4), round(bottom / height, 4)

    def shot(self, frame: int) -> Shot | None:
        """Return the frames [start, end) of the shot of a frame within its block; None before the search."""
        block, offset = self.scan(frame), frame // BLOCK_FRAMES * BLOCK_FRAMES
        if not block.done:
            return None
        shots = [(first + offset, last + offset) for (first, last), _ in block.shots]
        return next((shot for shot in shots if shot[0] <= frame < shot[1]), None)

    def render(
        self,
        frame: int,
        number: int,
        choices: React1Choices,
        strength: float,
        side_px: int = VIEWER_PX,
        *,
        page: str = "",
        sequence: int = 0,
    ) -> bytes:
        """Return a frame with another expression as a JPEG; the frame itself where the face is not seen.

        Args:
            frame: of the film.
            number: of the face in its shot; 0 for the largest.
            choices: the emotion, its temperature and its region.
            strength: the share of the expression, 0 to 1.
            side_px: the longer side of the picture.
            page: identifies the page that asks; of its requests only the newest is rendered.
            sequence: rises with each request of that page.

        Raises:
            Superseded: the page has asked for something newer.
            InputMediaError: the frame cannot be decoded.
        """
        if page:
            self._newest[page] = max(self._newest.get(page, 0), sequence)
        with self._render_lock:
            if page and sequence < self._newest.get(page, 0):
                raise Superseded("a newer preview was asked for")
            picture = self._pictures.picture(frame, side_px)
            found_face = self._face(frame, number)
            if found_face is None:
                return jpeg(picture, 84)
            face, local = found_face
            scale = picture.shape[1] / preview_size(self._video, DETECTION_PX)[0]
            return jpeg(face.draw(picture, local, choices, strength=strength, scale=scale), 84)

    def card(self, frame: int, number: int, choices: React1Choices | None) -> bytes | None:
        """Return the face of a frame in an expression, or as it is, as a small JPEG; None where it is not seen.

        Raises:
            InputMediaError: the frame cannot be decoded.
        """
        found_face = self._face(frame, number)
        if found_face is None:
            return None
        face, local = found_face
        box = face.box(local)
        if box is None:
            return None
        picture = self._pictures.picture(frame, DETECTION_PX)
        margin = _CARD_MARGIN * (box[3] - box[1])
        half = max(box[2] - box[0], box[3] - box[1]) / 2 + margin
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        left, top = max(0, int(x - half)), max(0, int(y - half))
        part = picture[top : int(y + half), left : int(x + half)]
        scaled, scale = _shrink(part, _CARD_PX)
        if choices is None:
            return jpeg(scaled, 82)
        with self._render_lock:
            return jpeg(face.draw(scaled, local, choices, corner_px=(left, top), scale=scale), 82)

    def _face(self, frame: int, number: int) -> tuple[LiveFace, int] | None:
        found_shot = self._shot_of(frame)
        if found_shot is None:
            return None
        first, faces = found_shot
        chosen = next((face for face in faces if face.number == number), None)
        if chosen is None and faces and number == 0:
            chosen = max(faces, key=lambda face: face.detected_frames * face.unit_px**2)
        return (chosen, frame - first) if chosen is not None else None

    def _shot_of(self, frame: int) -> tuple[int, list[LiveFace]] | None:
        block, offset = self.scan(frame), frame // BLOCK_FRAMES * BLOCK_FRAMES
        for (first, last), faces in block.shots if block.done else ():
            if first + offset <= frame < last + offset:
                return first + offset, faces
        return None

    def _scan_block(self, number: int, block: _Block) -> None:
        first = number * BLOCK_FRAMES
        end = min(first + BLOCK_FRAMES, self._video.frame_count)

        def report(share: float) -> None:
            if self._closed or (self._waiting and share < _GIVES_WAY):
                raise Superseded("the studio stops, or shows another part of the film")
            block.share = share
            self._notify(first, share)

        try:
            detections = self._detections(first, end, report)
            block.shots = self._shots(detections, first)
        except Superseded:
            self._scan_later(number, block)
            return
        except React1Error as error:
            block.problem = str(error)
        except Exception as error:
            block.problem = f"the faces cannot be searched: {type(error).__name__}: {error}"
            self._searched(block, first)
            raise
        self._searched(block, first)

    def _searched(self, block: _Block, first: int) -> None:
        block.done = True
        if not self._closed:
            self._notify(first, 1.0)

    def _scan_later(self, number: int, block: _Block) -> None:
        """Put a block that gave way before those that wait, so that it is searched last."""
        block.share = 0.0
        with self._lock:
            if not self._closed:
                self._waiting.insert(0, number)
                self._drop_oldest()
                self._scanner.submit(self._scan_newest)

    def _detections(self, first: int, end: int, report: Callable[[float], None]) -> Detections:
        from ...engine import available

        available.require()
        key: dict[str, Any] = {
            "what": "studio faces",
            "film": self._media.file.digest,
            "frames": [first, end],
            "side": DETECTION_PX,
            "by": cache_key_parts(),
            "version": _VERSION,
        }
        with closing(self._new_context(report)) as context:
            cached = context.cache_get(key)
            detections = read_detections(cached) if cached is not None else None
            if detections is None:
                size = preview_size(self._video, DETECTION_PX)
                frames = SimpleNamespace(
                    expected_count=end - first,
                    times=tuple(range(end - first)),
                    decode_all=lambda: self._frames(first, end),
                )
                video_format = VideoFormat(*size, self._fps, 1, 1, 1, 1)
                detections = detect_faces(cast("Any", frames), video_format, lambda share: report(0.9 * share))
                path = context.temp_path(f"faces{CACHE_SUFFIX}")
                write_detections(path, detections)
                context.cache_put(key, path)
        return detections

    def _frames(self, first: int, end: int) -> Iterator[VideoFrame]:
        """Yield upright frames of the detection size."""
        size = preview_size(self._video, DETECTION_PX)
        plain = not (self._video.rotation_deg or self._video.mirrored or self._video.is_hdr)
        for index, frame in exact_frames(self._path, self._video, first, end):
            if plain:
                small = frame.reformat(width=size[0], height=size[1], format="yuv420p", interpolation="AREA")
            else:
                small = rgb_frame(screen_picture(frame, self._video, size)).reformat(format="yuv420p")
            small.pts = index - first
            yield small

    def _shots(self, detections: Detections, first: int) -> list[tuple[Shot, list[LiveFace]]]:
        thumbnails = [frame.thumbnail for frame in detections.frames if frame.thumbnail is not None]
        shots = []
        with closing(FilmPictures(self._path, self._media)) as pictures:
            for start, end in split_at_cuts(thumbnails):
                faces = live_faces(Detections(detections.frames[start:end]), self._fps)
                for face in faces:
                    wanted = face.open_frames(_TEETH_FRAMES)
                    face.measure_teeth([(at, pictures.picture(first + start + at, DETECTION_PX)) for at in wanted])
                shots.append(((start, end), faces))
        return shots


def _middle(box: Box) -> tuple[float, float]:
    left, top, right, bottom = box
    return (left + right) / 2, (top + bottom) / 2


def _shrink(picture: Picture, side_px: int) -> tuple[Picture, float]:
    import cv2
    import numpy as np

    scale = side_px / max(picture.shape[:2])
    size = (max(2, round(picture.shape[1] * scale)), max(2, round(picture.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled: Picture = np.ascontiguousarray(cv2.resize(picture, size, interpolation=method), np.uint8)
    return scaled, size[0] / picture.shape[1]
