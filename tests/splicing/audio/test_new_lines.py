"""New lines in films of every container, as samples, packets and streams."""

from __future__ import annotations

import struct
import wave
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from numbered_clips import click_times_s, damage_packet, make_clip, read_sound
from takes import dialogue_line, film, numbered_take, packets, segment

from react1.nodes.splice import Splice, SpliceParams
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.audio.samples import read_span
from react1.pipeline.media.mp4.boxes import Box, read_moov
from react1.pipeline.media.mp4.sample_tables import stbl
from react1.pipeline.media.probe import probe, probe_path
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.audio import dialogue
from react1.pipeline.splicing.audio.lines import DialogueLine, link_lines, mix_into
from react1.pipeline.splicing.audio.mp4_packets import read_dialnorm
from react1.pipeline.splicing.audio.reencode_track import decode_audio
from react1.pipeline.splicing.mp4.replace_samples import find_track
from react1.pipeline.splicing.splice_params import SoundParams

pytestmark = pytest.mark.slow

UNMATCHED = SoundParams(match="off")


def splice_line(context, media, start, end, **edit):
    """Splice a take with a new line, a tone of 1 kHz at its own level; give the film and the source's path."""
    take = numbered_take(context, segment(media, start, end, audio=dialogue_line(context), **edit))
    return splicing.splice(context, ffmpeg_path(), media, [take], sound=UNMATCHED, quality="high"), context.path(
        media.file
    )


def mux_clip(context, suffix, *options, **changes):
    """Make a clip of one sound channel and re-encode it with ffmpeg."""
    plain = make_clip(context.temp_path("plain.mov"), channels=1, level=0, **{"frames": 50, **changes})
    path = context.temp_path("film" + suffix)
    context.run_tool([ffmpeg_path(), "-v", "error", "-i", str(plain), *options, "-strict", "-2", str(path)])
    file = context.store(path)
    return probe(context.path(file), file)


def pictures_s(path):
    """List when each picture is shown, in seconds."""
    return sorted(pts for pts, _, _ in packets(path))


def test_a_new_line_in_a_transport_stream_keeps_the_clock(context):
    """The muxer of MPEG-TS moves all times unless it is reported not to."""
    media = film(context, ".ts", audio_codec="mp2", time_base=Fraction(1, 90000), tracks=2, frames=40)

    result, source = splice_line(context, media, 20, 30)

    assert result.metrics["sound_way"] == "whole-track"
    assert pictures_s(result.path) == pictures_s(source)
    assert packets(result.path, "audio", 1) == packets(source, "audio", 1)


@pytest.mark.parametrize(
    ("suffix", "codec", "way"), [(".mp4", "aac", "packets"), (".mkv", "aac", "packets"), (".mp4", "mp3", "whole-track")]
)
def test_a_line_beside_a_damaged_packet_is_put_in_and_moves_no_sound(context, suffix, codec, way):
    """A player hears silence there; what comes after it stays at its time, however the line is put in."""
    path = make_clip(context.temp_path(f"film{suffix}"), frames=75, audio_codec=codec, level=0.2)
    damage_packet(path, 30)
    file = context.store(path)

    result, _ = splice_line(context, probe(context.path(file), file), 30, 40)

    assert result.metrics["sound_way"] == way
    heard, _ = read_span(result.path, 1, Fraction(0), Fraction(3))
    assert click_times_s(heard[0], threshold=0.5) == pytest.approx([0, 1, 2], abs=0.002)


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".ts", "dca"), (".avi", "libmp3lame"), (".avi", "mp2"), (".avi", "ac3"), (".flv", "aac")]
)
def test_a_track_that_is_encoded_again_is_not_late(context, suffix, codec):
    """An encoder's delay is not told to the muxer (DTS), or the container begins at zero: 5 to 23 ms, all the way."""
    media = mux_clip(context, suffix, "-c:v", "libx264", "-bf", "0", "-g", "5", "-c:a", codec, "-ac", "2", frames=75)

    result, source = splice_line(context, media, 30, 40)

    assert result.metrics["sound_way"] == "whole-track"
    before, after = (read_span(path, 1, media.start_s, media.start_s + 3)[0][0] for path in (source, result.path))
    times_s = click_times_s(before[84_000:], threshold=0.3)
    assert len(times_s) == 1 and click_times_s(after[84_000:], threshold=0.3) == pytest.approx(times_s, abs=0.0015)


