"""How loud a new line stands: brought to the film's dialogue by one gain, under the ceiling, or left alone and said."""

from __future__ import annotations

import numpy as np
import pytest
from numbered_clips import read_sound
from speech import bursts, speaking_film, wave_of
from takes import numbered_take, segment

from react1.nodes.splice import Splice, SpliceParams
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.audio.samples import write_wav
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.audio.loudness_match import amplitude, db, fit_gain, true_peak
from react1.pipeline.splicing.splice_params import DEFAULT_PARAMS, SoundParams, Thresholds

pytestmark = pytest.mark.slow

OWN = bursts(10.0)
SPAN = (100, 150)
BEGIN, END = 100 * 1920, 150 * 1920
SAME = OWN[:, BEGIN:END]
CHECKS = Thresholds(seam_delta_e=None, frozen_frames=None, doubled_frames=None)
"""What the film's own voice says in the span: a line as loud as its neighbours."""


def with_line(context, wave, *, own=OWN, params=DEFAULT_PARAMS, coded=("-c:a", "pcm_s16le"), span=SPAN, **edit):
    """Splice a film with a new line in 2 of its 10 s; give the film, its samples and the source's."""
    media = speaking_film(context, 250, own, coded=coded)
    line = context.store(wave_of(context, wave))
    take = numbered_take(context, segment(media, *span, audio=line, name="hello", **edit))
    result = splicing.splice(context, ffmpeg_path(), media, [take], sound=params, quality="high")
    return result, read_sound(result.path)[0], read_sound(context.path(media.file))[0]


@pytest.mark.parametrize(("factor", "gain_db", "way"), [(0.25, 12.04, "raised"), (2, -6.02, "lowered")])
def test_a_line_is_brought_to_the_films_dialogue(context, factor, gain_db, way):
    """By one gain for all of it; after that no step is heard between it and what is said beside it."""
    result, heard, old = with_line(context, SAME * factor)

    assert result.metrics["sound_gain_db"] == pytest.approx(gain_db, abs=0.3)
    assert abs(result.metrics["loudness_step_lu"]) < 0.3
    by_db = abs(result.metrics["sound_gain_db"])
    assert any(f"hello was {way} by {by_db:.1f} dB" in line for line in result.notes)
    inside = slice(BEGIN + 1000, END - 1000)
    gains = (heard / np.where(np.abs(old) > 0.1, old * factor, np.nan))[0, inside]
    assert np.nanmax(gains) - np.nanmin(gains) < 0.005
    assert db(float(np.nanmean(gains))) == pytest.approx(result.metrics["sound_gain_db"], abs=0.01)


def test_a_gain_that_is_hardly_heard_is_not_reported(context):
    """The figures have it all the same."""
    result, _, _ = with_line(context, SAME * 0.95)

    assert 0.2 < result.metrics["sound_gain_db"] < 1 and result.notes == ()


def test_pauses_in_the_dialogue_do_not_make_the_line_quiet(context):
    """Loudness is gated: half of what surrounds the span is silence, and the voice there still counts in full."""
    result, _, _ = with_line(context, bursts(2.0), own=bursts(10.0, (0.0, 3.0), (7.0, 10.0)))

    assert abs(result.metrics["sound_gain_db"]) < 0.5


def test_no_more_than_20_db_are_added(context):
    """A recording that is further off is perhaps not what was meant, so it is said."""
    result, _, _ = with_line(context, SAME * 0.06)

    assert result.metrics["sound_gain_db"] == 20
    assert any("24 LU from the film's dialogue: gain limited to 20 dB" in line for line in result.notes)
    assert result.metrics["loudness_step_lu"] == pytest.approx(-4.4, abs=0.4)


@pytest.mark.parametrize(
    ("own", "wave", "silent"),
    [(OWN * 0.01, bursts(2.0), "the film's own sound there"), (OWN, bursts(2.0) * 0.01, "the line")],
)
def test_near_silence_gives_no_loudness(context, own, wave, silent):
    """The line is left alone, which is said, and no step is reported of."""
    result, _, _ = with_line(context, wave, own=own)

    assert result.metrics["sound_gain_db"] == 0 and "loudness_step_lu" not in result.metrics
    assert result.notes == (f"the new line of hello keeps its own level: {silent} is near-silent",)


def test_peaks_hold_the_gain_back(context):
    """A quiet line with a few bangs would clip: it stays below, which is said."""
    wave = bursts(2.0) * 0.1
    wave[0, 20000:80000:10000] = 0.5

    result, heard, _ = with_line(context, wave)

    peak = db(true_peak(heard[:, BEGIN + 1000 : END - 1000]))
    assert -1.1 < peak <= -0.99
    assert any("dB below that: its peaks reach -1 dBTP" in line for line in result.notes)


