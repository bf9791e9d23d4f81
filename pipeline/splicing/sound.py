"""Put new lines onto the dialogue track of a film whose pictures are done.

AAC, AC-3 and E-AC-3 in MP4 and MOV: only the packets of the lines and one before them are coded anew, every other one
is copied. PCM there is written over in place (pcm.py). Anything else: that one track is coded anew as a whole, and all
other streams are copied.
Raises  Unsuited where the packets cannot be matched; the whole-track way is then taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.context import CodecContext, Flags
from av.stream import Disposition

from ..kinds import AudioStream, Media
from . import tables
from .boxes import Unsuited, read_moov
from .frames import AS_STORED
from .lines import Line, Sound, lay
from .remux import muxer_options
from .surgery import NewSamples, rewrite, track_of

_FRAMES = {"aac": 1024, "ac3": 1536, "eac3": 1536}
"""Samples per packet of the codecs whose packets lean on no other than the one before."""
_LEADS = {"ac3": 256, "eac3": 256}
"""By how much an encoder's packets begin before its input, beyond whole packets."""
_MARGIN = 1
"""A packet is heard over its own samples and the next one's: so one before a line is new, and none behind it."""
_WARM_UP = 4
_EARLY = 40_960
"""How many samples before a stretch decoding begins, so that no state of the decoder is missing."""
_CHANNEL_BITS_PER_S = 128_000
"""At least this for the few new packets: at a thin source's own rate the line is heard before its in point."""
_ENCODERS = {"mp3": "libmp3lame", "opus": "libopus", "vorbis": "libvorbis"}


def replace_packets(film: Path, made: Path, media: Media, lines: Sequence[Line], scratch: Path) -> int:
    """Write `made` with new packets for the lines (in samples of the shown clock); give how many."""
    audio = media.audio[0]
    step = _FRAMES.get(audio.codec)
    if step is None:
        raise Unsuited(f"{audio.codec} sound is not replaced packet by packet")
    _, moov = read_moov(film)
    track = track_of(moov, b"soun", 0)
    found = tables.samples(track)
    scale = int.from_bytes(_timescale(track.at(b"mdia", b"mdhd").body), "big")
    if scale != audio.sample_rate_hz or bool((np.diff(found.dts) != step).any()):
        raise Unsuited(f"the sound's packets are not on a grid of {step} samples")
    shift = _shift(film, audio, found)
    stored = [line.moved(shift) for line in lines]
    with scratch.open("wb") as out:
        pieces = [_coded(film, audio, found, group, scratch, out) for group in _groups(stored, step)]
    rewrite(film, made, pieces, kind=b"soun")
    return sum(piece.end - piece.first for piece in pieces)


def _timescale(mdhd: bytes) -> bytes:
    return mdhd[20:24] if mdhd[0] == 1 else mdhd[12:16]


def _shift(film: Path, audio: AudioStream, found: tables.Samples) -> int:
    """Give what the edit list adds to the track's own clock, in samples."""
    with av.open(f"file:{film}") as container:
        for packet in container.demux(container.streams[audio.index]):
            places = np.flatnonzero(found.offsets == (-1 if packet.pos is None else packet.pos))
            if len(places) and packet.pts is not None:
                return int(packet.pts - found.dts[places[0]])
    raise Unsuited("the sound's packets cannot be matched to the file")


def _groups(lines: Sequence[Line], step: int) -> list[list[Line]]:
    """Put lines together whose packets, margins included, would touch."""
    reach = (2 * _MARGIN + 2) * step
    groups: list[list[Line]] = []
    for line in sorted(lines, key=lambda one: one.start):
        if groups and line.start - groups[-1][-1].end < reach:
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def _coded(
    film: Path, audio: AudioStream, found: tables.Samples, group: list[Line], scratch: Path, out: object
) -> NewSamples:
    assert hasattr(out, "write") and hasattr(out, "tell")
    first = max(int(np.searchsorted(found.dts, group[0].start, side="right")) - 1 - _MARGIN, 0)
    end = min(int(np.searchsorted(found.dts, group[-1].end)), found.count)
    low, high = max(first - _WARM_UP, 0), min(end + _WARM_UP, found.count)
    begin, step = int(found.dts[low]), _FRAMES[audio.codec]
    stretch = _stretch(film, audio, begin, int(found.dts[high - 1]) + step)
    for line in group:
        lay(stretch, begin, line, audio.sample_rate_hz, audio.layout)
    fresh = _encoded(film, audio, stretch, begin)
    sizes, offsets = [], []
    for place in range(first, end):
        data = fresh.get(int(found.dts[place]))
        if data is None:
            raise Unsuited("the encoder left out a packet of the line")
        offsets.append(out.tell())
        sizes.append(len(data))
        out.write(data)
    count = end - first
    return NewSamples(
        first=first,
        end=end,
        place=0,
        file=scratch,
        offsets=np.array(offsets, np.int64),
        sizes=np.array(sizes, np.int64),
        composition=np.zeros(count, np.int64),
        sync=np.ones(count, bool),
        entry=b"",
    )


