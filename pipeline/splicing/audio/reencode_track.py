"""Re-encode a complete dialogue track with its lines, if single packets cannot be replaced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import ffmpeg as ffmpeg_python
import numpy as np
from av.stream import Disposition

from ...core.errors import InputMediaError
from ...core.values import AudioStream, Media
from ...media.audio.samples import decode_tolerant, resampled
from ...media.clip_writer import ClipWriter
from ...media.frames.film_readers import open_input
from ...media.tools.ffmpeg import has_encoder
from ..container import Program, is_mp4
from ..remux import Cover, replace_streams_argv
from .lines import DialogueLine, Sound, mix_into

_PREROLL_SAMPLES = 40_960
"""Decoding begins this many samples before a stretch, so that no state of the decoder is missing."""
_MOST_SILENCE_S = 10
"""Silence is made in parts of at most this length."""
_ENCODERS = {"mp3": "libmp3lame", "opus": "libopus", "vorbis": "libvorbis"}
_VORBIS_QUALITY = "9"
"""At 48 kHz it gives the bits of the others; below 32 kHz the encoder refuses these as a rate."""
_EXPERIMENTAL = frozenset({"dts", "mlp", "s302m", "truehd"})
"""Codecs whose encoders ffmpeg runs only if it is told to."""
_UNTOLD_DELAYS = {"dts": 512}
"""Samples by which an encoder's sound is late, of which it says nothing to the muxer."""
_DELAYS = {"aac": 1024, "ac3": 256, "mp2": 481, "mp3": 1105}
"""The same where it does, and packets begin that much before the sound; some containers begin at zero all the same.

Source: `initial_padding` of ffmpeg's encoders of these names, and of LAME's.
"""
_BEGIN_AT_ZERO = frozenset({"avi", "flv"})


def require_encoder(media: Media) -> None:
    """Check that a new line could be put into the film's dialogue track, if it has one.

    Raises:
        InputMediaError: there is no encoder for it.
    """
    if media.audio and not has_encoder(media.audio[0].codec):
        raise no_encoder(media.audio[0].codec)


def no_encoder(codec: str) -> InputMediaError:
    """Return the error for a new line in sound of a codec that cannot be written."""
    return InputMediaError(
        f"the new line cannot be put into the film's {codec} sound: "
        "convert that track to AAC or PCM first, or keep it with `audio_mix: keep`"
    )


def decode_audio(film: Path, audio: AudioStream, begin: int, options: dict[str, str]) -> Iterator[tuple[int, Sound]]:
    """Yield (sample of the shown clock, `(channels, samples)`) from a little before `begin` to the end.

    A damaged packet is silence, as for a player.
    """
    with open_input(film, options) as container:
        stream = container.streams[audio.index]
        assert isinstance(stream, av.AudioStream)
        tick = Fraction(stream.time_base or Fraction(1, audio.sample_rate_hz)) * audio.sample_rate_hz
        if begin > _PREROLL_SAMPLES:
            # Never to the very start: a reader would land on the packet at zero and skip those before it.
            container.seek(int((begin - _PREROLL_SAMPLES) / tick), stream=stream)
        resampler = av.AudioResampler(format="fltp", layout=audio.layout, rate=audio.sample_rate_hz)
        expected: int | None = None
        damaged = False
        for frame in decode_tolerant(container, stream):
            if frame is None or frame.pts is None:
                damaged = damaged or frame is None
                continue
            at = round(frame.pts * tick)
            if expected is not None:
                lost = round((at - expected) / frame.samples) * frame.samples if damaged else 0
                # Some containers round to milliseconds: within a tick, the samples themselves count.
                at = expected + lost if abs(at - expected - lost) <= tick + 1 else at
                if damaged:
                    yield from _silence(expected, at, audio)
            damaged = False
            for part in resampled(resampler, frame):
                yield at, part
            expected = at + frame.samples


def _silence(begin: int, end: int, audio: AudioStream) -> Iterator[tuple[int, Sound]]:
    """Yield the samples [begin, end) in parts: broken times may jump by hours."""
    most = _MOST_SILENCE_S * audio.sample_rate_hz
    for at in range(begin, end, most):
        yield at, np.zeros((audio.channels, min(most, end - at)), np.float32)


