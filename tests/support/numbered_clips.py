"""Numbered clips of every kind that the tests need: codecs, pixel formats, times, rotations, tracks.

Their pictures are those of `react1.testing`, which shows how a plug-in makes a simple one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from film_cache import cached_film

from react1.pipeline.splicing.encoders import normal_priority
from react1.testing import click_times_s, draw_frame, frame_number

__all__ = [
    "SAMPLE_RATE_HZ",
    "Recipe",
    "click_times_s",
    "damage_packet",
    "draw_frame",
    "frame_number",
    "make_clip",
    "read_sound",
    "sound",
]

CLICK_HZ = 3000
SAMPLE_RATE_HZ = 48000


@dataclass(frozen=True)
class Recipe:
    """What a made clip is like; `pts` in units of `time_base` overrides the even grid."""

    frames: int = 50
    rate: Fraction = Fraction(25)
    size: tuple[int, int] = (320, 180)
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    gop: int = 12
    bframes: int = 2
    options: dict[str, str] = field(default_factory=dict)
    time_base: Fraction | None = None
    pts: tuple[int, ...] | None = None
    start_s: Fraction = Fraction(0)
    """When the picture starts."""
    chroma: tuple[int, int] = (128, 128)
    """Cb and Cr, in 8-bit steps."""
    colour: tuple[int, int, int, int] | None = None
    """Range, primaries, transfer, matrix, as numbers of H.273."""
    sar: Fraction | None = None
    rotation_deg: int = 0
    """Clockwise turn that shows the picture upright."""
    mirrored: bool = False
    """Whether it is flipped left to right before the turn."""
    tracks: int = 1
    audio_codec: str = "pcm_s16le"
    audio_start_s: Fraction = Fraction(0)
    level: float = 0.02
    """Loudness of the tone between the clicks, as an amplitude."""
    channels: int = 2
    timecode: str = ""
    container_options: dict[str, str] = field(default_factory=dict)

    @property
    def base(self) -> Fraction:
        """Seconds per tick of the picture."""
        return self.time_base or 1 / (self.rate * 512)

    @property
    def times(self) -> list[int]:
        """When each frame is shown, in ticks."""
        first = round(self.start_s / self.base)
        if self.pts is not None:
            return [first + tick for tick in self.pts]
        return [first + round(k / self.rate / self.base) for k in range(self.frames)]

    @property
    def shown_size(self) -> tuple[int, int]:
        """(width, height) after the turn."""
        return self.size[::-1] if self.rotation_deg in (90, 270) else self.size

    @property
    def duration_s(self) -> Fraction:
        """How long the picture is shown."""
        times = self.times
        return (times[-1] - times[0]) * self.base + 1 / self.rate


def make_clip(path: Path, recipe: Recipe | None = None, **changes) -> Path:
    """Write a clip; the suffix says in which container."""
    recipe = recipe or Recipe(**changes)
    path.parent.mkdir(parents=True, exist_ok=True)
    return cached_film(path, recipe, lambda place: _make(place, recipe))


def _make(path: Path, recipe: Recipe) -> None:
    with av.open(str(path), "w", options=recipe.container_options) as container:
        if recipe.timecode:
            container.metadata["timecode"] = recipe.timecode
        picture = _picture_stream(container, recipe)
        sounds = [_sound_stream(container, recipe) for _ in range(recipe.tracks)]
        with normal_priority():
            container.start_encoding()
        for number, stream in enumerate(sounds):
            _mux_all(container, stream, _sound(recipe, number))
        _mux_all(container, picture, _pictures(recipe))


def sound(recipe: Recipe, track: int = 0) -> np.ndarray:
    """Make one track, `(samples,) float32`: a quiet tone, and a click at each full second of the film's clock.

    The second track clicks half a second later, so that nobody takes it for the first.
    """
    first = round(recipe.audio_start_s * SAMPLE_RATE_HZ)
    count = round((recipe.start_s + recipe.duration_s) * SAMPLE_RATE_HZ) - first
    clock = (first + np.arange(count)) / SAMPLE_RATE_HZ
    tone = recipe.level * np.sin(2 * np.pi * 440 * clock)
    within = (clock + track * 0.5) % 1
    return np.where(within < 0.004, 0.9 * np.cos(2 * np.pi * CLICK_HZ * within), tone).astype(np.float32)


def damage_packet(path: Path, number: int) -> None:
    """Overwrite one packet of the first audio track with ones, in a new file of the same name."""
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(audio=0) if packet.size][number]
        start, payload = packet.pos or 0, bytes(packet)
    data = bytearray(path.read_bytes())
    at = data.index(payload, start)
    data[at : at + len(payload)] = b"\xff" * len(payload)
    path.unlink()
    path.write_bytes(data)


def read_sound(path: Path, track: int = 0) -> tuple[np.ndarray, int]:
    """Decode one track: (`(channels, samples) float32`, samples per second)."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[track]
        resampler = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
        parts = [result.to_ndarray() for frame in container.decode(stream) for result in resampler.resample(frame)]
        parts += [result.to_ndarray() for result in resampler.resample(None)]
        return np.concatenate(parts, axis=1), stream.rate