@pytest.mark.parametrize("codec", ["libopus", "libmp3lame"])
def test_a_track_that_is_encoded_again_in_mp4_ends_where_it_did(context, codec):
    """A decoder gives the last packet completely; its edit list or its duration says where the sound ends in it."""
    media = mux_clip(context, ".mp4", "-c:v", "libx264", "-c:a", codec, frames=49)

    result, source = splice_line(context, media, 20, 30)

    assert result.metrics["sound_way"] == "whole-track"
    before, after = (probe_path(path).audio[0].duration_s for path in (source, result.path))
    assert before == after == Fraction(49, 25)
    assert len(packets(result.path, "audio")) == len(packets(source, "audio"))


def test_a_film_whose_fragments_the_muxer_does_not_keep_says_so(context):
    """PCM in fragments is not overwritten in place: the film is muxed again, with one index."""
    fragments = ("-c:v", "libx264", "-g", "5", "-c:a", "pcm_s16le", "-movflags", "frag_keyframe+empty_moov")
    media = mux_clip(context, ".mov", *fragments)

    result, source = splice_line(context, media, 20, 30)

    assert b"moof" in source.read_bytes() and b"moof" not in result.path.read_bytes()
    assert any("could not be kept: the fragments" in note for note in result.notes)


def test_a_file_type_does_not_become_a_tag(context):
    """A reader gives it as tags, and the muxer of MP4 writes every tag."""
    media = film(context, audio_codec="mp3", frames=50)

    result, source = splice_line(context, media, 20, 30)

    assert result.metrics["sound_way"] == "whole-track"
    tags = [av.open(str(path)).metadata for path in (source, result.path)]
    assert tags[0]["major_brand"] == tags[1]["major_brand"] and b"major_brand" not in result.path.read_bytes()


def test_a_damaged_recording_is_heard_but_for_what_is_damaged(context):
    """The model heard it so, and the take was paid for: the splice must not fail over it."""
    media = film(context, audio_codec="aac", frames=50)
    recording = context.temp_path("line.mp3")
    tone = str(context.path(dialogue_line(context, seconds=0.8)))
    context.run_tool([ffmpeg_path(), "-v", "error", "-f", "wav", "-i", tone, str(recording)])
    data = bytearray(recording.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 400] = bytes(400)
    recording.write_bytes(data[:-60])
    take = numbered_take(context, segment(media, 20, 40, audio=context.store(recording)))

    result = splicing.splice(context, ffmpeg_path(), media, [take], sound=UNMATCHED, quality="high")

    heard = read_sound(result.path)[0][0]
    assert np.abs(heard[40000:50000]).max() > 0.3 and result.metrics["sound_way"] == "packets"


def write_wave(context, samples):
    """Write `(channels, samples) float` as 16-bit WAV at 48 kHz."""
    path = context.temp_path("wave.wav")
    with wave.open(str(path), "wb") as out:
        out.setnchannels(len(samples))
        out.setsampwidth(2)
        out.setframerate(48000)
        out.writeframes((samples.T * 32767).round().astype("<i2").tobytes())
    return path


CHAPTERS = ";FFMETADATA1\n" + "".join(
    f"[CHAPTER]\nTIMEBASE=1/1\nSTART={at}\nEND={at + 1}\ntitle=part {at}\n" for at in (0, 1)
)


def with_chapters(context, suffix, *options, **changes):
    """Make a film with chapters and a timecode track, as cutting programs give it."""
    text = context.temp_path("chapters.txt")
    text.write_text(CHAPTERS)
    extra = ["-i", str(text), "-map_metadata", "1", "-timecode", "01:00:00:00", "-c:v", "copy"]
    return mux_clip(context, suffix, *extra, *options, **changes)


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24be", "pcm_f32le"])
def test_a_line_in_pcm_changes_no_byte_outside_it(context, codec):
    """Timecode and chapters stay, which a muxer cannot write beside PCM, and so does every sample outside."""
    media = with_chapters(context, ".mov", "-c:a", codec)

    result, source = splice_line(context, media, 20, 25)

    assert result.metrics["sound_way"] == "packets" and result.notes == ()
    old, new = read_sound(source)[0][0], read_sound(result.path)[0][0]
    changed = np.flatnonzero(old != new)
    assert len(old) == len(new) and 38400 <= changed[0] < 38500
    assert 47900 < changed[-1] < 48000
    with av.open(str(source)) as first_file, av.open(str(result.path)) as second_file:
        assert second_file.chapters() == first_file.chapters() and len(first_file.chapters()) == 2
        assert [s.type for s in second_file.streams] == [s.type for s in first_file.streams]


