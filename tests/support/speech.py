"""Longer films for tests: a voice of tone bursts with pauses, and pictures that change little.

The frame numbers of test clips sometimes invert half the picture, which looks like a cut. So they are in the left third
of a wide frame here, at half the contrast, and the rest is flat.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
from film_cache import cached_film
from numbered_clips import make_clip

from react1.pipeline.core.values import Media
from react1.pipeline.media.audio.samples import write_wav
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path

RATE_HZ = 48_000
NARROW_PX, WIDE_PX, HIGH_PX = 96, 288, 64


def bursts(length_s: float, *pauses_s: tuple[float, float]) -> np.ndarray:
    """Return a voice, `(1, samples) float32`: a sweep that never repeats, silent in the pauses."""
    count = round(length_s * RATE_HZ)
    clock = np.arange(count) / RATE_HZ
    wave = 0.2 * np.sin(2 * np.pi * (300 * clock + 10 * clock**2)).astype(np.float32)
    for start_s, end_s in pauses_s:
        wave[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)] = 0
    return wave[None].astype(np.float32)


def wave_of(context, samples: np.ndarray) -> Path:
    """Write a voice as a WAV."""
    return write_wav(context.temp_path("voice.wav"), samples, RATE_HZ)


def speaking_film(
    context,
    frames: int,
    voice: np.ndarray | None,
    *,
    cuts: tuple[int, ...] = (),
    flashes=(),
    coded=("-c:a", "pcm_s16le"),
) -> Media:
    """Write a film of 25 frames/s with this voice; brightness changes permanently at cuts, temporarily in flashes."""
    sound = wave_of(context, voice) if voice is not None else None
    cache_key = (frames, cuts, flashes, coded, sound and hashlib.sha256(sound.read_bytes()).hexdigest())
    path = cached_film(
        context.temp_path("film.mov"),
        cache_key,
        lambda target: _write_film(context, target, frames, sound, cuts, flashes, coded),
    )
    file = context.store(path)
    return probe(context.path(file), file)


def _write_film(context, path: Path, frames: int, sound: Path | None, cuts, flashes, coded) -> None:
    plain = make_clip(context.temp_path("plain.mov"), frames=frames, size=(NARROW_PX, HIGH_PX), tracks=0, gop=50)
    # Half contrast around the grey of the rest. A table of values takes a tenth of the time of an expression of pixels.
    steps = [f"lutyuv=y='val+{60 * (-1) ** index}':enable='gte(n,{cut})'" for index, cut in enumerate(cuts)]
    steps += [f"lutyuv=y='val+60':enable='between(n,{first},{last})'" for first, last in flashes]
    pad = f"pad={WIDE_PX}:{HIGH_PX}:0:0:color=0x6E6E6E"
    filters = ",".join([pad, "lutyuv=y='(val+90)/2':u=128:v=128", *steps])
    sounds = ["-i", str(sound), "-map", "0:v", "-map", "1:a", *coded] if sound is not None else []
    picture = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", "-g", "50", "-bf", "2"]
    context.run_tool([ffmpeg_path(), "-v", "error", "-i", str(plain), *sounds, "-vf", filters, *picture, str(path)])


def narrow(image: np.ndarray) -> np.ndarray:
    """Return the part of a picture that shows the frame number."""
    return image[:, :NARROW_PX]


def abut(spans: list[tuple[int, int]], start: int, end: int) -> bool:
    """Check whether spans cover `start` to `end` without a gap or an overlap."""
    edges = [frame for span in spans for frame in span]
    return edges[0] == start and edges[-1] == end and all(before[1] == after[0] for before, after in pairwise(spans))
