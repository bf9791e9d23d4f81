"""Encode the packets of new lines for the dialogue track of an MP4 or MOV; mp4/rewrite.py inserts them.

AAC, AC-3 and E-AC-3: only the packets of the lines and one before them are encoded, all others are copied. PCM is
overwritten in place (dialogue.py); stream_packets.py handles Matroska and transport streams; for anything else the
track is re-encoded as a whole (reencode_track.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.codec.context import CodecContext, Flags
from numpy.typing import NDArray

from ...core.values import AudioStream, Media
from ...media.audio.samples import audio_frame
from ...media.frames.film_readers import open_input, open_mp4_packets
from ...media.mp4 import sample_tables
from ...media.mp4.boxes import Box
from ...media.not_applicable import NotApplicable
from ..mp4.fragments import read_index, read_samples
from ..mp4.replace_samples import NewSamples, find_track, find_track_number
from ..mp4.sample_times import IGNORE_EDIT_LIST, is_one_piece
from .lines import DialogueLine, Sound, mix_into
from .reencode_track import decode_audio

SAMPLES_PER_PACKET = {"aac": 1024, "ac3": 1536, "eac3": 1536}
"""Samples per packet, of the codecs whose packets depend on no other but the one before."""
_LEAD_SAMPLES = {"ac3": 256, "eac3": 256}
"""By how much an encoder's packets begin before its input, beyond complete packets."""
_CHANNELS_AT, _SEVEN_ONE, _OLD_SEVEN_ONE = 3, 12, 7
"""Where an AudioSpecificConfig of two bytes has the number of its channels' layout, and two of them."""
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
            part = np.pad(part, ((0, 0), (0, step - part.shape[1])))
            frame = audio_frame(part, audio.layout, audio.sample_rate_hz)
            frame.pts, frame.time_base = begin + at, Fraction(1, audio.sample_rate_hz)
        packets |= {packet.pts: bytes(packet) for packet in encoder.encode(frame) if packet.pts is not None}
    return packets


def _encoder(film: Path, audio: AudioStream) -> av.AudioCodecContext:
    """Open an encoder whose packets can be mixed with the film's own."""
    with open_input(film) as container:
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
    if audio.codec == "aac" and _comparable_config(bytes(encoder.extradata or b"")) != _comparable_config(header):
        raise NotApplicable("the sound's AAC is of another profile than the encoder's")
    return encoder


def _comparable_config(config: bytes) -> int:
    """Return the profile, rate and channels of an AudioSpecificConfig, with one number for both of 7.1.

    Encoders write 12 for it, or did write 7 (ISO/IEC 14496-3, table 1.19): the packets are the same, in the order
    center, front, side, back, low frequencies.
    """
    channels_mask = 15 << _CHANNELS_AT
    fields = int.from_bytes(config[:2], "big")
    is_seven_one = fields & channels_mask == _SEVEN_ONE << _CHANNELS_AT
    return fields & ~channels_mask | _OLD_SEVEN_ONE << _CHANNELS_AT if is_seven_one else fields


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


_MARGIN_PACKETS = 1
"""A packet is heard over its own samples and the next one's, so one before a line is new and none after it."""
WARM_UP_PACKETS = 4


def encode_packets(film: Path, media: Media, lines: Sequence[DialogueLine], scratch: Path) -> list[NewSamples]:
    """Encode new packets for the lines (in samples of the shown clock) into `scratch`.

    Raises:
        NotApplicable: the packets cannot be replaced one by one.
    """
    audio = media.audio[0]
    step = SAMPLES_PER_PACKET.get(audio.codec)
    if step is None:
        raise NotApplicable(f"{audio.codec} sound is not replaced packet by packet")
    moov, fragmented = read_index(film)
    track, number = find_sound(film, moov, audio)
    samples = read_samples(fragmented, track)
    scale = int.from_bytes(_timescale(track.require(b"mdia", b"mdhd").body), "big")
    if scale != audio.sample_rate_hz or bool((np.diff(samples.dts) != step).any()):
        raise NotApplicable(f"the sound's packets are not on a grid of {step} samples")
    shift = _edit_list_offset(film, audio, samples)
    stored = [line.shifted(shift) for line in lines]
    with scratch.open("wb") as out:
        return [_encode_group(film, audio, samples, number, group, scratch, out) for group in group_lines(stored, step)]


