"""Write new lines over the PCM audio of an MP4 or MOV, in place: every other byte of the film stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.codec.context import CodecContext
from av.packet import Packet

from ...core.values import AudioStream, Media
from ..mp4.boxes import read_moov
from ..not_applicable import NotApplicable
from .lines import DialogueLine, mix_into


def overwrite_samples(film: Path, media: Media, lines: Sequence[DialogueLine]) -> int:
    """Write the lines, in samples of the shown clock, into a film; return how many packets they change.

    Raises:
        NotApplicable: before anything is written: the samples cannot be found in the file.
    """
    read_moov(film)
    audio = media.audio[0]
    with film.open("r+b") as stream:
        candidates = (
            _patch(stream, packet, at, line, audio) for line in lines for packet, at in _packets(film, audio, line)
        )
        patches = [patch for patch in candidates if patch is not None]
        for offset, data in patches:
            stream.seek(offset)
            stream.write(data)
    return len(patches)


def _packets(film: Path, audio: AudioStream, line: DialogueLine) -> Iterator[tuple[Packet[av.AudioStream], int]]:
    """Yield the packets that a line changes, and the sample of the shown clock at which each begins."""
    with av.open(f"file:{film}") as container:
        stream = container.streams[audio.index]
        assert isinstance(stream, av.AudioStream)
        ticks = Fraction(stream.time_base or Fraction(1, audio.sample_rate_hz)) * audio.sample_rate_hz
        container.seek(int(line.start / ticks), stream=stream)
        for packet in container.demux(stream):
            if not packet.size or packet.pts is None:
                continue
            at = round(packet.pts * ticks)
            if at >= line.end:
                return
            if at + packet.size > line.start:
                yield packet, at


def _patch(
    source: BinaryIO, packet: Packet[av.AudioStream], at: int, line: DialogueLine, audio: AudioStream
) -> tuple[int, bytes] | None:
    """Return the file offset and bytes of a line's part of a packet; None if it has none."""
    frames = packet.decode()
    source.seek(packet.pos or 0)
    if len(frames) != 1 or source.read(packet.size) != bytes(packet) or packet.size % frames[0].samples:
        raise NotApplicable("the samples of the sound cannot be found in the file")
    (frame,) = frames
    low, high = max(line.start - at, 0), min(line.end - at, frame.samples)
    if low >= high:
        return None
    new = _encode(frame, at, line, audio)
    if len(new) != packet.size:
        raise NotApplicable(f"{audio.codec} sound is encoded to another length")
    width = packet.size // frame.samples
    return (packet.pos or 0) + low * width, new[low * width : high * width]


def _encode(frame: av.AudioFrame, at: int, line: DialogueLine, audio: AudioStream) -> bytes:
    """Mix a line into one decoded packet and encode it as the track is."""
    (floats,) = av.AudioResampler(format="fltp", layout=audio.layout, rate=audio.sample_rate_hz).resample(frame)
    part = floats.to_ndarray().astype(np.float32)
    mix_into(part, at, line, audio.sample_rate_hz, audio.layout)
    encoder = CodecContext.create(audio.codec, "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = audio.sample_rate_hz, audio.layout, frame.format
    mixed = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="fltp", layout=audio.layout)
    mixed.sample_rate = audio.sample_rate_hz
    fitted = av.AudioResampler(format=frame.format.name, layout=audio.layout, rate=audio.sample_rate_hz).resample(mixed)
    packets = [packet for part in [*fitted, None] for packet in encoder.encode(part)]
    return b"".join(bytes(packet) for packet in packets)
