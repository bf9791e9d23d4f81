"""`normalize_audio` gives the voice that the model hears; it never touches what the viewer hears."""

import math
from fractions import Fraction

import numpy as np
import pytest
from numbered_clips import Recipe, click_times_s, make_clip, read_sound, sound

from react1.nodes.normalize_audio import NormalizeAudio, NormalizeAudioParams
from react1.nodes.transcode import Transcode, TranscodeParams
from react1.nodes.trim import Trim, TrimParams
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.audio.samples import write_wav
from react1.pipeline.media.probe import probe

pytestmark = pytest.mark.slow


def segment(context, span=("30f", "80f"), audio=None, handles="5f", **recipe):
    file = context.add_external(make_clip(context.temp_path("film.mov"), **({"frames": 100, "level": 0.1} | recipe)))
    edit = {"in": span[0], "out": span[1]} | ({"audio": audio} if audio else {})
    return Trim().run(context, TrimParams(edits=[edit], handles=handles), probe(context.path(file), file))[0]


def voiced(context, arguments, **params):
    return NormalizeAudio().run(context, NormalizeAudioParams(**params), arguments)


def heard(context, arguments):
    return read_sound(context.path(arguments.voice))


def line(context, seconds, level=0.2, channels=1):
    """A new line of dialogue: a tone at 600 Hz."""
    clock = np.arange(round(seconds * 48000)) / 48000
    wave = (level * np.sin(2 * np.pi * 600 * clock)).astype(np.float32)
    return context.store(write_wav(context.temp_path("line.wav"), np.repeat(wave[None], channels, axis=0), 48000))


def test_the_voice_is_the_film_s_sound_by_one_gain(context):
    """60 frames at 25 are 115 200 samples; each is the source's, times the same number."""
    arguments = voiced(context, segment(context))

    samples, rate_hz = heard(context, arguments)
    matches = arguments.metrics["normalize_audio"]
    expected = sound(Recipe(frames=100, level=0.1))[25 * 1920 : 85 * 1920] * 10 ** (matches["gain_db"] / 20)
    assert (rate_hz, samples.shape) == (48000, (2, 115200))
    assert np.abs(samples[0] - expected).max() < 2e-4
    assert matches["gain_db"] != 0


def test_the_target_is_met_within_a_tenth(context):
    """Before and after stay in the record."""
    arguments = voiced(context, segment(context, audio=line(context, 2.0)), target_lufs=-20)

    matches = arguments.metrics["normalize_audio"]
    assert matches["after"]["integrated_lufs"] == pytest.approx(-20, abs=0.1)
    assert matches["after"]["integrated_lufs"] - matches["before"]["integrated_lufs"] == pytest.approx(
        matches["gain_db"], abs=0.1
    )
    assert matches["after"]["true_peak_dbtp"] <= -1.4


def test_the_ceiling_is_kept_and_reported(context):
    """Clicks near full scale leave no room for the quiet tone between them."""
    arguments = voiced(context, segment(context, level=0.01), target_lufs=-9)

    assert arguments.metrics["normalize_audio"]["after"]["true_peak_dbtp"] == pytest.approx(-1.5, abs=0.1)
    assert any("LU below -9 LUFS" in remark for remark in arguments.notes)


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001)])
def test_after_transcode_the_voice_is_as_long_as_the_new_picture(context, rate):
    """The new file has no sound, so the film's is read at the same place."""
    arguments = Transcode().run(context, TranscodeParams(), segment(context, rate=rate))

    samples, _ = heard(context, voiced(context, arguments))

    video = arguments.media.video
    first_s = Fraction(arguments.first_frame) / rate
    assert samples.shape[1] == round(video.frame_count / video.rate * 48000)
    clicks = [float(second - first_s) for second in range(5) if 0 <= second - first_s < samples.shape[1] / 48000]
    assert click_times_s(samples[0], threshold=0.2) == pytest.approx(clicks, abs=2 / 48000)


def test_the_track_is_chosen_by_its_place(context):
    """The second track clicks on the half second: 1.0 s into the film is where the segment starts."""
    samples, _ = heard(context, voiced(context, segment(context, tracks=2), track=1))

    assert click_times_s(samples[0], threshold=0.2) == pytest.approx([0.5, 1.5], abs=1 / 48000)


