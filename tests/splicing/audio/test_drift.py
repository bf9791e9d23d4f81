"""A new line moves nothing: the same samples outside, the same number of them, and the line on its very sample."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from numbered_clips import click_times_s, make_clip, read_sound
from speech import wave_of
from takes import numbered_take, packets, segment

from react1.pipeline.media.not_applicable import NotApplicable
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.audio.lines import DialogueLine
from react1.pipeline.splicing.audio.stream_packets import replace_packets, require_equal_packets
from react1.pipeline.splicing.splice_params import SoundParams

pytestmark = pytest.mark.slow

STEP = {"aac": 1024, "ac3": 1536, "eac3": 1536}
UNEVEN = tuple(np.cumsum([0, *[512, 300, 900, 512, 77, 1000, 512, 512, 640, 155] * 10])[:75].tolist())
"""When 75 pictures are shown, at a rate that changes all the time."""

SHAPES = {
    "48 kHz stereo": {},
    "48 kHz mono": {"channels": 1},
    "44.1 kHz stereo": {"hz": 44100},
    "5.1": {"channels": 6},
    "late sound": {"audio_start_s": Fraction(7, 10)},
    "late picture": {"start_s": Fraction(3, 10)},
    "23.976": {"rate": Fraction(24000, 1001)},
    "29.97 at 44.1 kHz": {"rate": Fraction(30000, 1001), "frames": 90, "hz": 44100},
    "uneven": {"pts": UNEVEN},
}


def make_film(context, codec, *, hz=48000, suffix=".mov", **changes):
    """Make a film of about 3 s whose sound is a quiet tone with a click at each full second."""
    plain = make_clip(context.temp_path("plain.mov"), **{"frames": 75, "size": (96, 64), "gop": 10, **changes})
    path = context.temp_path("film" + suffix)
    coded = ["-c:v", "copy", "-c:a", codec, "-ar", str(hz)]
    if not codec.startswith("pcm"):
        coded += ["-b:a", "192k" if changes.get("channels", 2) < 6 else "448k"]
    if codec == "aac":
        # Noise substitution is dice that a decoder throws on and on: copied packets would sound otherwise after a line.
        coded += ["-aac_pns", "0", "-aac_coder", "fast"]
    context.run_tool([ffmpeg_path(), "-v", "error", "-i", str(plain), *coded, str(path)])
    file = context.store(path)
    return probe(context.path(file), file)


def splice_noise(context, media, first, last):
    """Splice noise, which correlates with itself at one position only; return the film, the position and the noise."""
    hz = media.audio[0].sample_rate_hz
    begin, end = (round(media.video.timestamps.array[at] * media.video.time_base * hz) for at in (first, last))
    noise = np.random.default_rng(3).uniform(-0.5, 0.5, (1, 48000)).astype(np.float32)
    line = context.store(wave_of(context, noise))
    take = numbered_take(context, segment(media, first, last, audio=line))
    result = splicing.splice(context, ffmpeg_path(), media, [take], sound=SoundParams(match="off"), quality="high")
    return result, begin, end, noise[0]


def offset(heard, noise):
    """Return the position of the noise in the samples, by correlation."""
    size = 1 << (len(heard) + len(noise)).bit_length()
    likeness = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(noise, size)), size)
    place = int(likeness.argmax())
    return place - size if place > size // 2 else place


BOXED = [(".mov", codec, shape) for codec in ("aac", "ac3", "pcm_s16le") for shape in SHAPES]
STREAMED = [
    (suffix, codec, shape)
    for suffix, codec in ((".mkv", "aac"), (".ts", "aac"), (".mkv", "eac3"), (".ts", "ac3"))
    for shape in ("48 kHz mono", "44.1 kHz stereo", "5.1", "late sound")
]


@pytest.mark.parametrize(("suffix", "codec", "shape"), [*BOXED, *STREAMED])
def test_nothing_drifts(context, suffix, codec, shape):
    """Copied packets are the same, all samples outside are, none is more or less, and the line is where it belongs."""
    media = make_film(context, codec, suffix=suffix, **SHAPES[shape])
    hz = media.audio[0].sample_rate_hz

    result, begin, end, noise = splice_noise(context, media, 30, 45)

    source = context.path(media.file)
    old, new = read_sound(source)[0], read_sound(result.path)[0]
    assert result.metrics["sound_way"] == "packets" and old.shape == new.shape
    first = round(starts_s(source) * hz)
    low, high = begin - first, end - first
    least, most = reach(source, media, codec, begin, end)
    # An AC-3 decoder throws dice for what has no bits, so its samples after a line are like before, not the same.
    changed = np.flatnonzero((np.abs(old - new) > (0.01 if "ac3" in codec else 0)).any(axis=0))
    assert least - first <= changed[0] < low + 100 and high - 100 < changed[-1] < most - first
    first_packets, second_packets = packets(source, "audio"), packets(result.path, "audio")
    # Where a transport stream has one time for several packets, readers extrapolate and round.
    assert all(
        abs(p[at] - q[at]) <= 2 * (suffix == ".ts")
        for p, q in zip(first_packets, second_packets, strict=True)
        for at in (0, 1)
    )
    if codec in STEP:
        differing = [
            place for place, (a, b) in enumerate(zip(first_packets, second_packets, strict=True)) if a[2] != b[2]
        ]
        assert differing[-1] - differing[0] <= (end - begin) / STEP[codec] + 2
    channel = 2 if new.shape[0] == 6 else 0
    wanted = as_recorded(noise, hz)[: high - low]
    assert offset(new[channel, low:high], wanted) == 0


def reach(path, media, codec, begin, end):
    """Return the samples [least, most) of the packets of a span and one on either side."""
    if codec not in STEP:
        return begin, end
    tick = media.audio[0].sample_rate_hz
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        slack = 0 if stream.time_base == Fraction(1, tick) else round(stream.time_base * tick) + 1
        starts = [round(p.pts * stream.time_base * tick) for p in container.demux(stream) if p.size]
    step = STEP[codec]
    least = max(at for at in starts if at - slack <= begin) - step - slack
    return least, min(at for at in starts if at + slack >= end) + step + slack


def as_recorded(noise, hz):
    """Return the noise, recorded at 48 kHz, at a track's rate."""
    if hz == 48000:
        return noise
    spectrum = np.fft.rfft(noise)[: len(noise) * hz // 48000 // 2 + 1]
    return np.fft.irfft(spectrum, len(noise) * hz // 48000)


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [(".mkv", "libopus"), (".mkv", "flac"), (".mkv", "libmp3lame"), (".ts", "mp2"), (".mp4", "libmp3lame")],
)
def test_a_re_encoded_track_does_not_drift(context, suffix, codec):
    """Every click is within a millisecond of where it was, and the line on its sample; the way is said."""
    media = make_film(context, codec, suffix=suffix, level=0)

    result, begin, end, noise = splice_noise(context, media, 30, 45)

    source = context.path(media.file)
    assert result.metrics["sound_way"] == "whole-track" and "re-encoded" in result.notes[0]
    before, after = (clicks_s(path) for path in (source, result.path))
    outside = [at for at in before if not begin / 48000 - 0.05 < at < end / 48000 + 0.05]
    assert len(outside) >= 2
    assert all(min(abs(at - second_packets) for second_packets in after) < 0.001 for at in outside)
    low = begin - round(starts_s(result.path) * 48000)
    heard = read_sound(result.path)[0][0, low : low + end - begin]
    assert offset(heard, noise[: end - begin]) == 0


def clicks_s(path):
    """Return the times of the clicks, on the film's clock."""
    return [at + starts_s(path) for at in click_times_s(read_sound(path)[0][0], threshold=0.45)]


def starts_s(path):
    """Return the time of the first decoded sample."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return float(next(container.decode(stream)).pts * stream.time_base)


def test_a_muxer_that_changes_packets_is_detected(context):
    """Another track, or the same at other times, is not the one that was written."""
    first_packets, second_packets = (
        context.path(make_film(context, "aac", suffix=".mkv", level=level).file) for level in (0.02, 0.3)
    )
    later = context.temp_path("later.mkv")
    context.run_tool(
        [ffmpeg_path(), "-v", "error", "-itsoffset", "0.1", "-i", str(first_packets), "-c", "copy", str(later)]
    )

    require_equal_packets(first_packets, first_packets)
    for wrong in (second_packets, later):
        with pytest.raises(NotApplicable, match="did not keep the sound's packets"):
            require_equal_packets(first_packets, wrong)


def test_a_track_with_gaps_is_re_encoded(context):
    """Packets that lie apart cannot be counted, so that track is re-encoded completely."""
    complete = context.path(make_film(context, "aac", suffix=".mkv").file)
    torn = context.temp_path("torn.mkv")
    with av.open(str(complete)) as source_file, av.open(str(torn), "w") as out:
        copies = {stream.index: out.add_stream_from_template(stream, opaque=True) for stream in source_file.streams}
        for packet in source_file.demux():
            if packet.size and not (packet.stream.type == "audio" and 900 < packet.pts < 1100):
                packet.stream = copies[packet.stream.index]
                out.mux(packet)
    file = context.store(torn)
    media = probe(context.path(file), file)

    with pytest.raises(NotApplicable, match="not on a grid of 1024 samples"):
        replace_packets(
            context.path(file), context.temp_path("track.mka"), media, [DialogueLine(70000, 80000, complete)]
        )
