"""Clicks and steps of loudness where a new line begins and ends: a hard cut is found, a fade is not."""

from __future__ import annotations

import numpy as np
import pytest
from numbered_clips import read_sound
from speech import bursts, speaking_film, wave_of
from takes import numbered_take, segment

from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.audio.border_checks import click_db
from react1.pipeline.splicing.splice_params import SoundParams

pytestmark = pytest.mark.slow

MIN_CLICK_DB = 6.0
"""A hard cut gives more, a fade less."""


def splice_lines(context, media, *edits, fade_ms=20):
    """Splice takes with lines, as (first frame, frame after the last, line, what else is asked)."""
    takes = [numbered_take(context, segment(media, *span, audio=line, **options)) for *span, line, options in edits]
    return splicing.splice(context, ffmpeg_path(), media, takes, sound=SoundParams(fade_ms=fade_ms), quality="high")


@pytest.mark.parametrize("coded", [("pcm_s16le",), ("aac", "-b:a", "96k"), ("libmp3lame", "-b:a", "128k")])
@pytest.mark.parametrize(("fade_ms", "clicks"), [(0, True), (20, False)])
def test_a_hard_cut_clicks_and_a_fade_does_not(context, coded, fade_ms, clicks):
    """In samples that are overwritten, in new packets, and in a track that is re-encoded."""
    media = speaking_film(context, 100, bursts(4.0), coded=("-c:a", *coded))
    line = context.store(wave_of(context, bursts(2.0)[:, 48040:]))

    result = splice_lines(context, media, (40, 60, line, {"name": "hello"}), fade_ms=fade_ms)

    assert (result.metrics["click_db"] > MIN_CLICK_DB) == clicks
    assert result.metrics["sound_lines"][0]["click_db"] == result.metrics["click_db"]
    assert result.metrics["sound_lines"][0]["name"] == "hello"


@pytest.mark.parametrize(("fade_ms", "clicks"), [(0, True), (20, False)])
def test_hard_cuts_in_a_real_voice_are_found(context, media_folder, fade_ms, clicks):
    """Six spans of a film of somebody who talks, each with another stretch of the same voice."""
    voice, _ = read_sound(media_folder / "faces" / "talk_h264_700x700_vfr_6s.mp4")  # here it speaks at 48 kHz
    media = speaking_film(context, 130, voice, coded=("-c:a", "aac", "-b:a", "128k"))
    lines = [context.store(wave_of(context, voice[:, at : at + 48000])) for at in range(48000, 4 * 48000, 24000)]
    count = media.video.frame_count
    places = [(count * at // 16, count * (at + 1) // 16) for at in range(2, 14, 2)]
    edits = [(*span, line, {}) for span, line in zip(places, lines, strict=True)]

    result = splice_lines(context, media, *edits, fade_ms=fade_ms)

    clicks_db = [row["click_db"] for row in result.metrics["sound_lines"]]
    assert len(clicks_db) == 6 and max(clicks_db) == result.metrics["click_db"]
    assert sum(item > MIN_CLICK_DB for item in clicks_db) >= 3 if clicks else max(clicks_db) < MIN_CLICK_DB


def test_the_border_between_two_lines_that_meet_is_checked_once(context):
    """The fade from one to the next is no click, and a cut between them is."""
    media = speaking_film(context, 100, bursts(4.0))
    lines = [context.store(wave_of(context, bursts(2.0)[:, at:])) for at in (48040, 31)]
    edits = [(40, 50, lines[0], {}), (50, 60, lines[1], {})]

    soft, hard = (splice_lines(context, media, *edits, fade_ms=fade_ms).metrics["sound_lines"] for fade_ms in (20, 0))

    assert [row["name"] for row in soft] == ["s40", "s50"]
    assert max(row["click_db"] for row in soft) < MIN_CLICK_DB < min(row["click_db"] for row in hard)


def test_a_line_followed_by_noise_does_not_click(context):
    """Compared with both lines, since the second one is rough from its first sample on."""
    media = speaking_film(context, 100, bursts(4.0))
    noise = np.random.default_rng(1).uniform(-0.3, 0.3, (1, 48000)).astype(np.float32)
    lines = [context.store(wave_of(context, wave)) for wave in (bursts(2.0), noise)]

    result = splice_lines(context, media, (40, 50, lines[0], {}), (50, 60, lines[1], {}))

    assert max(row["click_db"] for row in result.metrics["sound_lines"]) < MIN_CLICK_DB


def test_the_worst_step_of_several_lines_counts(context):
    """One line fits, another is 6 dB quieter than what is said around it."""
    own = bursts(4.0)
    media = speaking_film(context, 100, own)
    takes = []
    for at, factor in ((20, 1), (60, 0.5)):
        line = context.store(wave_of(context, own[:, at * 1920 : (at + 15) * 1920] * factor))
        takes.append(numbered_take(context, segment(media, at, at + 15, audio=line)))

    result = splicing.splice(context, ffmpeg_path(), media, takes, sound=SoundParams(match="off"), quality="high")

    steps = [row["loudness_step_lu"] for row in result.metrics["sound_lines"]]
    assert steps[1] == result.metrics["loudness_step_lu"] == pytest.approx(-6, abs=0.5)
    assert 0 < steps[0] < 1.5  # the other line is among its neighbours


def test_a_mixed_line_is_compared_without_the_films_own_sound(context):
    """Not the sum is compared with what is said around it, which is louder than either."""
    own = bursts(4.0)
    media = speaking_film(context, 100, own)
    line = context.store(wave_of(context, own[:, 40 * 1920 : 60 * 1920] * 0.25))
    take = numbered_take(context, segment(media, 40, 60, audio=line, audio_mix="mix"))

    result = splicing.splice(context, ffmpeg_path(), media, [take], sound=SoundParams(match="off"), quality="high")

    assert result.metrics["loudness_step_lu"] == pytest.approx(-12, abs=0.5)


def test_a_click_is_found_in_any_channel():
    """One sample of one channel is moved; the sounds that are compared with it have no such place."""
    clock = np.arange(9600) / 48000
    tone = np.stack([np.sin(2 * np.pi * hz * clock) * 0.2 for hz in (220, 310)]).astype(np.float32)
    broken = tone.copy()
    broken[1, 4000:] *= -1

    assert click_db(tone[:, 1000:8000], [tone]) <= 0
    assert click_db(broken[:, 1000:8000], [tone]) > 20


def test_silence_has_no_click():
    """Nor does what is too short to be heard."""
    nothing = np.zeros((2, 4800), np.float32)

    assert click_db(nothing, [nothing, nothing]) == 0
    assert click_db(nothing[:, :0], [nothing[:, :3]]) == 0