def write_track(film: Path, target: Path, media: Media, lines: Sequence[DialogueLine]) -> None:
    """Write the dialogue track with the lines, in samples of the shown clock, to a NUT of 32-bit floats."""
    audio = media.audio[0]
    untold = _UNTOLD_DELAYS.get(audio.codec, 0)
    with ClipWriter(target, container="nut") as writer:
        writer.add_audio("pcm_f32le", audio.sample_rate_hz, audio.layout)
        delay = untold or _delay(media)
        mixed = _mixed(film, audio, lines)
        if is_mp4(media):
            mixed = _cut_at(mixed, round((audio.start_s + audio.duration_s) * audio.sample_rate_hz))
        for at, part in _early(mixed, delay, 0 if audio.codec == "mp3" else delay):
            packed = np.ascontiguousarray(part.T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=audio.layout)
            frame.sample_rate, frame.pts = audio.sample_rate_hz, at - untold
            frame.time_base = Fraction(1, audio.sample_rate_hz)
            writer.write_audio_frame(frame)


def _mixed(film: Path, audio: AudioStream, lines: Sequence[DialogueLine]) -> Iterator[tuple[int, Sound]]:
    for at, part in decode_audio(film, audio, 0, {}):
        for line in lines:
            mix_into(part, at, line, audio.sample_rate_hz, audio.layout)
        yield at, part


def _cut_at(parts: Iterator[tuple[int, Sound]], end: int) -> Iterator[tuple[int, Sound]]:
    """Cut the last part where an edit list or a last duration ends the sound: a decoder gives complete packets."""
    last: tuple[int, Sound] | None = None
    for part in parts:
        if last is not None:
            yield last
        last = part
    if last is not None:
        at, samples = last
        yield at, samples[:, : end - at] if end > at else samples


def _delay(media: Media) -> int:
    return _DELAYS.get(media.audio[0].codec, 0) if media.container in _BEGIN_AT_ZERO else 0


def _early(parts: Iterator[tuple[int, Sound]], delay: int, rest: int) -> Iterator[tuple[int, Sound]]:
    """Leave out the first samples of a track, in whose place the encoder puts its delay.

    Silence of `rest` samples follows for encoders that do not write what they hold back at the end; LAME does.
    """
    first: int | None = None
    for at, part in parts:
        first = at if first is None else first
        skip = min(max(first + delay - at, 0), part.shape[1])
        if skip < part.shape[1]:
            yield at + skip, part[:, skip:]
    if first is not None and rest:
        yield at + part.shape[1], np.zeros((len(part), rest), np.float32)


def build_mux_command(
    ffmpeg: str,
    film: Path,
    track: Path,
    target: Path,
    media: Media,
    indices: Sequence[int],
    shown_in: Sequence[Program] = (),
    covers: Sequence[Cover] = (),
    *,
    copied: bool = False,
) -> list[str]:
    """Build the command that replaces the first audio track, encoding it unless `copied`, and copies the rest."""
    audio, flags = media.audio[0], _disposition_flags(film)
    number = indices.index(audio.index)
    more = {f"disposition:{place}": flags[index] for place, index in enumerate(indices)}
    if not copied:
        more[f"c:{number}"] = _ENCODERS.get(audio.codec, audio.codec)
        if audio.codec in _EXPERIMENTAL:
            more[f"strict:{number}"] = "experimental"
        if audio.codec == "vorbis":
            more[f"q:{number}"] = _VORBIS_QUALITY
        elif not audio.codec.startswith("pcm_") and audio.codec != "flac":
            more[f"b:{number}"] = str(160_000 * max(audio.channels, 1))
    new = {audio.index: ffmpeg_python.input(f"file:{track}")["a:0"]}
    return replace_streams_argv(ffmpeg, film, new, target, indices, shown_in, more, covers)


def _disposition_flags(film: Path) -> list[str]:
    """Return the dispositions of the streams (`default+comment`, `0`), which an encoded stream would lose."""
    with open_input(film) as container:
        flags = [Disposition(stream.disposition) for stream in container.streams]
    return ["+".join(known.name for known in Disposition if known.name and known in flag) or "0" for flag in flags]
