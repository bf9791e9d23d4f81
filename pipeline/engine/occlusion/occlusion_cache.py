"""Keep what covers a face between takes of a clip: it depends on the face in the clip, not on the expression.

The file holds plain arrays (npz without pickle), exact to the bit. A file that is damaged or has another format is
ignored, and the occlusion is found again.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import numpy as np

from ..arrays import Points
from .occlusion import Occlusion

SUFFIX = ".npz"
KeepOcclusion: TypeAlias = Callable[[str, int, Callable[[], Occlusion]], Occlusion]
"""Returns what was found before under this name in so many frames, or finds it; no expression changes what it is."""


def occlusion_name(faces: Sequence[Points | None], fps: Fraction) -> str:
    """Return a digest of where a face is in the frames of a shot, for a clip whose detections are known."""
    digest = hashlib.sha256(f"{fps} {len(faces)}".encode())
    for number, points in enumerate(faces):
        if points is not None:
            digest.update(str(number).encode() + np.ascontiguousarray(points).tobytes())
    return digest.hexdigest()


def write_occlusion(path: Path, occlusion: Occlusion) -> None:
    """Write an occlusion; the file name must end with `SUFFIX`."""
    frames = [number for number, mask in enumerate(occlusion.masks) if mask is not None]
    masks = [mask for mask in occlusion.masks if mask is not None]
    texels = len(masks[0]) if masks else 0
    with path.open("wb") as stream:
        np.savez_compressed(
            stream,
            covered=occlusion.covered,
            uncertain=occlusion.uncertain,
            frames=np.array(frames, np.int32),
            texels=np.array(texels),
            masks=np.packbits(np.array(masks, bool).reshape(len(masks), texels), axis=1),
        )


def read_occlusion(path: Path, count: int) -> Occlusion | None:
    """Read the occlusion of `count` frames; None if the file is damaged or not written by `write_occlusion`."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            covered, uncertain = stored["covered"], stored["uncertain"]
            frames, texels = stored["frames"].tolist(), int(stored["texels"])
            masks = np.unpackbits(stored["masks"], axis=1, count=texels).astype(bool)
    except (OSError, ValueError, KeyError, EOFError, TypeError, IndexError, zipfile.BadZipFile):
        return None
    if covered.shape != (count,) or uncertain.shape != (count,) or len(frames) != len(masks):
        return None
    by_frame = dict(zip(frames, masks, strict=True))
    return Occlusion(covered, uncertain, tuple(by_frame.get(number) for number in range(count)))
