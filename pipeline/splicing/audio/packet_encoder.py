"""Encode a stretch of sound into packets that can replace some of a film's own."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.context import CodecContext, Flags

from ...core.values import AudioStream
from ..not_applicable import NotApplicable
from .lines import Sound

SAMPLES_PER_PACKET = {"aac": 1024, "ac3": 1536, "eac3": 1536}
"""Samples per packet, of the codecs whose packets depend on no other but the one before."""
_LEAD_SAMPLES = {"ac3": 256, "eac3": 256}
"""By how much an encoder's packets begin before its input, beyond complete packets."""
_MIN_CHANNEL_BITS_PER_S = 128_000
"""The lowest rate of the few new packets: at a lower one the line is heard before its in point."""


def encode(film: Path, audio: AudioStream, stretch: Sound, begin: int) -> dict[int, bytes]:
    """Encode a stretch; return the packets by the sample at which a decoder places them.

    Raises:
        NotApplicable: the encoder writes packets of another kind than the film's.
    """
    encoder, step = _encoder(film, audio), SAMPLES_PER_PACKET[audio.codec]
    packets: dict[int, bytes] = {}
    for at in [*range(_LEAD_SAMPLES.get(audio.codec, 0), stretch.shape[1], step), None]:
        frame = None
        if at is not None:
            part = stretch[:, at : at + step]
            part = np.ascontiguousarray(np.pad(part, ((0, 0), (0, step - part.shape[1]))))
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=audio.layout)
            frame.sample_rate, frame.pts = audio.sample_rate_hz, begin + at
            frame.time_base = Fraction(1, audio.sample_rate_hz)
        packets |= {packet.pts: bytes(packet) for packet in encoder.encode(frame) if packet.pts is not None}
    return packets


def _encoder(film: Path, audio: AudioStream) -> av.AudioCodecContext:
    """Open an encoder whose packets can be mixed with the film's own."""
    with av.open(f"file:{film}") as container:
        stream = container.streams[audio.index]
        context, first = stream.codec_context, bytes(next(container.demux(stream)))
        rate, header = context.bit_rate or 128_000, bytes(context.extradata or b"") or _audio_specific_config(first)
    encoder = CodecContext.create(audio.codec, "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = audio.sample_rate_hz, audio.layout, "fltp"
    encoder.flags |= Flags.global_header
    if audio.codec == "aac":
        encoder.bit_rate = max(rate, _MIN_CHANNEL_BITS_PER_S * audio.channels)
        # Noise substitution has a random state that carries over from packet to packet: what follows would differ.
        encoder.options = {"aac_pns": "0"}
    else:
        # The rate is written in every packet and in the film's description of them.
        encoder.bit_rate = rate
        encoder.options = {"dialnorm": str(-read_dialnorm(audio.codec, first))}
    encoder.open()
    if audio.codec == "aac" and bytes(encoder.extradata or b"")[:2] != header[:2]:
        raise NotApplicable("the sound's AAC is of another profile than the encoder's")
    return encoder


def with_adts_header(old: bytes, data: bytes) -> bytes:
    """Prepend the ADTS header of a film's AAC packet to new data; return the data alone if the film has none.

    Source: ISO/IEC 13818-7, 6.2: the length, header included, is in 13 bits from bit 30 on.
    """
    if not _is_adts(old):
        return data
    if not old[1] & 1:
        raise NotApplicable("the sound's AAC packets carry a checksum")
    size = len(data) + 7
    if size >= 1 << 13:
        raise NotApplicable("an AAC packet is too large for its header")
    length = bytes([(old[3] & 0xFC) | size >> 11, size >> 3 & 0xFF, (size & 7) << 5 | 0x1F])
    return old[:3] + length + b"\xfc" + data


def _is_adts(packet: bytes) -> bool:
    return len(packet) > 7 and packet[0] == 0xFF and packet[1] & 0xF6 == 0xF0


def _audio_specific_config(packet: bytes) -> bytes:
    """Return the AudioSpecificConfig of MPEG-4 for an ADTS header: profile, rate and channels, 2 bytes."""
    if not _is_adts(packet):
        return b""
    profile, rate, channels = (packet[2] >> 6) + 1, packet[2] >> 2 & 15, (packet[2] & 1) << 2 | packet[3] >> 6
    return (profile << 11 | rate << 7 | channels << 3).to_bytes(2, "big")


def read_dialnorm(codec: str, packet: bytes) -> int:
    """Return `dialnorm` (1 to 31, dB below full scale) of an AC-3 or E-AC-3 packet; receivers set the volume by it.

    Source: ETSI TS 102 366, 4.4.2 and annex E.1.2.2: the fields before it have these lengths.
    """
    bits = "".join(f"{byte:08b}" for byte in packet[:10])
    if codec == "eac3":
        at = 45
    else:
        mode = int(bits[48:51] or "0", 2)
        at = 51 + 2 * ((mode & 1 and mode != 1) + (mode & 4 > 0) + (mode == 2)) + 1
    return int(bits[at : at + 5] or "0", 2) or 31
