"""Replace packets of new lines on the dialogue track of a Matroska or transport stream.

These have no sample tables: packets are counted in reading order, on a grid of their own length. All but the new ones
are copied with their times. The track is written by itself; reencode_track.py muxes it with the film's other streams.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.codec.context import CodecContext
from av.packet import Packet
from numpy.typing import NDArray

from ...core.values import AudioStream, Media
from ...media.audio.samples import first_track, resampled
from ...media.frames.film_readers import open_input
from ...media.not_applicable import NotApplicable, refused_as
from .lines import DialogueLine, Sound, mix_into
from .mp4_packets import SAMPLES_PER_PACKET, encode, group_lines, packet_window, with_adts_header

_CONTAINERS = {"matroska": ".mka", "mpegts": ".nut"}
"""The container of the track: Matroska stores how many samples a decoder drops first, NUT keeps every tick."""
_GRID_TOLERANCE_S = 0.0015
"""Times may be off the grid by this much, since Matroska rounds them to milliseconds; more is a gap."""
_WARM_UP_PACKETS = 8
"""Packets decoded before the first that is used."""


@dataclass(frozen=True)
class _Stretch:
    """Packets [low, high) are decoded, and [first, end) of them are replaced."""

    low: int
    first: int
    end: int
    high: int
    lines: list[DialogueLine]


def track_suffix(media: Media) -> str:
    """Return the suffix of the file that the track is written to.

    Raises:
        NotApplicable: packets are not replaced in this container.
    """
    suffix = _CONTAINERS.get(media.container.split(",")[0])
    if suffix is None:
        raise NotApplicable(f"the sound of {media.container.split(',')[0]} files is not replaced packet by packet")
    return suffix


def replace_packets(film: Path, track: Path, media: Media, lines: Sequence[DialogueLine]) -> int:
    """Write `track` with new packets for the lines, in samples of the shown clock; return how many.

    Raises:
        NotApplicable: the packets are of another codec, have gaps, or cannot be decoded one by one.
    """
    audio = media.audio[0]
    step = SAMPLES_PER_PACKET.get(audio.codec)
    if step is None:
        raise NotApplicable(f"{audio.codec} sound is not replaced packet by packet")
    with refused_as("the sound's packets cannot be taken one by one"):
        starts = _packet_starts(film, audio, step)
        stretches = [_Stretch(*packet_window(starts, group), group) for group in group_lines(lines, step)]
        payloads = _payloads(film, audio, stretches)
        new: dict[int, bytes] = {}
        for stretch in stretches:
            new |= _encode_stretch(film, audio, starts, stretch, payloads)
        _write_track(film, track, audio, new)
    return len(new)


def require_equal_packets(track: Path, film: Path) -> None:
    """Check that a film has the track as it was written, packet by packet.

    Raises:
        NotApplicable: it does not.
    """
    with open_input(track) as written, open_input(film) as muxed:
        rows = ([(bytes(p), p.pts * p.time_base) for p in _packets(x, first_track(x))] for x in (written, muxed))
        expected, actual = rows
    # A transport stream has its ticks, Matroska its milliseconds.
    times_agree = all(abs(a[1] - b[1]) <= Fraction(1, 1000) for a, b in zip(expected, actual, strict=False))
    if [data for data, _ in expected] != [data for data, _ in actual] or not times_agree:
        raise NotApplicable("the muxer did not keep the sound's packets as they are")


def _packets(container: Any, stream: Any) -> Iterator[Any]:
    for packet in container.demux(stream):
        if packet.size:
            if packet.pts is None:
                raise NotApplicable("packets of the sound have no time")
            yield packet


def _packet_starts(film: Path, audio: AudioStream, step: int) -> NDArray[np.int64]:
    """Return the sample of the shown clock at which each packet is heard."""
    with open_input(film) as container:
        stream = container.streams[audio.index]
        tick = float(Fraction(stream.time_base or 1) * audio.sample_rate_hz)
        times = np.array([packet.pts for packet in _packets(container, stream)], np.int64) * tick
    index, at = _first_heard_packet(film, audio, step)
    starts = at + (np.arange(len(times)) - index) * step
    if bool((np.abs(starts - times) > max(tick, _GRID_TOLERANCE_S * audio.sample_rate_hz)).any()):
        raise NotApplicable(f"the sound's packets are not on a grid of {step} samples")
    return starts


def _first_heard_packet(film: Path, audio: AudioStream, step: int) -> tuple[int, int]:
    """Return the first packet that is heard, and its sample: a decoder may drop its beginning."""
    with open_input(film) as container:
        stream = container.streams[audio.index]
        for index, packet in enumerate(_packets(container, stream)):
            for frame in packet.decode():
                if frame.pts is not None and frame.samples <= step:
                    at = round(frame.pts * Fraction(stream.time_base or 1) * audio.sample_rate_hz)
                    return index, at - (step - frame.samples)
    raise NotApplicable(f"no packet of the sound holds {step} samples")


def _payloads(film: Path, audio: AudioStream, stretches: Sequence[_Stretch]) -> dict[int, bytes]:
    """Read the packets that are decoded, by their index."""
    needed = {index for stretch in stretches for index in range(max(stretch.low - _WARM_UP_PACKETS, 0), stretch.high)}
    with open_input(film) as container:
        rows = enumerate(_packets(container, container.streams[audio.index]))
        return {index: bytes(packet) for index, packet in rows if index in needed}


def _encode_stretch(
    film: Path, audio: AudioStream, starts: NDArray[np.int64], stretch: _Stretch, payloads: dict[int, bytes]
) -> dict[int, bytes]:
    """Decode a stretch, mix its lines into it, and return the new packets by their index."""
    sound, begin = _decode_stretch(film, audio, stretch, payloads), int(starts[stretch.low])
    for line in stretch.lines:
        mix_into(sound, begin, line, audio.sample_rate_hz, audio.layout)
    fresh = encode(film, audio, sound, begin)
    packets = {}
    for index in range(stretch.first, stretch.end):
        data, old = fresh.get(int(starts[index])), payloads[index]
        # At 44.1 kHz packets of AC-3 differ in size; their rate code does not, but for its last bit.
        if data is None or (audio.codec == "ac3" and data[4] >> 1 != old[4] >> 1):
            raise NotApplicable("the encoder's packets do not fit among the film's own")
        packets[index] = with_adts_header(old, data) if audio.codec == "aac" else data
    return packets


def _decode_stretch(film: Path, audio: AudioStream, stretch: _Stretch, payloads: dict[int, bytes]) -> Sound:
    step, low = SAMPLES_PER_PACKET[audio.codec], stretch.low
    samples_out = np.zeros((audio.channels, (stretch.high - low) * step), np.float32)
    decoder = CodecContext.create(audio.codec, "r")
    assert isinstance(decoder, av.AudioCodecContext)
    with open_input(film) as container:
        decoder.extradata = container.streams[audio.index].codec_context.extradata
    resampler = av.AudioResampler(format="fltp", layout=audio.layout, rate=audio.sample_rate_hz)
    for index in range(max(low - _WARM_UP_PACKETS, 0), stretch.high):
        frames = decoder.decode(Packet(payloads[index]))
        samples = [part for frame in frames for part in resampled(resampler, frame)]
        if len(samples) != 1 or samples[0].shape[1] != step:
            raise NotApplicable("the sound's packets do not decode one by one")
        if index >= low:
            samples_out[:, (index - low) * step : (index - low + 1) * step] = samples[0]
    return samples_out


def _write_track(film: Path, track: Path, audio: AudioStream, new: dict[int, bytes]) -> None:
    """Copy the track, with new packets replacing old ones at their times and with their side data."""
    with open_input(film) as source, av.open(str(track), "w", options={"fflags": "+bitexact"}) as out:
        stream = source.streams[audio.index]
        copy = out.add_stream_from_template(stream, opaque=True)
        for index, packet in enumerate(_packets(source, stream)):
            written = packet
            if index in new:
                written = Packet(new[index])
                written.pts, written.dts, written.duration = packet.pts, packet.dts, packet.duration
                written.time_base, written.is_keyframe = packet.time_base, packet.is_keyframe
                for side_data in packet.iter_sidedata():
                    written.set_sidedata(side_data)
            written.stream = copy
            out.mux(written)
