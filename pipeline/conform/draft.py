"""Find the changes of a take while it is read for the first time, as if nothing had to be corrected.

Most takes are in time, in place and of the right levels. What is found under that assumption is then all that is needed
of the take, so it is decoded once; if the measurements say otherwise, the draft is dropped and the take is read again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from av.video.frame import VideoFrame

from ..splicing.pictures.planes import Plane, plane_views
from .align import Alignment
from .cells import Mask
from .change import Change, find_change
from .composite import Patch, changed_patch
from .levels import sample_pixels
from .placement import NO_CORRECTIONS, Corrections

MAX_DRAFT_BYTES = 128 << 20
"""Above this, frames are not kept, and the take is read a second time."""


@dataclass(frozen=True)
class FrameChange:
    """What a take changed in one frame, without the rest of the picture."""

    patch: Patch
    shape: tuple[int, int]
    """Of the mask."""
    cells: Mask
    """The mask within the patch's cells; it is 0 elsewhere."""
    samples: tuple[Plane, ...]
    """Pixels of what was sent, for comparing its levels with the source's."""

    @classmethod
    def of(cls, sent: list[Plane], taken: list[Plane], change: Change) -> FrameChange:
        """Keep what is needed of a frame."""
        patch = changed_patch(sent, taken, change)
        mask = change.mask
        samples = tuple(sample_pixels(plane) for plane in sent)
        return cls(patch, (mask.shape[0], mask.shape[1]), mask[patch.cells].copy(), samples)

    @property
    def mask(self) -> Mask:
        """The complete mask."""
        mask = np.zeros(self.shape, np.float32)
        mask[self.patch.cells] = self.cells
        return mask

    @property
    def size_bytes(self) -> int:
        """The memory that it takes."""
        return self.patch.size_bytes + self.cells.nbytes + sum(part.nbytes for part in self.samples)


@dataclass
class Draft:
    """The changes of the frames read so far."""

    allow_full: bool = True
    max_bytes: int = MAX_DRAFT_BYTES
    changes: list[FrameChange] = field(default_factory=list)
    size_bytes: int = 0
    is_dropped: bool = False

    def add(self, sent: VideoFrame, taken: VideoFrame) -> None:
        """Add the next frame."""
        if self.is_dropped:
            return
        below, above = plane_views(sent), plane_views(taken)
        change = FrameChange.of(below, above, find_change(below, above, allow_full=self.allow_full))
        self.size_bytes += change.size_bytes
        self.changes.append(change)
        if self.size_bytes > self.max_bytes:
            self.is_dropped = True
            self.changes.clear()

    def is_valid(self, alignment: Alignment, corrections: Corrections) -> bool:
        """Check whether the take is in time, frame by frame, and needs no correction."""
        in_order = tuple(range(len(self.changes)))
        in_time = alignment.take_index == alignment.matched_index == in_order
        return bool(self.changes) and in_time and corrections == NO_CORRECTIONS