def test_a_track_that_is_not_there_is_refused(context):
    """How many there are is told."""
    with pytest.raises(InputMediaError, match=r"has 1 sound track\(s\), numbered from 0; there is no track 2"):
        voiced(context, segment(context), track=2)


@pytest.mark.parametrize(("channels", "stored"), [(1, 1), (2, 2), (6, 2)])
def test_mono_and_stereo_are_kept_and_more_becomes_stereo(context, channels, stored):
    """The model hears two channels at most."""
    arguments = voiced(context, segment(context, channels=channels))

    assert heard(context, arguments)[0].shape == (stored, 115200)


@pytest.mark.parametrize(
    ("seconds", "message"),
    [(2.0, ()), (2.0005, ()), (1.5, ("0.50 s shorter",)), (3.25, ("1.25 s longer",))],
)
def test_a_new_line_is_at_the_in_point(context, seconds, message):
    """Own sound in the handles, the line between them, cut at the out point or followed by silence, and said."""
    arguments = voiced(context, segment(context, audio=line(context, seconds), tracks=1), target_lufs=-16)

    samples, _ = heard(context, arguments)
    gain = 10 ** (arguments.metrics["normalize_audio"]["gain_db"] / 20)
    own = sound(Recipe(frames=100, level=0.1)) * gain
    clock = np.arange(48000) / 48000
    assert samples.shape[1] == 115200
    assert [any(words in text for text in arguments.notes) for words in message] == [True] * len(message)
    assert len(arguments.notes) == len(message)
    after = 9600 + min(round(seconds * 48000), 96000)
    assert not samples[0, after + 8 : 105600].any()
    assert np.abs(samples[0, :9600] - own[25 * 1920 : 30 * 1920]).max() < 2e-4
    assert np.abs(samples[0, 9600:57600] - 0.2 * gain * np.sin(2 * np.pi * 600 * clock)).max() < 2e-4
    assert np.abs(samples[0, -9600:] - own[80 * 1920 : 85 * 1920]).max() < 2e-4


def test_a_new_line_on_a_silent_film_has_silent_handles(context):
    """There is no own sound to put around it."""
    arguments = voiced(context, segment(context, audio=line(context, 2.0), tracks=0))

    samples, _ = heard(context, arguments)
    assert samples.shape == (1, 115200)
    assert not samples[:, :9600].any()
    assert samples[:, 9600:10000].any()


def test_a_line_without_sound_is_refused(context):
    """A picture is no line of dialogue."""
    silent = context.add_external(make_clip(context.temp_path("line.mov"), frames=5, tracks=0))

    with pytest.raises(InputMediaError, match="the audio of segment s01 has no sound"):
        voiced(context, segment(context, audio=silent))


def test_silence_is_left_alone_and_reported(context):
    """Nothing is raised, and the record holds no infinity."""
    quiet = context.store(write_wav(context.temp_path("a.wav"), np.zeros((1, 96000), np.float32), 48000))
    arguments = voiced(context, segment(context, audio=quiet, tracks=0))

    matches = arguments.metrics["normalize_audio"]
    assert (matches["gain_db"], matches["before"]["integrated_lufs"]) == (0, None)
    assert any("near-silent" in remark for remark in arguments.notes)
    assert not heard(context, arguments)[0].any()
    assert all(value is None or math.isfinite(value) for value in matches["after"].values())


def test_a_film_without_sound_has_no_voice(context):
    """That is said, and is no error."""
    arguments = voiced(context, segment(context, tracks=0))

    assert arguments.voice is None
    assert any("no audio" in remark for remark in arguments.notes)


def test_a_very_short_voice_is_measured_in_a_loop(context):
    """Two frames are 80 ms: less than a gating block."""
    short = segment(context, ("40f", "42f"), audio=line(context, 0.08), handles="0f", tracks=0)
    matches = voiced(context, short).metrics["normalize_audio"]

    assert matches["looped"]
    assert matches["after"]["integrated_lufs"] == pytest.approx(-16, abs=0.5)


def test_the_same_voice_gives_the_same_bytes(context):
    """No date, no tag of an encoder."""
    arguments = segment(context)

    assert voiced(context, arguments).voice == voiced(context, arguments).voice
