"""Put new lines onto the dialogue track of a Matroska or transport stream, packet by packet.

These have no tables: the packets are counted as a reader gives them, and lie on a grid of their own length. All but the
new ones are copied, their times included.
Takes   a film whose pictures are done, and lines in samples of the shown clock.
Gives   the dialogue track by itself, which whole_track.py puts beside the film's other streams.
Raises  Unsuited where the packets are of another codec, have gaps, or cannot be decoded one by one.
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
from ..not_applicable import NotApplicable
from .lines import Line, Sound, lay
from .mp4_packets import groups, window
from .packet_encoder import FRAMES, adts, encoded

_CONTAINERS = {"matroska": ".mka", "mpegts": ".nut"}
"""What the track alone is written as: Matroska tells how many samples a decoder drops first, NUT keeps every tick."""
_SLIP_S = 0.0015
"""Times may be off the grid by this, since Matroska rounds them to milliseconds; more is a gap."""
_SETTLED = 8
"""So many packets are decoded before the first that counts."""


@dataclass(frozen=True)
class _Stretch:
    """Packets [low, high) are decoded, [first, end) of them are coded anew."""

    low: int
    first: int
    end: int
    high: int
    lines: list[Line]


def track_suffix(media: Media) -> str:
    """Name the kind of file that the track alone is written as."""
    suffix = _CONTAINERS.get(media.container.split(",")[0])
    if suffix is None:
        raise NotApplicable(f"the sound of {media.container.split(',')[0]} files is not replaced packet by packet")
    return suffix


def replace_packets(film: Path, track: Path, media: Media, lines: Sequence[Line]) -> int:
    """Write `track` with new packets for the lines; give how many."""
    audio = media.audio[0]
    step = FRAMES.get(audio.codec)
    if step is None:
        raise NotApplicable(f"{audio.codec} sound is not replaced packet by packet")
    try:
        starts = _starts(film, audio, step)
        stretches = [_Stretch(*window(starts, group), group) for group in groups(lines, step)]
        held = _payloads(film, audio, stretches)
        new: dict[int, bytes] = {}
        for stretch in stretches:
            new |= _coded(film, audio, starts, stretch, held)
        _write(film, track, audio, new)
    except (av.FFmpegError, ValueError) as error:
        raise NotApplicable(f"the sound's packets cannot be taken one by one: {error}") from error
    return len(new)


def require_same(track: Path, film: Path) -> None:
    """See that a film holds the track as it was written, packet for packet."""
    with av.open(f"file:{track}") as one, av.open(f"file:{film}") as other:
        rows = ([(bytes(p), p.pts * p.time_base) for p in _demuxed(x, x.streams.audio[0])] for x in (one, other))
        was, came = rows
    # A transport stream has its ticks, Matroska its milliseconds.
    near = all(abs(a[1] - b[1]) <= Fraction(1, 1000) for a, b in zip(was, came, strict=False))
    if [data for data, _ in was] != [data for data, _ in came] or not near:
        raise NotApplicable("the muxer did not keep the sound's packets as they are")


def _demuxed(container: Any, stream: Any) -> Iterator[Any]:
    for packet in container.demux(stream):
        if packet.size:
            if packet.pts is None:
                raise NotApplicable("packets of the sound have no time")
            yield packet


def _starts(film: Path, audio: AudioStream, step: int) -> NDArray[np.int64]:
    """Give the sample of the shown clock at which each packet is heard."""
    with av.open(f"file:{film}") as container:
        stream = container.streams[audio.index]
        tick = float(Fraction(stream.time_base or 1) * audio.sample_rate_hz)
        told = np.array([packet.pts for packet in _demuxed(container, stream)], np.int64) * tick
    place, at = _anchor(film, audio, step)
    starts = at + (np.arange(len(told)) - place) * step
    if bool((np.abs(starts - told) > max(tick, _SLIP_S * audio.sample_rate_hz)).any()):
        raise NotApplicable(f"the sound's packets are not on a grid of {step} samples")
    return starts


def _anchor(film: Path, audio: AudioStream, step: int) -> tuple[int, int]:
    """Give the first packet of which something is heard, and its sample: a decoder may drop the front of it."""
    with av.open(f"file:{film}") as container:
        stream = container.streams[audio.index]
        for place, packet in enumerate(_demuxed(container, stream)):
            for frame in packet.decode():
                if frame.pts is not None and frame.samples <= step:
                    at = round(frame.pts * Fraction(stream.time_base or 1) * audio.sample_rate_hz)
                    return place, at - (step - frame.samples)
    raise NotApplicable(f"no packet of the sound holds {step} samples")


def _payloads(film: Path, audio: AudioStream, stretches: Sequence[_Stretch]) -> dict[int, bytes]:
    """Read the packets that are decoded, by their place."""
    wanted = {place for one in stretches for place in range(max(one.low - _SETTLED, 0), one.high)}
    with av.open(f"file:{film}") as container:
        rows = enumerate(_demuxed(container, container.streams[audio.index]))
        return {place: bytes(packet) for place, packet in rows if place in wanted}


def _coded(
    film: Path, audio: AudioStream, starts: NDArray[np.int64], stretch: _Stretch, held: dict[int, bytes]
) -> dict[int, bytes]:
    """Decode a stretch, lay its lines on it, and give the new packets by their place."""
    sound, begin = _decoded(film, audio, stretch, held), int(starts[stretch.low])
    for line in stretch.lines:
        lay(sound, begin, line, audio.sample_rate_hz, audio.layout)
    fresh = encoded(film, audio, sound, begin)
    made = {}
    for place in range(stretch.first, stretch.end):
        data, old = fresh.get(int(starts[place])), held[place]
        # At 44.1 kHz packets of AC-3 differ in size; what they say of their rate does not, but for its last bit.
        if data is None or (audio.codec == "ac3" and data[4] >> 1 != old[4] >> 1):
            raise NotApplicable("the encoder's packets do not fit among the film's own")
        made[place] = adts(old, data) if audio.codec == "aac" else data
    return made


def _decoded(film: Path, audio: AudioStream, stretch: _Stretch, held: dict[int, bytes]) -> Sound:
    step, low = FRAMES[audio.codec], stretch.low
    made = np.zeros((audio.channels, (stretch.high - low) * step), np.float32)
    decoder = CodecContext.create(audio.codec, "r")
    assert isinstance(decoder, av.AudioCodecContext)
    with av.open(f"file:{film}") as container:
        decoder.extradata = container.streams[audio.index].codec_context.extradata
    resampler = av.AudioResampler(format="fltp", layout=audio.layout, rate=audio.sample_rate_hz)
    for place in range(max(low - _SETTLED, 0), stretch.high):
        frames = decoder.decode(Packet(held[place]))
        samples = [part.to_ndarray() for frame in frames for part in resampler.resample(frame)]
        if len(samples) != 1 or samples[0].shape[1] != step:
            raise NotApplicable("the sound's packets do not decode one by one")
        if place >= low:
            made[:, (place - low) * step : (place - low + 1) * step] = samples[0]
    return made


def _write(film: Path, track: Path, audio: AudioStream, new: dict[int, bytes]) -> None:
    """Copy the track, with the new packets in the place of the old ones, at their times and with their side data."""
    with av.open(f"file:{film}") as given, av.open(str(track), "w", options={"fflags": "+bitexact"}) as out:
        stream = given.streams[audio.index]
        copy = out.add_stream_from_template(stream, opaque=True)
        for place, packet in enumerate(_demuxed(given, stream)):
            kept = packet
            if place in new:
                kept = Packet(new[place])
                kept.pts, kept.dts, kept.duration = packet.pts, packet.dts, packet.duration
                kept.time_base, kept.is_keyframe = packet.time_base, packet.is_keyframe
                for told in packet.iter_sidedata():
                    kept.set_sidedata(told)
            kept.stream = copy
            out.mux(kept)
