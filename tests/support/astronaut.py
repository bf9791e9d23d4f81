"""A real face for tests: the portrait that scikit-image ships, as a still and as a clip, and a synthetic voice."""

from __future__ import annotations

import wave
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
from film_cache import cached_film

from react1.pipeline.engine.frames.clip_frames import Picture, TakeWriter, VideoFormat

FORMAT = VideoFormat(width=384, height=288, fps=Fraction(25), matrix=1, primaries=1, transfer=1, range=1)
FRAMES = 30
RATE = 48_000


@cache
def _photograph() -> np.ndarray:
    """Read the portrait once: a clip asks for it for each frame."""
    from skimage import data

    return data.astronaut()


def still(width: int = FORMAT.width, height: int = FORMAT.height, shift: float = 0.0) -> np.ndarray:
    """Crop the face from the portrait, shifted to the side by `shift` px, as (height, width, 3) RGB."""
    import cv2

    scale = 2.2
    turn = np.float32([[scale, 0, width / 2 - scale * 226 + shift], [0, scale, height / 2 - scale * 112 + shift / 2]])
    return cv2.warpAffine(_photograph(), turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def planes(rgb: np.ndarray) -> Picture:
    """Convert an RGB picture to BT.709 planes, limited range; in numpy, independent of the code under test."""
    red, green, blue = np.moveaxis(rgb.astype(np.float64) / 255, -1, 0)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    cb, cr = (blue - luma) / 1.8556, (red - luma) / 1.5748
    cb, cr = (plane.reshape(plane.shape[0] // 2, 2, plane.shape[1] // 2, 2).mean((1, 3)) for plane in (cb, cr))
    scaled = (16 + 219 * luma, 128 + 224 * cb, 128 + 224 * cr)
    return Picture(*(np.clip(np.round(plane), 0, 255).astype(np.uint8) for plane in scaled))


def write_clip(path: Path, frames: int = FRAMES, faceless: range = range(0)) -> Path:
    """Write the face as a clip that drifts slowly to the side; the frames `faceless` are grey."""
    return cached_film(path, ("astronaut", frames, faceless), lambda target: _write_clip(target, frames, faceless))


def _write_clip(path: Path, frames: int, faceless: range) -> None:
    grey = Picture(*(np.full(shape, 118, np.uint8) for shape in ((288, 384), (144, 192), (144, 192))))
    with TakeWriter(path, FORMAT, None) as writer:
        for number in range(frames):
            writer.write(grey if number in faceless else planes(still(shift=number * 0.5)))


def syllables(seconds: float, per_second: float = 3.0) -> np.ndarray:
    """Synthesize a voice: a buzz that swells and fades to silence, 3 times a second; (count,) in -1..1."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * 140 * harmonic * time_s) / harmonic for harmonic in range(1, 20))
    swell = np.clip(np.sin(2 * np.pi * per_second * time_s - np.pi / 2), 0, 1)
    return 0.2 * buzz * swell


def write_wav(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    """Write mono samples in -1..1 as 16-bit wav."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def rise_units(before: np.ndarray, after: np.ndarray, place_px: np.ndarray, unit_px: float) -> float:
    """Measure how far the skin at a place rises, in units, by template matching without landmarks.

    The match is refined between rows by a parabola through the best score and its neighbours.
    """
    import cv2

    patch, reach = int(0.16 * unit_px), int(0.30 * unit_px)
    x, y = (round(float(value)) for value in place_px)
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (before, after)]
    template = grey[0][y - patch : y + patch + 1, x - patch : x + patch + 1]
    around = grey[1][y - reach - patch : y + reach + patch + 1, x - reach - patch : x + reach + patch + 1]
    score = cv2.matchTemplate(around, template, cv2.TM_CCOEFF_NORMED)
    row, column = (int(place) for place in np.unravel_index(score.argmax(), score.shape))
    if not 0 < row < len(score) - 1:
        return (reach - row) / unit_px
    over, best, under = (float(value) for value in score[row - 1 : row + 2, column])
    return (reach - row - (over - under) / (2 * (over - 2 * best + under))) / unit_px