def test_a_line_that_peaks_hold_back_is_in_the_film_and_told(context):
    """No gain could bring it nearer to the film's dialogue, so no check fails; the figures have both."""
    wave = bursts(2.0) * 0.1
    wave[0, 20000:80000:10000] = 0.5
    media = speaking_film(context, 250, OWN, coded=("-c:a", "pcm_s16le"))
    line = context.store(wave_of(context, wave))
    take = numbered_take(context, segment(media, *SPAN, audio=line, name="hello"))

    film = Splice().run(context, SpliceParams(checks=CHECKS), media, [take])

    (row,) = film.metrics["splice"]["sound_lines"]
    assert row["loudness_step_lu"] < -8
    assert row["loudness_step_lu"] + row["peak_limited_db"] == pytest.approx(0, abs=0.5)
    assert any("dB below that: its peaks reach -1 dBTP; limit its peaks first" in line for line in film.notes)


def test_without_matching_a_line_keeps_its_level(context):
    """As it was recorded, to the sample, and nothing is said."""
    wave = SAME * 0.25

    result, heard, _ = with_line(context, wave, params=SoundParams(match="off"))

    assert result.metrics["sound_gain_db"] == 0 and result.notes == ()
    assert np.abs(heard[0, BEGIN + 1000 : END - 1000] - wave[0, 1000:-1000]).max() < 1e-4
    assert result.metrics["loudness_step_lu"] == pytest.approx(-12, abs=0.4)


def test_a_line_in_the_centre_is_compared_with_the_centre_alone(context):
    """Music on the left and right is louder than the dialogue, and does not make the line louder."""
    centre, music = bursts(10.0), bursts(10.0) * 3
    own = np.concatenate([music, music, centre, centre * 0, music, music])

    result, heard, old = with_line(context, bursts(2.0) * 0.5, own=own, coded=("-ac", "6", "-c:a", "pcm_s16le"))

    assert result.metrics["sound_gain_db"] == pytest.approx(6.02, abs=0.3)
    assert not np.abs(heard - old)[2, :BEGIN].any() and np.abs(heard - old)[2, BEGIN:END].max() > 0.1
    assert not heard[3:, BEGIN + 1000 : END - 1000].any()


def test_the_gain_does_not_depend_on_which_parts_have_a_take(context):
    """One edit of two parts, the first loud and the second quiet: either alone gets the gain of the whole line."""
    wave = np.concatenate([bursts(1.0) * 0.8, bursts(1.0) * 0.2], axis=1)
    media = speaking_film(context, 250, OWN)
    line = context.store(wave_of(context, wave))
    parts = [
        segment(media, *span, audio=line, name="hello").model_copy(
            update={"edit_start_frame": 100, "edit_end_frame": 150}
        )
        for span in ((100, 125), (125, 150))
    ]
    gains = []

    for part in parts:
        result = splicing.splice(context, ffmpeg_path(), media, [numbered_take(context, part)])
        gains.append(result.metrics["sound_gain_db"])

    assert gains[0] == gains[1] and abs(gains[0]) > 1


def test_a_file_without_sound_is_no_line(context):
    """It is reported in one line, before any picture is coded."""
    media = speaking_film(context, 50, bursts(2.0))
    silent = speaking_film(context, 5, None)
    take = numbered_take(context, segment(media, 10, 20, audio=silent.file))

    with pytest.raises(InputMediaError, match="the audio of segment s10 has no sound track"):
        splicing.splice(context, ffmpeg_path(), media, [take])


def test_a_true_peak_lies_between_the_samples():
    """A tone at a quarter of the rate shows 3 dB less at its samples than it has."""
    clock = np.arange(4800)
    tone = (np.sin(clock * np.pi / 2 + np.pi / 4) * np.hanning(4800))[None].astype(np.float32)

    assert db(float(np.abs(tone).max())) == pytest.approx(-3.01, abs=0.02)
    assert db(true_peak(tone)) == pytest.approx(0, abs=0.02)


def test_a_true_peak_is_the_one_that_ffmpeg_measures(context):
    """Noise of two channels, against the filter that the loudness comes from."""
    noise = np.random.default_rng(5).uniform(-0.4, 0.4, (2, 48000)).astype(np.float32)
    path = write_wav(context.temp_path("noise.wav"), noise, 48000)

    reported = context.run_tool(
        [ffmpeg_path(), "-i", str(path), "-af", "ebur128=peak=true:framelog=quiet", "-f", "null", "-"]
    )

    peak = float(reported.rpartition("Peak:")[2].split()[0])
    assert db(true_peak(noise)) == pytest.approx(peak, abs=0.3)


@pytest.mark.parametrize("count", [1, 40, 4800])
def test_where_there_is_room_a_line_keeps_its_gain(count):
    """However short it is."""
    own, line = np.full((1, count), 0.3, np.float32), np.full((1, count), 0.2, np.float32)

    assert fit_gain(own, line, 1.5, amplitude(-1)) == (1.5, None)


def test_unknown_words_of_sound_are_refused():
    """And what a step leaves unsaid is 20 ms and matching."""
    assert SpliceParams().sound == SoundParams(fade_ms=20, match="loudness")
    assert SpliceParams.model_validate({"sound": {"fade_ms": 0}}).sound.match == "loudness"
    for wrong in ({"fade": 3}, {"fade_ms": -1}, {"match": "peak"}):
        with pytest.raises(ValueError, match="sound"):
            SpliceParams.model_validate({"sound": wrong})
