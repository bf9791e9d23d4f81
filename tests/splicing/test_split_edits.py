"""Parts of one edit, from `trim` to the film: every frame once, and one line that runs through without a joint."""

from __future__ import annotations

import numpy as np
import pytest
from numbered_clips import frame_number, read_sound
from speech import NARROW_PX, WIDE_PX, bursts, narrow, speaking_film, wave_of
from takes import edited_take, shown

from react1.nodes.conform import Conform, ConformParams
from react1.nodes.normalize_audio import NormalizeAudio, NormalizeAudioParams
from react1.nodes.transcode import Transcode, TranscodeParams
from react1.nodes.trim import Trim, TrimParams
from react1.pipeline.core.values import Take
from react1.pipeline.media.audio import voice
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing

pytestmark = pytest.mark.slow

FRAMES, SPAN = 150, (13, 138)
OWN = bursts(6.0, (2.6, 3.1))
LINE = bursts(4.0, (1.9, 2.3))


def segments(context, media, longest_s=3.5, **edit):
    requested = {"in": f"{SPAN[0]}f", "out": f"{SPAN[1]}f", **edit}
    return Trim().run(context, TrimParams(edits=[requested], longest_s=longest_s), media)


def own_take(part) -> Take:
    """A take that shows what was sent: sound alone is looked at."""
    return Take(segment=part, media=part.media, provider="local", request={}, conformed=True)


def sound_of(context, media, takes):
    result = splicing.splice(context, ffmpeg_path(), media, takes)
    return read_sound(result.path)[0], result


def test_every_frame_appears_once_in_the_film_of_parts(context):
    """Transcoded, edited, conformed, spliced: the numbers run through, and the box is in the span alone."""
    media = speaking_film(context, FRAMES, OWN)
    parts = [Transcode().run(context, TranscodeParams(), part) for part in segments(context, media)]
    takes = [Conform().run(context, ConformParams(), edited_take(context, part)) for part in parts]

    result = splicing.splice(context, ffmpeg_path(), media, takes)

    pictures = [luma for _, luma in shown(result.path)]
    boxed = [bool(luma[28:36, WIDE_PX // 2 - 8 : WIDE_PX // 2 + 8].mean() > 140) for luma in pictures]
    assert len(parts) == 2 and parts[0].tail_frames > 0
    assert [frame_number(narrow(luma)) for luma in pictures] == list(range(FRAMES))
    assert boxed == [SPAN[0] <= number < SPAN[1] for number in range(FRAMES)]
    assert NARROW_PX < WIDE_PX * 0.4


@pytest.mark.parametrize("coded", [("-c:a", "pcm_s16le"), ("-c:a", "aac"), ("-c:a", "libmp3lame")])
def test_a_new_line_over_parts_is_that_of_one_edit_to_the_sample(context, coded):
    """Samples written over, packets re-encoded, a whole track re-encoded: no fade, gap or doubling at the joint."""
    media = speaking_film(context, FRAMES, OWN, coded=coded)
    line = context.store(wave_of(context, LINE * 0.7))
    (complete,) = segments(context, media, None, audio=line)
    parts = segments(context, media, audio=line)

    once, _ = sound_of(context, media, [own_take(complete)])
    again, result = sound_of(context, media, [own_take(part) for part in reversed(parts)])

    assert len(parts) == 2 and result.metrics["way"] == "exact"
    assert np.array_equal(once, again)
    assert not np.array_equal(again, read_sound(context.path(media.file))[0])


@pytest.mark.parametrize("stored", [0, 1])
def test_the_line_lies_right_where_a_part_kept_its_footage(context, stored):
    """What remains is at its place in the line; where the part is missing the film's own sound is untouched."""
    media = speaking_film(context, FRAMES, OWN)
    line = context.store(wave_of(context, LINE * 0.7))
    (complete,) = segments(context, media, None, audio=line)
    parts = segments(context, media, audio=line)
    done, lost = parts[1 - stored], parts[stored]

    full, _ = sound_of(context, media, [own_take(complete)])
    heard, _ = sound_of(context, media, [own_take(done)])

    own = read_sound(context.path(media.file))[0]
    begin, end = done.start_frame * 1920, done.end_frame * 1920
    assert np.array_equal(heard[:, begin + 1000 : end - 1000], full[:, begin + 1000 : end - 1000])
    assert np.array_equal(
        heard[:, lost.start_frame * 1920 : lost.end_frame * 1920],
        own[:, lost.start_frame * 1920 : lost.end_frame * 1920],
    )


def test_a_silent_film_leaves_out_one_line_however_many_parts(context):
    """What the user gave is counted, not what became of it."""
    media = speaking_film(context, FRAMES, None)
    parts = segments(context, media, audio=context.store(wave_of(context, LINE)))

    result = splicing.splice(context, ffmpeg_path(), media, [own_take(part) for part in parts])

    assert result.metrics["lines_dropped"] == 1
    assert "the film has no sound track: 1 new line was left out" in result.notes


@pytest.mark.parametrize("sent", [False, True])
def test_each_part_hears_its_own_stretch_of_the_line(context, sent):
    """The model hears the line in the neighbour's handle too, and the film's own sound outside of the edit."""
    media = speaking_film(context, FRAMES, OWN)
    wave = LINE * 0.7
    parts = segments(context, media, audio=context.store(wave_of(context, wave)))
    if sent:
        parts = [Transcode().run(context, TranscodeParams(), part) for part in parts]
    padded = np.pad(wave[0], (0, 5 * 48000 - wave.shape[1]))
    due = np.concatenate([OWN[0, : SPAN[0] * 1920], padded, OWN[0, SPAN[1] * 1920 :]])

    for part in parts:
        samples, _ = voice.segment_voice(context, part, 0)

        assert samples.shape[1] == (part.last_frame - part.first_frame) * 1920
        expected = due[part.first_frame * 1920 : part.last_frame * 1920]
        assert np.abs(samples[0] - expected).max() < 1e-4


def test_what_does_not_fit_is_reported_once(context):
    """Of the whole edit: 5 s of picture, 4 s of line."""
    media = speaking_film(context, FRAMES, OWN)
    parts = segments(context, media, audio=context.store(wave_of(context, LINE)))

    text = [NormalizeAudio().run(context, NormalizeAudioParams(), part).notes for part in parts]

    assert [any("1.00 s shorter than its span" in line for line in lines) for lines in text] == [True, False]
