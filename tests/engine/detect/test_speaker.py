"""The speaker among several faces: synthetic mouths with a synthetic voice, and real ones with their own."""

from __future__ import annotations

from fractions import Fraction

import astronaut
import numpy as np
import pytest

from react1.pipeline.engine.detect.speaker import choose_face, loudness_per_frame, speech_score
from react1.pipeline.engine.detect.track import Track, build_tracks
from react1.pipeline.engine.occlusion.occlusion import FaceTexels, sample_face
from react1.pipeline.engine.voice.speech import analyze_speech
from react1.pipeline.engine.voice.voice_features import VoiceAudio, read_clip_audio

FPS, SHOT = Fraction(25), (0, 100)


@pytest.fixture
def face(portrait):
    """Return a function for the portrait's landmarks at a position and size, with a lip gap in units."""

    def make(x: float, unit_px: float, gap: float) -> np.ndarray:
        local = portrait.face.local.copy()
        local[14, 1] = local[13, 1] + gap
        points = local * unit_px
        return points - [*points[:, :2].mean(0), 0.0] + [x, 200.0, 0.0]

    return make


def voiced(samples: np.ndarray) -> VoiceAudio:
    return VoiceAudio(samples[None].astype(np.float32), astronaut.RATE)


@pytest.mark.slow
def test_face_that_moves_with_the_voice_is_the_speaker(face) -> None:
    """The smaller face speaks and is chosen if detection is on, else the larger one; the reason is given."""
    samples = astronaut.syllables(4, per_second=2.3)
    opened = analyze_speech(samples, astronaut.RATE, 100, FPS).open
    other = 0.1 + 0.1 * np.sin(np.arange(100) * 0.9)
    tracks = build_tracks([[face(120, 60, other[n]), face(420, 40, 0.2 * opened[n])] for n in range(100)], 25.0)
    large, small = sorted(tracks, key=lambda track: -track.unit_px)
    loudness = loudness_per_frame(voiced(samples), 100, FPS)

    assert choose_face(tracks, loudness, SHOT, FPS, True).track is small
    assert choose_face(tracks, loudness, SHOT, FPS, False).track is large
    assert choose_face(tracks, None, SHOT, FPS, True).track is large
    assert "moves with the voice" in choose_face(tracks, loudness, SHOT, FPS, True).reason
    assert "is off" in choose_face(tracks, loudness, SHOT, FPS, False).reason
    assert "no voice" in choose_face(tracks, None, SHOT, FPS, True).reason
    assert choose_face([small], loudness, SHOT, FPS, True).reason == ""


@pytest.mark.slow
def test_largest_face_is_chosen_if_unclear(face) -> None:
    """If both mouths move with the voice, the largest face is chosen, and the reason is given."""
    samples = astronaut.syllables(4)
    opened = analyze_speech(samples, astronaut.RATE, 100, FPS).open
    tracks = build_tracks([[face(120, 60, 0.2 * opened[n]), face(420, 40, 0.2 * opened[n])] for n in range(100)], 25.0)

    chosen = choose_face(tracks, loudness_per_frame(voiced(samples), 100, FPS), SHOT, FPS, True)

    assert round(chosen.track.unit_px) == 60
    assert "none clearly moves" in chosen.reason


def test_mouth_that_moves_in_silence_is_not_the_speaker(face) -> None:
    """Two mouths move equally; only the small one moves while the voice sounds."""
    noise = np.random.default_rng(5)
    sounds = (np.arange(100) // 20) % 2 == 0
    samples = 0.2 * noise.normal(0, 0.3, 4 * astronaut.RATE) * np.repeat(sounds, astronaut.RATE // 25)
    chew = 0.1 + noise.uniform(-0.1, 0.1, (2, 100))
    listener, speaker = np.where(sounds, 0.1, chew[0]), np.where(sounds, chew[1], 0.1)
    tracks = build_tracks([[face(120, 60, listener[n]), face(420, 40, speaker[n])] for n in range(100)], 25.0)
    loudness = loudness_per_frame(voiced(samples), 100, FPS)

    assert round(choose_face(tracks, loudness, SHOT, FPS, True).track.unit_px) == 40


@pytest.mark.slow
@pytest.mark.parametrize("fps", [25, 60, 120])
def test_grain_hides_no_speaker_of_a_fast_film(face, fps) -> None:
    """Lips that change by a few levels in a 25th of a second change by less than the grain from frame to frame."""
    noise, samples, frames = np.random.default_rng(1), astronaut.syllables(4, per_second=2.3), 4 * fps
    samples *= np.repeat([1, 0, 1, 0, 1, 1, 0, 1], astronaut.RATE // 2)
    opened = analyze_speech(samples, astronaut.RATE, frames, Fraction(fps)).open
    skin, lit = noise.integers(80, 160, (1329, 4)), noise.normal(0, 6, (1329, 1))
    track = Track()
    for number in range(frames):
        seen = skin + opened[number] * lit + noise.normal(0, 2, skin.shape)
        track.add(number, face(300, 60, 0.1), FaceTexels(seen.round().astype(np.uint8)))
    loudness = loudness_per_frame(voiced(samples), frames, Fraction(fps))

    assert speech_score(track, loudness, (0, frames), Fraction(fps)) > 0.25


def test_a_face_in_one_frame_of_a_slow_film_is_no_speaker(face) -> None:
    """At a frame in two seconds a single frame is longer than the least time, and nothing moves in it."""
    track = Track()
    track.add(0, face(300, 60, 0.1), FaceTexels(np.zeros((1329, 4), np.uint8)))

    assert speech_score(track, np.ones(3), (0, 3), Fraction(1, 2)) == 0


@pytest.mark.slow
def test_real_mouth_matches_its_own_voice(media_folder, engine_ready) -> None:
    """A webcam face matches its own voice far better than the same voice 1.5 s later."""
    import av

    from react1.pipeline.engine.detect.faces import FaceFinder
    from react1.pipeline.engine.geometry.head_frame import FaceFrame

    path = media_folder / "faces" / "talk_mpeg1_360x288_3s.mpg"
    track = Track()
    with av.open(str(path)) as container, FaceFinder() as finder:
        for number, frame in enumerate(container.decode(video=0)):
            picture = frame.to_ndarray(format="rgb24")
            for points in finder.find(picture)[:1]:
                texels: FaceTexels = sample_face(picture, FaceFrame(points))
                track.add(number, points, texels)
    count = track.last_frame + 1
    loudness = loudness_per_frame(read_clip_audio(path), count, FPS)

    assert speech_score(track, loudness, (0, count), FPS) > 0.5
    assert speech_score(track, np.roll(loudness, 37), (0, count), FPS) < 0.35