@pytest.mark.parametrize("codec", ["ac3", "eac3"])
def test_a_line_in_ac3_changes_only_its_own_packets(context, codec):
    """Timecode and chapters stay, and the line stands at the in point."""
    media = with_chapters(context, ".mp4", "-c:a", codec, "-b:a", "128k")

    result, source = splice_line(context, media, 20, 25)

    assert result.metrics["sound_way"] == "packets" and result.notes == ()
    old, new = packets(source, "audio"), packets(result.path, "audio")
    assert [first_file[:2] for first_file in old] == [first_file[:2] for first_file in new]
    assert (
        0 < sum(first_file != second_file for first_file, second_file in zip(old, new, strict=True)) <= 9600 // 1536 + 7
    )
    heard = read_sound(result.path)[0][0]
    tone = np.sin(np.arange(2400, 7200) / 48000 * 2 * np.pi * 1000) * 12000 / 32768
    assert np.abs(heard[40800:45600] - tone).max() < 0.002
    with av.open(str(source)) as first_file, av.open(str(result.path)) as second_file:
        assert second_file.chapters() == first_file.chapters() and len(first_file.chapters()) == 2
        assert [s.type for s in second_file.streams] == [s.type for s in first_file.streams]


@pytest.mark.parametrize(("codec", "channels"), [("ac3", 1), ("ac3", 2), ("ac3", 6), ("eac3", 2)])
def test_new_packets_keep_the_dialnorm_of_the_track(context, codec, channels):
    """Each AC-3 packet has the level of its dialogue, and a receiver sets the volume by it."""
    media = with_chapters(context, ".mp4", "-c:a", codec, "-ac", str(channels), "-dialnorm", "-20")

    result, _ = splice_line(context, media, 20, 25)

    assert result.metrics["sound_way"] == "packets"
    assert {read_dialnorm(codec, data) for _, _, data in packets(result.path, "audio")} == {20}


def test_a_re_encoded_track_keeps_timecode_and_chapters(context):
    """A muxer refuses these tracks as packets beside MP3, but writes them itself from what they say."""
    media = with_chapters(context, ".mp4", "-c:a", "libmp3lame")

    result, source = splice_line(context, media, 20, 25)

    assert result.metrics["sound_way"] == "whole-track"
    assert len(result.notes) == 1 and "re-encoded" in result.notes[0]
    with av.open(str(source)) as first_file, av.open(str(result.path)) as second_file:
        assert [c["metadata"] for c in second_file.chapters()] == [c["metadata"] for c in first_file.chapters()]
        assert [s.type for s in second_file.streams] == [s.type for s in first_file.streams]
        assert [s.metadata.get("timecode") for s in second_file.streams] == [
            s.metadata.get("timecode") for s in first_file.streams
        ]


def test_a_track_that_no_muxer_accepts_is_a_clear_error(context, monkeypatch):
    """Whatever the tool says, the user reads what to do."""
    media = with_chapters(context, ".mp4", "-c:a", "libmp3lame")
    monkeypatch.setattr(
        dialogue.reencode_track, "build_mux_command", lambda *args, **kwargs: [ffmpeg_path(), "-no-such-option"]
    )

    with pytest.raises(InputMediaError, match="cannot be put into the film's mp3 sound: convert that track"):
        splice_line(context, media, 20, 25)


@pytest.mark.parametrize("codec", ["dca", "truehd"])
def test_a_line_is_put_into_sound_of_discs(context, codec):
    """Ffmpeg calls their encoders experimental."""
    plain = make_clip(context.temp_path("plain.mkv"), frames=40, size=(96, 64))
    path = context.temp_path("film.mkv")
    sound = ["-c:a", codec, "-strict", "-2"]
    context.run_tool([ffmpeg_path(), "-v", "error", "-i", str(plain), "-c:v", "copy", *sound, str(path)])
    file = context.store(path)
    media = probe(context.path(file), file)
    target = segment(media, 20, 25, audio=dialogue_line(context))

    planned = Splice.forecast(context, SpliceParams(), {"takes": [target]})
    result, _ = splice_line(context, media, 20, 25)

    assert planned.splice["way"] == result.metrics["way"] == "exact"
    assert result.metrics["sound_way"] == "whole-track"