def find_sound(film: Path, moov: Box, audio: AudioStream) -> tuple[Box, int]:
    """Return the track of a stream of sound, and its number among the tracks of sound.

    Raises:
        NotApplicable: there is none, or its edit list does more than shift and trim: one offset does not tell then
            which packet is heard when.
    """
    with open_mp4_packets(film) as container:
        number = find_track_number(moov, b"soun", container.streams[audio.index].id)
    track = find_track(moov, b"soun", number)
    if not is_one_piece(moov, track):
        raise NotApplicable("the edit list plays the sound in more than one piece")
    return track, number


def _timescale(mdhd: bytes) -> bytes:
    return mdhd[20:24] if mdhd[0] == 1 else mdhd[12:16]


def _edit_list_offset(film: Path, audio: AudioStream, samples: sample_tables.Samples) -> int:
    """Return the offset of the edit list to the track's own clock, in samples."""
    with open_mp4_packets(film) as container:
        for packet in container.demux(container.streams[audio.index]):
            places = np.flatnonzero(samples.offsets == (-1 if packet.pos is None else packet.pos))
            if len(places) and packet.pts is not None:
                return int(packet.pts - samples.dts[places[0]])
    raise NotApplicable("the sound's packets cannot be matched to the file")


def group_lines(lines: Sequence[DialogueLine], step: int) -> list[list[DialogueLine]]:
    """Group lines whose packets, margins included, would touch."""
    reach = (2 * _MARGIN_PACKETS + 2) * step
    groups: list[list[DialogueLine]] = []
    for line in sorted(lines, key=lambda line: line.start):
        if groups and line.start - groups[-1][-1].end < reach:
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def packet_window(starts: NDArray[np.int64], group: Sequence[DialogueLine]) -> tuple[int, int, int, int]:
    """Return (low, first, end, high): packets [low, high) are decoded and encoded, and [first, end) of them are used.

    `starts` is the sample at which each packet is heard, on the clock of the lines.
    """
    first = max(int(np.searchsorted(starts, group[0].start, side="right")) - 1 - _MARGIN_PACKETS, 0)
    end = min(int(np.searchsorted(starts, group[-1].end)), len(starts))
    return max(first - WARM_UP_PACKETS, 0), first, end, min(end + WARM_UP_PACKETS, len(starts))


def _encode_group(
    film: Path,
    audio: AudioStream,
    samples: sample_tables.Samples,
    track_number: int,
    group: list[DialogueLine],
    scratch: Path,
    out: BinaryIO,
) -> NewSamples:
    low, first, end, high = packet_window(samples.dts, group)
    begin, step = int(samples.dts[low]), SAMPLES_PER_PACKET[audio.codec]
    stretch = _decode_stretch(film, audio, begin, int(samples.dts[high - 1]) + step)
    for line in group:
        mix_into(stretch, begin, line, audio.sample_rate_hz, audio.layout)
    fresh = encode(film, audio, stretch, begin)
    sizes, offsets = [], []
    for place in range(first, end):
        data = fresh.get(int(samples.dts[place]))
        if data is None:
            raise NotApplicable("the encoder left out a packet of the line")
        offsets.append(out.tell())
        sizes.append(len(data))
        out.write(data)
    count = end - first
    return NewSamples(
        first=first,
        end=end,
        track_number=track_number,
        file=scratch,
        offsets=np.array(offsets, np.int64),
        sizes=np.array(sizes, np.int64),
        composition=np.zeros(count, np.int64),
        sync=np.ones(count, bool),
        handler=b"soun",
    )


def _decode_stretch(film: Path, audio: AudioStream, begin: int, end: int) -> Sound:
    """Decode the samples [begin, end) of the track's own clock."""
    stretch = np.zeros((audio.channels, end - begin), np.float32)
    for at, part in decode_audio(film, audio, begin, IGNORE_EDIT_LIST):
        if at >= end:
            break
        low, high = max(at, begin), min(at + part.shape[1], end)
        if low < high:
            stretch[:, low - begin : high - begin] = part[:, low - at : high - at]
    return stretch
