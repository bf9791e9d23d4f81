"""Complete takes: decoded, re-expressed, encoded, and measured in the file."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from fractions import Fraction
from pathlib import Path

import astronaut
import av
import numpy as np
import pytest

from react1.pipeline.core.edits.choices import React1Choices
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.engine.render.render import render
from react1.pipeline.engine.take_job import TakeJob

pytestmark = pytest.mark.slow


def pictures(path: Path) -> list[np.ndarray]:
    """Return the luma of every frame."""
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray()[: frame.height], np.int16) for frame in container.decode(video=0)]


def sound_samples(path: Path) -> int:
    """Return the number of samples by the packets' pts: what a player plays."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        ends = [packet.pts + packet.duration for packet in container.demux(stream) if packet.pts is not None]
        assert stream.start_time == 0
        assert stream.duration == ends[-1]
        assert stream.time_base == Fraction(1, astronaut.RATE)
        return ends[-1]


def take(clip: Path, out: Path, voice: Path | None = None, *, span=None, detections=None, shares=None, **choices):
    progress = ([] if shares is None else shares).append
    job = TakeJob(out, React1Choices(**choices), voice, span)
    return render(clip, job, detections=detections, progress=progress)


def test_a_take_without_a_voice_is_as_long_as_its_clip(clip: Path, tmp_path: Path) -> None:
    """Every frame appears once, with the input's tags and no sound; metrics are JSON; progress rises to 1."""
    shares: list[float] = []

    metrics = take(clip, tmp_path / "take.mp4", shares=shares, prompt="angry", temperature=0.8)

    with av.open(str(tmp_path / "take.mp4")) as container:
        stream, context = container.streams.video[0], container.streams.video[0].codec_context
        assert not container.streams.audio
        assert (context.profile, context.pix_fmt, stream.average_rate) == ("High", "yuv420p", 25)
        assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)
        assert [frame.pts * stream.time_base for frame in container.decode(stream)] == [
            Fraction(k, 25) for k in range(30)
        ]
    assert (metrics.frames, metrics.frames_with_face, metrics.audio_samples, metrics.duration_s) == (30, 30, 0, "6/5")
    assert json.loads(json.dumps(dataclasses.asdict(metrics)))["span"] == [0, 30]
    assert shares == sorted(shares)
    assert len(shares) == 62
    assert shares[-1] == pytest.approx(1)


def test_frames_outside_the_span_are_passed_through(clip: Path, clip_faces, tmp_path: Path) -> None:
    """Handles differ only by encoding; inside, the change ramps up from the seam and down to it."""
    take(clip, tmp_path / "take.mp4", prompt="surprised", temperature=1.0, span=(8, 24), detections=clip_faces)

    before, after = pictures(clip), pictures(tmp_path / "take.mp4")
    mean = [float(np.abs(b - a).mean()) for b, a in zip(before, after, strict=True)]
    assert max(mean[:8] + mean[24:]) < 0.8
    assert max(int(np.abs(b - a).max()) for b, a in list(zip(before, after, strict=True))[:8]) < 20
    assert mean[8] < 0.4 * mean[15]
    assert mean[23] < 0.4 * mean[16]
    assert mean[8] < mean[9] < mean[10] < mean[15]
    assert mean[23] < mean[22] < mean[21] < mean[16]
    assert mean[15] > 2


@pytest.mark.parametrize(
    ("mode", "frames", "shown"),
    [
        ("bounce", 40, 19),
        ("loop", 40, 10),
        ("cut_off", 30, 29),
        ("silence", 40, 29),
        ("remap", 40, 29),
    ],
)
def test_each_sync_mode_is_exact(clip: Path, clip_faces, tmp_path: Path, mode: str, frames: int, shown: int) -> None:
    """For a voice of 40 frames and 7 samples over 30 frames, the counts and the last frame are exact."""
    samples = 40 * 1920 + 7
    voice = astronaut.write_wav(tmp_path / "v.wav", astronaut.syllables(2)[:samples])
    last = {"bounce": 20, "loop": 9, "cut_off": 29, "silence": 29, "remap": 29}[mode]

    metrics = take(clip, tmp_path / "take.mp4", voice, span=(0, 12), detections=clip_faces, sync_mode=mode)

    expected = 30 * 1920 if mode == "cut_off" else samples
    assert (metrics.frames, metrics.audio_samples) == (frames, expected)
    assert sound_samples(tmp_path / "take.mp4") == expected
    after, before = pictures(tmp_path / "take.mp4"), pictures(clip)
    assert len(after) == frames
    corner = (slice(0, 60), slice(300, 384))  # hair and background, which drift with the frame and are not edited
    differences = [float(np.abs(after[-1][corner] - picture[corner]).mean()) for picture in before]
    assert int(np.argmin(differences)) == last