def with_other_tables(context, path, change):
    """Write a film again, whose index is at its end, with a change of that; probe it."""
    tops, moov = read_moov(path)
    change(moov)
    result = context.temp_path("changed" + path.suffix)
    result.write_bytes(path.read_bytes()[: tops[-1].offset] + moov.to_bytes())
    file = context.store(result)
    return probe(context.path(file), file)


def tone_at(path, index, start_s, end_s):
    """Return the amplitude of the 1 kHz of a line in a span of a track."""
    samples, rate_hz = read_span(path, index, Fraction(start_s), Fraction(end_s))
    turns = np.exp(-2j * np.pi * 1000 * np.arange(samples.shape[1]) / rate_hz)
    return float(2 * np.abs((samples[0] * turns).mean()))


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "aac"), (".mov", "pcm_s16le")])
def test_a_line_is_heard_in_its_frames_where_an_edit_list_leaves_sound_out(context, suffix, codec):
    """What is left out moves the packets behind it, and only these, on the track's own clock."""
    path = make_clip(context.temp_path("plain" + suffix), frames=40, size=(96, 64), audio_codec=codec)

    def leave_out(moov):
        ticks = int.from_bytes(moov.require(b"mvhd").body[12:16], "big")
        rows = [(ticks * 6 // 10, 0), (ticks * 5 // 10, 48_000 * 9 // 10)]
        body = struct.pack(">II", 0, 2) + b"".join(struct.pack(">IiI", *row, 1 << 16) for row in rows)
        find_track(moov, b"soun").put(b"edts", Box(b"elst", body).to_bytes())

    media = with_other_tables(context, path, leave_out)

    result, _ = splice_line(context, media, 20, 25)

    assert result.metrics["way"] == "exact" and result.metrics["sound_way"] == "whole-track"
    assert tone_at(result.path, 1, "0.85", "0.95") > 0.2 > 0.01 > tone_at(result.path, 1, "0.5", "0.7")


def test_a_line_goes_to_the_first_track_that_can_be_decoded(context):
    """A sound track of a codec that nobody here knows stays as it is, and is not taken for the dialogue's."""
    path = make_clip(context.temp_path("plain.mp4"), frames=40, size=(96, 64), audio_codec="aac", tracks=2)

    def hide_codec(moov):
        stsd = stbl(find_track(moov, b"soun")).require(b"stsd")
        stsd.body = stsd.body.replace(b"mp4a", b"xaud", 1).replace(b"esds", b"free", 1)

    media = with_other_tables(context, path, hide_codec)
    assert [track.index for track in media.audio] == [2]

    result, source = splice_line(context, media, 20, 25)

    assert result.metrics["sound_way"] == "packets" and result.metrics["other_sound_identical"]
    assert packets(result.path, "audio", 0) == packets(source, "audio", 0)
    assert tone_at(result.path, 2, "0.85", "0.95") > 0.2


@pytest.mark.parametrize("rate_hz", [8000, 22_050])
def test_a_line_is_put_into_vorbis_of_a_low_rate(context, rate_hz):
    """Its encoder takes a quality at every rate of samples, but not every number of bits."""
    media = mux_clip(context, ".mkv", "-c:v", "copy", "-c:a", "libvorbis", "-ar", str(rate_hz), size=(96, 64))

    result, _ = splice_line(context, media, 20, 25)

    assert result.metrics["sound_way"] == "whole-track"
    assert tone_at(result.path, 1, "0.85", "0.95") > 0.2


def test_a_line_in_sound_without_an_encoder_is_refused_before_anything_is_paid(context):
    """As LATM of digital television; without a new line the film is spliced."""
    media = film(context, ".ts", frames=40, size=(96, 64), audio_codec="aac")
    media = media.model_copy(update={"audio": (media.audio[0].model_copy(update={"codec": "aac_latm"}),)})
    silent, spoken = segment(media, 20, 25), segment(media, 20, 25, audio=dialogue_line(context))

    Splice.check_before_paying(context, SpliceParams(), {"takes": [silent]})
    with pytest.raises(InputMediaError, match="cannot be put into the film's aac_latm sound"):
        Splice.check_before_paying(context, SpliceParams(), {"takes": [spoken]})


@pytest.mark.parametrize(("suffix", "codecs"), [(".mkv", "copy"), (".webm", "libopus")])
def test_the_replaced_track_keeps_its_disposition(context, suffix, codecs):
    """Which track a player starts with, and which is a commentary, does not change with a line."""
    picture = ["-c:v", "copy"] if suffix == ".mkv" else ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"]
    media = mux_clip(
        context, suffix, *picture, "-c:a", codecs, "-disposition:a", "default+comment", frames=30, size=(96, 64)
    )

    result, source = splice_line(context, media, 10, 20)

    with av.open(str(source)) as first_file, av.open(str(result.path)) as second_file:
        assert second_file.streams.audio[0].disposition == first_file.streams.audio[0].disposition != 0
        assert second_file.streams.video[0].disposition == first_file.streams.video[0].disposition


def test_a_mono_line_keeps_its_level_in_every_layout(context):
    """Left and right get it in full, a centre gets it alone; a resampler would take 3 dB away."""
    path = write_wave(context, np.full((1, 9600), 0.5))

    def render(layout):
        return DialogueLine(0, 4800, path, fade_ms=0).render(48000, layout, 0, 4800)

    assert np.allclose(render("stereo"), 0.5, atol=1e-4)
    assert np.allclose(render("mono"), 0.5, atol=1e-4)
    places = [channel.name for channel in av.AudioLayout("5.1").channels]
    levels = dict(zip(places, render("5.1").mean(1), strict=True))
    assert abs(levels.pop("FC") - 0.5) < 1e-4 and not any(levels.values())


@pytest.mark.parametrize(("suffix", "codec", "most"), [(".mov", "pcm_s16le", 0), (".mp4", "aac", 0.1)])
def test_a_line_reaches_the_centre_of_eight_channels(context, suffix, codec, most):
    """The other seven are silent as before, and all of them sound as before around the line."""
    silent = "|".join(f"c{number}=0*c0" for number in range(1, 8))
    media = mux_clip(context, suffix, "-c:v", "copy", "-af", f"pan=7.1|c0=c0|{silent}", "-c:a", codec)

    result, source = splice_line(context, media, 20, 30)

    before, after = (read_span(path, 1, Fraction(0), Fraction(2))[0] for path in (source, result.path))
    assert result.metrics["sound_way"] == "packets"
    assert before.shape == after.shape == (8, 96_000)
    inside = np.abs(after[:, 40_000:56_000]).max(axis=1)
    assert inside[2] > 0.1 and np.delete(inside, 2).max() < 0.01
    assert np.abs(after - before)[:, np.r_[0:36_000, 60_000:96_000]].max() <= most


def test_between_two_lines_that_meet_the_films_own_sound_is_silent(context):
    """The first line's recording goes on under the second's fade; the film's own sound returns at the ends only."""
    left, right = write_wave(context, np.full((1, 9600), 0.25)), write_wave(context, np.full((1, 9600), 0.5))
    track = np.full((1, 48000), -0.9, np.float32)

    for line in link_lines([DialogueLine(20000, 28000, right), DialogueLine(12000, 20000, left)]):
        mix_into(track, 0, line, 48000, "mono")

    assert track[0, 12960:27040].min() > 0.24
    assert np.abs(np.diff(track[0, 12960:27040])).max() < 0.01
    assert (track[0, :12000] == np.float32(-0.9)).all() and (track[0, 28000:] == np.float32(-0.9)).all()


def test_mixing_piece_by_piece_equals_mixing_at_once(context):
    """A whole track is coded frame by frame, so a join must not depend on where a frame ends."""
    noise = np.random.default_rng(4).uniform(-0.5, 0.5, (2, 1, 9600))
    lines = link_lines(
        [
            DialogueLine(1000, 5000, write_wave(context, noise[0])),
            DialogueLine(5000, 9000, write_wave(context, noise[1])),
        ]
    )
    complete, parts = np.zeros((1, 10000), np.float32), np.zeros((1, 10000), np.float32)

    for line in lines:
        mix_into(complete, 0, line, 48000, "mono")
    for at in range(0, 10000, 700):
        for line in lines:
            mix_into(parts[:, at : at + 700], at, line, 48000, "mono")

    assert np.array_equal(complete, parts)


def test_new_packets_of_a_low_rate_track_get_enough_bits(context):
    """The few new packets get enough bits, so that quantising noise is not heard before the line."""
    media = mux_clip(context, ".mp4", "-c:v", "copy", "-c:a", "aac", "-b:a", "32k")
    noise = np.random.default_rng(1).uniform(-0.9, 0.9, (1, 76800))
    take = numbered_take(context, segment(media, 0, 40, audio=context.store(write_wave(context, noise))))

    result = splicing.splice(context, ffmpeg_path(), media, [take])

    inside = [len(data) for pts, _, data in packets(result.path, "audio") if 0 <= pts < 76800 - 1024]
    assert np.mean(inside) * 8 * 48000 / 1024 > 110_000


def test_a_line_for_a_silent_film_is_dropped_with_a_note(context):
    """The film is made all the same, and the figures count what is not in it."""
    media = film(context, tracks=0, frames=30)

    result, _ = splice_line(context, media, 10, 20)

    assert result.metrics["lines_dropped"] == 1
    assert "the film has no sound track: 1 new line was left out" in result.notes


def test_a_line_in_matroska_loses_nothing_at_the_head(context):
    """The encoder's priming packet is kept, or a player would drop the first real one in its place."""
    media = mux_clip(context, ".mkv", "-c:v", "copy", "-c:a", "aac", "-b:a", "96k")

    result, source = splice_line(context, media, 20, 25)

    old, new = packets(source, "audio"), packets(result.path, "audio")
    assert [pts for pts, _, _ in new[:3]] == [pts for pts, _, _ in old[:3]] and old[0][0] < 0
    before, after = read_sound(source)[0][0], read_sound(result.path)[0][0]
    assert np.abs(before[:1024] - after[:1024]).max() < 0.3 < 0.6 < np.abs(after[:1024]).max()


def test_a_line_in_matroska_is_continuous(context):
    """Times there are rounded to milliseconds, and a line that is mixed packet by packet must not repeat samples."""
    media = mux_clip(context, ".mkv", "-c:v", "copy", "-c:a", "flac", "-frame_size", "1000")

    result, _ = splice_line(context, media, 20, 25)

    heard = read_sound(result.path)[0][0]
    tone = np.sin(np.arange(1200, 8400) / 48000 * 2 * np.pi * 1000) * 12000 / 32768
    assert np.abs(heard[39600:46800] - tone).max() < 0.001


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "aac"), (".mov", "pcm_s16le")])
@pytest.mark.parametrize("in_place", [False, True])
def test_a_new_line_and_its_pictures_are_written_together(context, suffix, codec, in_place):
    """Only one file of the film's length is made, whatever the edit changes."""
    media = film(context, suffix, frames=75, gop=12, audio_codec=codec)
    take = numbered_take(context, segment(media, 25, 35, audio=dialogue_line(context)))

    result = splicing.splice(context, ffmpeg_path(), media, [take], in_place=in_place)

    assert result.metrics["sound_way"] == "packets" and result.metrics["way"] == "exact"
    assert list((context.folder / "temp").rglob(f"film*{suffix}")) == [result.path]
    old, new = read_sound(context.path(media.file))[0], read_sound(result.path)[0]
    assert old.shape == new.shape and np.abs(old - new)[:, 48500:66000].max() > 0.05


def test_a_jump_of_hours_after_a_damaged_packet_is_silence_in_parts(context):
    """Broken times must not take gigabytes of memory at once."""
    clip = make_clip(context.temp_path("film.mkv"), frames=50, channels=1, audio_codec="mp2", size=(64, 48))
    path, jump_s = context.temp_path("jumps.mkv"), 3600
    with av.open(str(clip)) as source, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(source.streams.audio[0])
        for number, packet in enumerate(source.demux(audio=0)):
            if packet.size:
                data = b"\xff" * packet.size if number == 20 else bytes(packet)
                changed = av.Packet(data)
                late = int(jump_s / packet.time_base) if number > 20 else 0
                changed.pts, changed.dts, changed.time_base = packet.pts + late, packet.dts + late, packet.time_base
                changed.stream = stream
                out.mux(changed)
    audio = probe_path(path).audio[0]

    parts = [(at, part.shape[1]) for at, part in decode_audio(path, audio, 0, {})]

    assert max(count for _, count in parts) <= 10 * audio.sample_rate_hz
    assert all(a + count == b for (a, count), (b, _) in pairwise(parts))
    assert sum(count for _, count in parts) > jump_s * audio.sample_rate_hz
