"""A new line over the film's own sound: that one stays as it is, the sum does not clip, and keeping changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from numbered_clips import read_sound
from speech import bursts, speaking_film, wave_of
from takes import numbered_take, packets, segment

from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.audio.lines import DialogueLine, link_lines, mix_into
from react1.pipeline.splicing.audio.loudness_match import amplitude, db, fit_gain, true_peak
from react1.pipeline.splicing.splice_params import SoundParams

pytestmark = pytest.mark.slow

AS_GIVEN = SoundParams(match="off")
PCM, AAC = ("-c:a", "pcm_s16le"), ("-c:a", "aac", "-b:a", "128k")
FADE = 960


def mixed(context, own, wave, *, coded=PCM, params=AS_GIVEN, span=(50, 75), audio_mix="mix", **fields):
    """Splice a line over 1 s of a film of 4 s; give the film, its samples and the source's."""
    media = speaking_film(context, 100, own, coded=coded)
    line = context.store(wave_of(context, wave))
    take = numbered_take(context, segment(media, *span, audio=line, audio_mix=audio_mix, name="hello", **fields))
    result = splicing.splice(context, ffmpeg_path(), media, [take], sound=params, quality="high")
    return result, context.path(media.file)


def test_a_mixed_line_is_the_sum_to_the_sample(context):
    """PCM: outside the span not a bit changes; inside, the film's own sound and the line, which fades at both ends."""
    own, wave = bursts(4.0), bursts(1.0, (0.4, 0.6)) * 0.5

    result, source = mixed(context, own, wave)

    old, new = read_sound(source)[0], read_sound(result.path)[0]
    added = (new - old)[0]
    assert not added[:96000].any() and not added[144000:].any()
    share = np.minimum(1, (np.minimum(np.arange(48000), np.arange(48000)[::-1]) + 0.5) / FADE)
    assert np.abs(added[96000:144000] - wave[0] * np.sin(share * np.pi / 2)).max() < 1.1 / 32768
    assert result.metrics["sound_way"] == "packets" and result.metrics["click_db"] < 1


def test_a_mixed_line_in_aac_changes_only_its_own_packets(context):
    """Every other packet is the source's; inside, the film's own sound goes on under the line."""
    own = bursts(4.0)

    result, source = mixed(context, own, bursts(1.0)[:, ::-1].copy(), coded=AAC)

    old, new = packets(source, "audio"), packets(result.path, "audio")
    changed = [place for place, (item, other) in enumerate(zip(old, new, strict=True)) if item != other]
    assert changed[0] >= 96000 // 1024 - 3 and changed[-1] <= 144000 // 1024 + 4
    assert result.metrics["sound_packets"] >= len(changed) > 40
    before, after = read_sound(source)[0], read_sound(result.path)[0]
    added = (after - before)[0, 98000:142000]
    assert np.abs(added - bursts(1.0)[0, ::-1][2000:46000]).max() < 0.02


def test_a_kept_sound_is_the_films_own_packet_for_packet(context):
    """A line that only the model hears is nowhere in the film."""
    result, source = mixed(context, bursts(4.0), bursts(1.0), coded=AAC, audio_mix="keep")

    assert packets(result.path, "audio") == packets(source, "audio")
    assert result.metrics["sound_identical"] and "sound_gain_db" not in result.metrics


@pytest.mark.parametrize("audio_mix", ["replace", "mix"])
def test_the_gain_of_an_edit_is_in_the_samples_of_the_film(context, audio_mix):
    """Of the matched line, 6 dB less is half of each sample, and no step of loudness that a check would refuse."""
    own, wave = bursts(4.0), bursts(4.0)[:, 96000:144000] * 0.5
    added = {}
    for gain_db in (0, -6.0206):
        result, source = mixed(
            context, own, wave, params=SoundParams(), audio_mix=audio_mix, audio_gain=gain_db or None
        )
        new, old = read_sound(result.path)[0], read_sound(source)[0]
        line = new - old if audio_mix == "mix" else new
        added[gain_db] = line[0, 96000 + FADE : 144000 - FADE]
        (row,) = result.metrics["sound_levels"]
        assert row.get("wanted_gain_db", 0) == gain_db
        assert abs(result.metrics["loudness_step_lu"]) < 3

    softer, full = added[-6.0206], added[0]
    assert np.abs(full).max() > 0.1
    assert np.abs(softer - full / 2).max() < 3 / 32768


def test_a_gain_raises_a_line_no_further_than_its_peaks_allow(context):
    """Above -1 dBTP it would clip; the film says that it stays below what was asked for."""
    result, _ = mixed(context, bursts(4.0), bursts(1.0) * 3, audio_mix="replace", audio_gain=12)

    assert -1.3 < db(true_peak(read_sound(result.path)[0][:, 96000:144000])) <= -0.9
    assert 2.5 < result.metrics["sound_gain_db"] < 4
    assert any("dB below what `audio_gain` asks for: its peaks reach -1 dBTP" in note for note in result.notes)


def test_a_line_is_lowered_where_the_sum_would_clip(context):
    """By one gain for all of it, which is said; the film's own sound is as loud as before."""
    own, wave = bursts(4.0) * 2.5, bursts(4.0)[:, 96000:144000] * 3

    result, source = mixed(context, own, wave)

    old, new = read_sound(source)[0], read_sound(result.path)[0]
    gain = amplitude(result.metrics["sound_gain_db"])
    inside = slice(96000 + FADE, 144000 - FADE)
    assert -6 < result.metrics["sound_gain_db"] < -3
    assert np.abs((new - old)[0, inside] - gain * wave[0, FADE:-FADE]).max() < 0.001
    assert -1.3 < db(true_peak(new)) <= -0.99
    assert any("hello was lowered by" in line and "does not clip" in line for line in result.notes)


