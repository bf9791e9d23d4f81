"""Code a whole dialogue track anew with its lines, where single packets cannot be replaced.

Takes   a film whose pictures are done, and lines in samples of the shown clock.
Gives   the track by itself, and the call that puts it beside the film's other streams, which are copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import ffmpeg as spelling
import numpy as np
from av.stream import Disposition

from ...core.values import AudioStream, Media
from ...media.clip_writer import ClipWriter
from ..programs import Program
from ..remux import replace_streams_argv
from .lines import Line, Sound, lay

_EARLY = 40_960
"""How many samples before a stretch decoding begins, so that no state of the decoder is missing."""
_ENCODERS = {"mp3": "libmp3lame", "opus": "libopus", "vorbis": "libvorbis"}


def decoded(film: Path, audio: AudioStream, begin: int, options: dict[str, str]) -> Iterator[tuple[int, Sound]]:
    """Give (sample of the shown clock, `(channels, samples)`) from a little before `begin` on, to the end."""
    with av.open(f"file:{film}", options=options) as container:
        stream = container.streams[audio.index]
        assert isinstance(stream, av.AudioStream)
        tick = Fraction(stream.time_base or Fraction(1, audio.sample_rate_hz)) * audio.sample_rate_hz
        if begin > _EARLY:
            # Never to the very start: a reader would land on the packet at zero and skip those before it.
            container.seek(int((begin - _EARLY) / tick), stream=stream)
        resampler = av.AudioResampler(format="fltp", layout=audio.layout, rate=audio.sample_rate_hz)
        due: int | None = None
        for frame in container.decode(stream):
            if frame.pts is None:
                continue
            at = round(frame.pts * tick)
            # Some containers round to milliseconds: within a tick, the samples themselves count.
            at = due if due is not None and abs(at - due) <= tick + 1 else at
            for made in resampler.resample(frame):
                yield at, made.to_ndarray().astype(np.float32)
            due = at + frame.samples


def whole_track(film: Path, made: Path, media: Media, lines: Sequence[Line]) -> None:
    """Write the dialogue track with the lines into `made` (NUT, 32-bit float), at its own times."""
    audio = media.audio[0]
    with ClipWriter(made, container="nut") as writer:
        writer.add_audio("pcm_f32le", audio.sample_rate_hz, audio.layout)
        for at, part in decoded(film, audio, 0, {}):
            for line in lines:
                lay(part, at, line, audio.sample_rate_hz, audio.layout)
            packed = np.ascontiguousarray(part.T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=audio.layout)
            frame.sample_rate, frame.pts = audio.sample_rate_hz, at
            frame.time_base = Fraction(1, audio.sample_rate_hz)
            writer.write_audio_frame(frame)


def track_argv(
    ffmpeg: str,
    film: Path,
    track: Path,
    made: Path,
    media: Media,
    indices: Sequence[int],
    shown_in: Sequence[Program] = (),
    *,
    copied: bool = False,
) -> list[str]:
    """Spell the call that puts a whole new track in the place of the first, coded by the way or `copied`."""
    audio, flags = media.audio[0], _dispositions(film)
    more = {f"disposition:{place}": flags[index] for place, index in enumerate(indices)}
    if not copied:
        more["c:a:0"] = _ENCODERS.get(audio.codec, audio.codec)
        if not audio.codec.startswith("pcm_") and audio.codec != "flac":
            more["b:a:0"] = str(160_000 * max(audio.channels, 1))
    new = {audio.index: spelling.input(f"file:{track}")["a:0"]}
    return replace_streams_argv(ffmpeg, film, new, made, indices, shown_in, more)


def _dispositions(film: Path) -> list[str]:
    """Spell what the streams are for (`default+comment`, `0`); an encoded stream would lose it."""
    with av.open(f"file:{film}") as container:
        flags = [Disposition(stream.disposition) for stream in container.streams]
    return ["+".join(one.name for one in Disposition if one.name and one in flag) or "0" for flag in flags]