def _stretch(film: Path, audio: AudioStream, begin: int, end: int) -> Sound:
    """Decode the samples [begin, end) of the track's own clock."""
    stretch = np.zeros((audio.channels, end - begin), np.float32)
    for at, part in _decoded(film, audio, begin, AS_STORED):
        if at >= end:
            break
        low, high = max(at, begin), min(at + part.shape[1], end)
        if low < high:
            stretch[:, low - begin : high - begin] = part[:, low - at : high - at]
    return stretch


def _decoded(film: Path, audio: AudioStream, begin: int, options: dict[str, str]) -> Iterator[tuple[int, Sound]]:
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


def _encoded(film: Path, audio: AudioStream, stretch: Sound, begin: int) -> dict[int, bytes]:
    """Encode a stretch; give the packets by the sample at which a decoder puts them."""
    encoder, step = _encoder(film, audio), _FRAMES[audio.codec]
    packets: dict[int, bytes] = {}
    for at in [*range(_LEADS.get(audio.codec, 0), stretch.shape[1], step), None]:
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
    """Open an encoder whose packets can stand among the film's own."""
    with av.open(f"file:{film}") as container:
        stream = container.streams[audio.index]
        context, first = stream.codec_context, bytes(next(container.demux(stream)))
        rate, header = context.bit_rate or 128_000, bytes(context.extradata or b"")
    encoder = CodecContext.create(audio.codec, "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = audio.sample_rate_hz, audio.layout, "fltp"
    encoder.flags |= Flags.global_header
    if audio.codec == "aac":
        encoder.bit_rate = max(rate, _CHANNEL_BITS_PER_S * audio.channels)
        # Noise substitution carries a random state from packet to packet: what follows the line would differ.
        encoder.options = {"aac_pns": "0"}
    else:
        # The rate stands in every packet and in the film's description of them.
        encoder.bit_rate = rate
        encoder.options = {"dialnorm": str(-dialogue_level(audio.codec, first))}
    encoder.open()
    if audio.codec == "aac" and bytes(encoder.extradata or b"")[:2] != header[:2]:
        raise Unsuited("the sound's AAC is of another profile than the encoder's")
    return encoder


def dialogue_level(codec: str, packet: bytes) -> int:
    """Read `dialnorm` (1 to 31, dB below full scale) of an AC-3 or E-AC-3 packet; receivers set the volume by it.

    Source: ETSI TS 102 366, 4.4.2 and annex E.1.2.2: the fields before it have these lengths.
    """
    bits = "".join(f"{byte:08b}" for byte in packet[:10])
    if codec == "eac3":
        at = 45
    else:
        mode = int(bits[48:51] or "0", 2)
        at = 51 + 2 * ((mode & 1 and mode != 1) + (mode & 4 > 0) + (mode == 2)) + 1
    return int(bits[at : at + 5] or "0", 2) or 31


def whole_track(film: Path, made: Path, media: Media, lines: Sequence[Line]) -> None:
    """Write the dialogue track with the lines into `made` (NUT, 32-bit float), at its own times."""
    audio = media.audio[0]
    with av.open(str(made), "w", format="nut") as out:
        stream = out.add_stream("pcm_f32le", rate=audio.sample_rate_hz, layout=audio.layout)
        for at, part in _decoded(film, audio, 0, {}):
            for line in lines:
                lay(part, at, line, audio.sample_rate_hz, audio.layout)
            packed = np.ascontiguousarray(part.T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=audio.layout)
            frame.sample_rate, frame.pts = audio.sample_rate_hz, at
            frame.time_base = Fraction(1, audio.sample_rate_hz)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def track_argv(ffmpeg: str, film: Path, track: Path, made: Path, media: Media, indices: Sequence[int]) -> list[str]:
    """Spell the call that puts a whole new track in the place of the first."""
    audio, flags = media.audio[0], _dispositions(film)
    argv = [ffmpeg, "-nostdin", "-v", "error", "-y", "-copyts", "-i", f"file:{film}", "-i", f"file:{track}"]
    for index in indices:
        argv += ["-map", "1:a:0" if index == audio.index else f"0:{index}"]
    argv += ["-c", "copy", "-c:a:0", _ENCODERS.get(audio.codec, audio.codec), "-copy_unknown"]
    if not audio.codec.startswith("pcm_") and audio.codec != "flac":
        argv += ["-b:a:0", str(160_000 * max(audio.channels, 1))]
    argv += ["-fflags", "+bitexact", "-map_metadata", "0", "-map_chapters", "0"]
    for place, index in enumerate(indices):
        argv += [f"-map_metadata:s:{place}", f"0:s:{index}", f"-disposition:{place}", flags[index]]
    return [*argv, *muxer_options(made.suffix), f"file:{made}"]


def _dispositions(film: Path) -> list[str]:
    """Spell what the streams are for (`default+comment`, `0`); an encoded stream would lose it."""
    with av.open(f"file:{film}") as container:
        flags = [Disposition(stream.disposition) for stream in container.streams]
    return ["+".join(one.name for one in Disposition if one.name and one in flag) or "0" for flag in flags]