def test_a_single_peak_makes_a_dip_and_not_a_quiet_line(context):
    """Near full scale the film leaves no room for some milliseconds; around them the line goes on."""
    own, wave = bursts(4.0) * 0.5, np.abs(bursts(1.0)) * 3
    peak = 24000 + int(wave[0, 24000:24200].argmax())
    own[0, 96000 + peak] = 0.99

    result, source = mixed(context, own, wave)

    old, new = read_sound(source)[0], read_sound(result.path)[0]
    share = (new - old)[0, 96000:144000] / np.where(wave[0] > 0.1, wave[0], np.nan)
    assert np.nanmin(share[22000:23000]) > amplitude(result.metrics["sound_gain_db"]) - 0.01
    assert abs(share[peak]) < 0.01
    assert true_peak(new) <= true_peak(old) + 0.001
    assert any("dips briefly" in line for line in result.notes)


def test_no_sum_lies_above_the_ceiling():
    """Noise on noise, of several channels and any level: the true peak never exceeds it but where the film does."""
    rng = np.random.default_rng(2)
    for size in (0.1, 0.3, 0.44):
        own = rng.uniform(-size, size, (2, 30000)).astype(np.float32)
        line = rng.uniform(-1, 1, (2, 30000)).astype(np.float32)
        ceiling = max(amplitude(-1), true_peak(own))

        gain, dips = fit_gain(own, line, 2.0, ceiling)

        factor = gain * (np.ones(30000, np.float32) if dips is None else dips)
        assert 0.99 < gain < 1.01  # 6 dB less than was wanted, and dips for the rest
        assert true_peak(own + factor * line) <= ceiling * 1.003
        assert np.abs(np.diff(factor)).max() < gain / 400


def test_two_mixed_lines_that_meet_fade_from_one_to_the_next(context):
    """And the film's own sound is heard all through, at its level."""
    left, right = wave_of(context, np.full((1, 9600), 0.25)), wave_of(context, np.full((1, 9600), 0.5))
    track = np.full((1, 48000), 0.1, np.float32)

    for line in link_lines(
        [DialogueLine(20000, 28000, right, is_mixed=True), DialogueLine(12000, 20000, left, is_mixed=True)]
    ):
        mix_into(track, 0, line, 48000, "mono")

    assert np.allclose(track[0, 13000:19990], 0.35) and np.allclose(track[0, 21000:27000], 0.6)
    assert track[0, 12960:27040].min() > 0.34
    assert np.abs(np.diff(track[0])).max() < 0.001


def test_a_replacing_and_a_mixed_line_do_not_run_into_each_other(context):
    """The film's own sound comes back under the second, so the first gives way to it and not to the line."""
    left, right = wave_of(context, np.full((1, 9600), 0.25)), wave_of(context, np.full((1, 9600), 0.5))
    track = np.full((1, 48000), 0.1, np.float32)

    for line in link_lines([DialogueLine(12000, 20000, left), DialogueLine(20000, 28000, right, is_mixed=True)]):
        mix_into(track, 0, line, 48000, "mono")

    assert np.allclose(track[0, 13000:19000], 0.25) and np.allclose(track[0, 21000:27000], 0.6)
    assert abs(track[0, 19999] - 0.1) < 0.01 and abs(track[0, 20000] - 0.1) < 0.01


def test_a_recording_that_stops_in_the_middle_of_a_sound_fades_out(context):
    """A line shorter than its span ends before the out point, and no click is heard there."""
    path = wave_of(context, np.full((1, 9600), 0.5))
    track = np.zeros((1, 48000), np.float32)

    mix_into(track, 0, DialogueLine(12000, 36000, path), 48000, "mono")

    assert np.allclose(track[0, 13000 : 21600 - FADE], 0.5) and not track[0, 21600:].any()
    assert np.abs(np.diff(track[0])).max() < 0.001


@pytest.mark.parametrize("fade_ms", [0, 5, 20, 100])
def test_a_fade_is_as_long_as_it_is_asked_to_be(context, fade_ms):
    """At zero the line stands at its full level from its first sample to its last."""
    path = wave_of(context, np.full((1, 24000), 0.5))
    track = np.zeros((1, 48000), np.float32)

    mix_into(track, 0, DialogueLine(12000, 36000, path, fade_ms=fade_ms), 48000, "mono")

    full = np.flatnonzero(track[0] > 0.4999)
    fade = fade_ms * 48
    assert abs(int(full[0]) - 12000 - fade) <= max(1, fade // 50) and np.flatnonzero(track[0])[0] == 12000
    assert abs(36000 - fade - 1 - int(full[-1])) <= max(1, fade // 50) and np.flatnonzero(track[0])[-1] == 35999


def test_an_edit_says_what_becomes_of_the_films_sound():
    """A line is put into the film unless it is to be kept; without a line there is nothing to put."""
    span = {"in": "1f", "out": "2f"}
    options = [{}, {"audio": "a.wav"}] + [{"audio": "a.wav", "audio_mix": item} for item in ("keep", "replace", "mix")]

    changes = [Edit.model_validate({**span, **item}).changes_sound for item in options]

    assert changes == [False, True, False, True, True]
