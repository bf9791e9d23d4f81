"""Who of several speaks: made mouths that move in known ways with a made voice, and real ones with their own."""

from __future__ import annotations

from fractions import Fraction

import astronaut
import numpy as np
import pytest

from react1.pipeline.engine.detect.speaker import choose_face, loudness_per_frame, speech_score
from react1.pipeline.engine.detect.track import Track, build_tracks
from react1.pipeline.engine.occlusion.occlusion import FaceTexels, sample_face
from react1.pipeline.engine.voice.speech import analyze_speech
from react1.pipeline.engine.voice.voice_samples import VoiceAudio, read_clip_audio

FPS, SHOT = Fraction(25), (0, 100)


@pytest.fixture
def face(portrait):
    """Give the portrait's landmarks around a place, at a size, with the lips apart as far as wanted (in units)."""

    def make(x: float, unit_px: float, gap: float) -> np.ndarray:
        local = portrait.face.local.copy()
        local[14, 1] = local[13, 1] + gap
        points = local * unit_px
        return points - [*points[:, :2].mean(0), 0.0] + [x, 200.0, 0.0]

    return make


def voiced(samples: np.ndarray) -> VoiceAudio:
    return VoiceAudio(samples[None].astype(np.float32), astronaut.RATE)


def test_the_speaker_is_the_one_who_moves_with_the_voice(face) -> None:
    """The smaller face speaks; it is chosen where detection is on, and said; else the larger one, and said."""
    samples = astronaut.syllables(4, per_second=2.3)
    opened = analyze_speech(samples, astronaut.RATE, 100, FPS).open
    other = 0.1 + 0.1 * np.sin(np.arange(100) * 0.9)
    tracks = build_tracks([[face(120, 60, other[n]), face(420, 40, 0.2 * opened[n])] for n in range(100)])
    large, small = sorted(tracks, key=lambda track: -track.unit_px)
    heard = loudness_per_frame(voiced(samples), 100, FPS)

    assert choose_face(tracks, heard, SHOT, FPS, True).track is small
    assert choose_face(tracks, heard, SHOT, FPS, False).track is large
    assert choose_face(tracks, None, SHOT, FPS, True).track is large
    assert "moves with the voice" in choose_face(tracks, heard, SHOT, FPS, True).reason
    assert "is off" in choose_face(tracks, heard, SHOT, FPS, False).reason
    assert "no voice" in choose_face(tracks, None, SHOT, FPS, True).reason
    assert choose_face([small], heard, SHOT, FPS, True).reason == ""


def test_in_doubt_the_largest_face_is_taken(face) -> None:
    """Two mouths that both move with the voice: no margin, so the largest, and that is said."""
    samples = astronaut.syllables(4)
    opened = analyze_speech(samples, astronaut.RATE, 100, FPS).open
    tracks = build_tracks([[face(120, 60, 0.2 * opened[n]), face(420, 40, 0.2 * opened[n])] for n in range(100)])

    chosen = choose_face(tracks, loudness_per_frame(voiced(samples), 100, FPS), SHOT, FPS, True)

    assert round(chosen.track.unit_px) == 60
    assert "none moves clearly" in chosen.reason


def test_a_mouth_that_is_busy_in_silence_is_not_the_speaker(face) -> None:
    """Two mouths open alike on the whole: the small one chews while the voice sounds, the large one while it rests."""
    noise = np.random.default_rng(5)
    sounds = (np.arange(100) // 20) % 2 == 0
    samples = 0.2 * noise.normal(0, 0.3, 4 * astronaut.RATE) * np.repeat(sounds, astronaut.RATE // 25)
    chew = 0.1 + noise.uniform(-0.1, 0.1, (2, 100))
    listener, speaker = np.where(sounds, 0.1, chew[0]), np.where(sounds, chew[1], 0.1)
    tracks = build_tracks([[face(120, 60, listener[n]), face(420, 40, speaker[n])] for n in range(100)])
    heard = loudness_per_frame(voiced(samples), 100, FPS)

    assert round(choose_face(tracks, heard, SHOT, FPS, True).track.unit_px) == 40


def test_real_mouths_go_with_their_own_voices(media_folder, engine_ready) -> None:
    """A webcam face goes with its own voice far better than with the same voice a second and a half later."""
    import av

    from react1.pipeline.engine.detect.faces import FaceFinder
    from react1.pipeline.engine.geometry.head_frame import FaceFrame

    place = media_folder / "faces" / "talk_mpeg1_360x288_3s.mpg"
    track = Track()
    with av.open(str(place)) as container, FaceFinder() as finder:
        for number, frame in enumerate(container.decode(video=0)):
            picture = frame.to_ndarray(format="rgb24")
            for points in finder.find(picture)[:1]:
                seen: FaceTexels = sample_face(picture, FaceFrame(points))
                track.add(number, points, seen)
    count = track.last_frame + 1
    heard = loudness_per_frame(read_clip_audio(place), count, FPS)

    assert speech_score(track, heard, (0, count), FPS) > 0.5
    assert speech_score(track, np.roll(heard, 37), (0, count), FPS) < 0.35