def test_a_shorter_voice_is_padded_or_cuts_the_take(clip: Path, clip_faces, tmp_path: Path) -> None:
    """With 20 frames of voice `silence` keeps 30 frames and pads the sound; `cut_off` keeps 20."""
    voice = astronaut.write_wav(tmp_path / "v.wav", astronaut.syllables(0.8))

    silence = take(clip, tmp_path / "s.mp4", voice, span=(0, 8), detections=clip_faces, sync_mode="silence")
    cut_off = take(clip, tmp_path / "c.mp4", voice, span=(0, 8), detections=clip_faces, sync_mode="cut_off")

    assert (silence.frames, sound_samples(tmp_path / "s.mp4")) == (30, 30 * 1920)
    assert (cut_off.frames, sound_samples(tmp_path / "c.mp4")) == (20, 20 * 1920)


def test_the_same_request_gives_the_same_bytes(engine_ready: None, tmp_path: Path) -> None:
    """Two takes with a voice and head motion have equal bytes."""
    clip = astronaut.write_clip(tmp_path / "talk.mp4", frames=12)
    voice = astronaut.write_wav(tmp_path / "v.wav", astronaut.syllables(0.48))
    sums = []
    for name in ("one.mp4", "two.mp4"):
        take(clip, tmp_path / name, voice, span=(2, 10), prompt="happy", model_mode="head", temperature=0.9)
        sums.append(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())

    assert sums[0] == sums[1]


def test_the_mouth_opens_in_time_with_the_voice(clip: Path, clip_faces, tmp_path: Path) -> None:
    """Mouths detected in the take open with the syllables, with a correlation above 0.8."""
    from react1.pipeline.engine.detect.faces import FaceFinder
    from react1.pipeline.engine.geometry.head_frame import FaceFrame, MouthShape
    from react1.pipeline.engine.voice.speech import analyze_speech

    samples = astronaut.syllables(1.2)
    voice = astronaut.write_wav(tmp_path / "v.wav", samples)

    take(clip, tmp_path / "take.mp4", voice, detections=clip_faces, prompt="neutral", temperature=0.5)

    with av.open(str(tmp_path / "take.mp4")) as container, FaceFinder() as finder:
        faces = [finder.find(frame.to_ndarray(format="rgb24"))[0] for frame in container.decode(video=0)]
    gaps = np.array([MouthShape.of(FaceFrame(points)).gap for points in faces])
    opened = analyze_speech(samples, astronaut.RATE, 30, Fraction(25)).open
    assert np.corrcoef(gaps[6:-6], opened[6:-6])[0, 1] > 0.8


def test_frames_without_a_face_are_unchanged(engine_ready: None, tmp_path: Path) -> None:
    """Grey frames in the middle stay grey and are reported; they begin and end with a cut, at which nothing fades."""
    clip = astronaut.write_clip(tmp_path / "clip.mp4", faceless=range(14, 20))

    metrics = take(clip, tmp_path / "take.mp4", prompt="sad", temperature=1.0)

    before, after = pictures(clip), pictures(tmp_path / "take.mp4")
    mean = [float(np.abs(b - a).mean()) for b, a in zip(before, after, strict=True)]
    assert metrics.frames_with_face == 24
    assert any("6 of 30 frames" in sentence for sentence in metrics.notes)
    assert max(mean[14:20]) < 0.5
    assert min(mean[13], mean[20]) > 0.9 * mean[11]


def test_a_span_without_a_face_is_refused(engine_ready: None, tmp_path: Path) -> None:
    """A span of grey frames raises an error that names the frames."""
    clip = astronaut.write_clip(tmp_path / "grey.mp4", frames=6, faceless=range(6))

    with pytest.raises(InputMediaError, match=r"no face found in frames 1–4 of the clip; .*span"):
        take(clip, tmp_path / "take.mp4", span=(1, 5))


def test_unreadable_input_is_refused(clip: Path, clip_faces, tmp_path: Path) -> None:
    """Refused are: no media file, no video, no sound, a span outside the clip."""
    (tmp_path / "text.mp4").write_text("not media")
    wav = astronaut.write_wav(tmp_path / "v.wav", astronaut.syllables(0.2))

    with pytest.raises(InputMediaError, match=r"text\.mp4 cannot be read"):
        take(tmp_path / "text.mp4", tmp_path / "take.mp4")
    with pytest.raises(InputMediaError, match=r"v\.wav has no video"):
        take(wav, tmp_path / "take.mp4")
    with pytest.raises(InputMediaError, match=r"talk\.mp4 has no sound"):
        take(clip, tmp_path / "take.mp4", clip)
    with pytest.raises(InputMediaError, match="span 5 to 31 is outside the 30 frames"):
        take(clip, tmp_path / "take.mp4", span=(5, 31), detections=clip_faces)


def test_nothing_is_printed_to_stderr(clip: Path, tmp_path: Path, capfd) -> None:
    """The native libraries load and run without output."""
    take(clip, tmp_path / "take.mp4", span=(0, 2))

    assert capfd.readouterr().err == ""