def _picture_stream(container, recipe: Recipe):
    options = dict(recipe.options)
    if recipe.codec == "libx264":
        options = {"preset": "ultrafast", "crf": "12", "bf": str(recipe.bframes)} | options
    stream = container.add_stream(recipe.codec, rate=recipe.rate, options=options)
    stream.width, stream.height = recipe.size
    stream.pix_fmt = recipe.pix_fmt
    stream.time_base = recipe.base
    context = stream.codec_context
    context.time_base, context.gop_size = recipe.base, recipe.gop
    if recipe.sar:
        context.sample_aspect_ratio = recipe.sar
    if recipe.colour:
        context.color_range, context.color_primaries, context.color_trc, context.colorspace = recipe.colour
    if recipe.rotation_deg or recipe.mirrored:
        stream.set_display_matrix(_matrix(recipe))
    return stream


def _matrix(recipe: Recipe) -> list[int]:
    """Return the display matrix of ISO/IEC 14496-12: [a b u, c d v, x y w]."""
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[recipe.rotation_deg]
    flip = -1 if recipe.mirrored else 1
    return [cos * flip << 16, sin * flip << 16, 0, -sin << 16, cos << 16, 0, 0, 0, 1 << 30]


def _pictures(recipe: Recipe) -> Iterator[av.VideoFrame]:
    depth = 10 if "10" in recipe.pix_fmt else 8
    for number, tick in enumerate(recipe.times):
        luma = _as_coded(draw_frame(number, recipe.shown_size), recipe)
        frame = av.VideoFrame(*recipe.size, recipe.pix_fmt)
        flats = (
            luma,
            *(np.full((p.height, p.width), level) for p, level in zip(frame.planes[1:], recipe.chroma, strict=False)),
        )
        for plane, values in zip(frame.planes, flats, strict=True):
            _fill(plane, values, depth)
        frame.pts, frame.time_base = tick, recipe.base
        if recipe.colour:
            frame.color_range, frame.colorspace = recipe.colour[0], recipe.colour[3]
        yield frame


def _as_coded(shown: np.ndarray, recipe: Recipe) -> np.ndarray:
    turned = np.rot90(shown, recipe.rotation_deg // 90)
    return turned[:, ::-1] if recipe.mirrored else turned


def _fill(plane, values: np.ndarray, depth: int) -> None:
    kind = np.uint16 if depth > 8 else np.uint8
    rows = np.zeros((plane.height, plane.line_size // kind().itemsize), kind)
    rows[:, : plane.width] = values.astype(kind) << (depth - 8)
    plane.update(rows.tobytes())


def _sound_stream(container, recipe: Recipe):
    layout = "mono" if recipe.channels == 1 else {2: "stereo", 6: "5.1"}[recipe.channels]
    options = {"aac_coder": "fast", "aac_pns": "0"} if recipe.audio_codec == "aac" else {}
    return container.add_stream(recipe.audio_codec, rate=SAMPLE_RATE_HZ, layout=layout, options=options)


def _sound(recipe: Recipe, track: int) -> Iterator[av.AudioFrame]:
    samples = sound(recipe, track)
    first = round(recipe.audio_start_s * SAMPLE_RATE_HZ)
    layout = "mono" if recipe.channels == 1 else {2: "stereo", 6: "5.1"}[recipe.channels]
    for at in range(0, len(samples), 1024):
        part = np.repeat(samples[None, at : at + 1024], recipe.channels, axis=0)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE_HZ, first + at, Fraction(1, SAMPLE_RATE_HZ)
        yield frame


def _mux_all(container, stream, frames) -> None:
    for frame in frames:
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
