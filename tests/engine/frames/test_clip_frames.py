"""Reading frames by number, and writing takes whose sound ends on the sample."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from react1.pipeline.engine.frames import clip_frames as frames_module
from react1.pipeline.engine.frames.clip_frames import ClipFrames, Picture, TakeWriter, VideoFormat, planes_of
from react1.pipeline.engine.voice.voice_features import VoiceAudio, read_audio
from react1.pipeline.media.clip_writer import ClipWriter, VideoSettings, rgb_frame
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path

RATE = 48_000
SIZE = (48, 64)


def numbered(count: int) -> list[Picture]:
    """Return pictures whose brightness encodes their number."""
    half = (SIZE[0] // 2, SIZE[1] // 2)
    return [
        Picture(np.full(SIZE, 16 + 2 * number, np.uint8), np.full(half, 128, np.uint8), np.full(half, 128, np.uint8))
        for number in range(count)
    ]


def write(
    path: Path, count: int, fps: Fraction = Fraction(25), sound: VoiceAudio | None = None, tags=(1, 1, 1, 1)
) -> Path:
    with TakeWriter(path, VideoFormat(SIZE[1], SIZE[0], fps, *tags), sound) as writer:
        for picture in numbered(count):
            writer.write(picture)
    return path


def number_of(picture: Picture) -> int:
    return round((float(picture.luma.mean()) - 16) / 2)


def test_frames_can_be_read_in_any_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward, bouncing, looping and jumping reads give the right frames, with a cache of seven."""
    monkeypatch.setattr(frames_module, "CACHE_BYTES", 7 * SIZE[0] * SIZE[1] * 3 // 2)
    path = write(tmp_path / "n.mp4", 60)
    order = [*range(60), *range(59, -1, -1), *range(5), 50, 3, 3, 59, 0]

    with ClipFrames(path) as clip:
        assert sum(1 for _ in clip.decode_all()) == clip.expected_count == 60
        shown = [number_of(clip.picture(number)) for number in order]
        cached = len(clip._cached)

    assert shown == order
    assert cached <= 7


def test_frames_of_a_clip_that_is_refreshed_part_by_part_are_read(tmp_path: Path) -> None:
    """No picture is complete at its keyframes; each is the same as when all are read in order."""
    path = tmp_path / "refreshed.mp4"
    options = {"preset": "veryfast", "x264-params": "intra-refresh=1:keyint=20"}
    with ClipWriter(path) as writer:
        writer.add_video(VideoSettings("libx264", (128, 96), Fraction(25), options=options))
        noise = np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8)
        for number in range(60):
            frame = rgb_frame(np.roll(noise, 3 * number, 1))
            frame.pts = number
            writer.write_frame(frame)

    with ClipFrames(path) as clip:
        expected = [planes_of(frame).luma for frame in clip.decode_all()]
        for number in (45, 30, 59, 2, 58):
            assert (clip.picture(number).luma == expected[number]).all()


def test_the_video_that_a_player_shows_is_read(tmp_path: Path) -> None:
    """Of two the one that is marked as default, as everywhere in the package."""
    names = [str(write(tmp_path / f"{count}.mp4", count)) for count in (3, 7)]
    path = tmp_path / "both.mp4"
    marks = ("-disposition:v:0", "0", "-disposition:v:1", "default")
    inputs = [part for name in names for part in ("-i", name)]
    subprocess.run([ffmpeg_path(), *inputs, "-map", "0", "-map", "1", "-c", "copy", *marks, str(path)], check=True)

    with ClipFrames(path) as clip:
        assert clip.expected_count == sum(1 for _ in clip.decode_all()) == 7


def test_a_name_may_look_like_a_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path with a colon is a file, for the take, the clip and the voice."""
    monkeypatch.chdir(tmp_path)
    sound = VoiceAudio(np.zeros((1, RATE // 5), np.float32), RATE)

    path = write(Path("scene:2.mp4"), 5, sound=sound)

    with ClipFrames(path) as clip:
        assert number_of(next(map(planes_of, clip.decode_all()))) == 0
    assert read_audio(path).rate == RATE


def test_a_take_is_coded_to_be_decoded_fast(tmp_path: Path) -> None:
    """Its picture parameter set names variable-length codes, not arithmetic coding."""
    with av.open(str(write(tmp_path / "n.mp4", 3))) as clip:
        config = clip.streams.video[0].codec_context.extradata
    sequence_bytes = int.from_bytes(config[6:8], "big")
    picture_set = config[8 + sequence_bytes + 3 :]

    assert picture_set[0] & 0x1F == 8 and picture_set[1] >> 6 == 3, "a picture parameter set with the numbers 0 and 0"
    assert not picture_set[1] & 0x20


def test_backward_reads_seldom_restart_the_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty keyframes backwards with a cache of twenty start the decoder at most four times."""
    monkeypatch.setitem(frames_module.X264, "g", "1")
    monkeypatch.setattr(frames_module, "CACHE_BYTES", 20 * SIZE[0] * SIZE[1] * 3 // 2)
    path = write(tmp_path / "n.mp4", 60)
    starts: list[int | None] = []

    with ClipFrames(path) as clip:
        list(clip.decode_all())
        restart = clip._restart
        monkeypatch.setattr(clip, "_restart", lambda first: (starts.append(first), restart(first))[1])
        for number in [*range(60), *range(59, -1, -1)]:
            clip.picture(number)

    assert len(starts) <= 4


def test_planes_equal_the_decoded_ones(tmp_path: Path) -> None:
    """Planes equal PyAV's, byte for byte, at a width with padding."""
    path = tmp_path / "w.mp4"
    video_format = VideoFormat(50, 38, Fraction(25), 1, 1, 1, 1)
    source = np.random.default_rng(1).integers(16, 235, (38, 50), np.uint8)
    flat = np.full((19, 25), 120, np.uint8)
    with TakeWriter(path, video_format, None) as writer:
        writer.write(Picture(source, flat, flat))

    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        rows = np.frombuffer(frame.planes[0], np.uint8).reshape(38, frame.planes[0].line_size)[:, :50]
        planes = planes_of(frame)

    assert np.array_equal(planes.luma, rows)
    assert planes.blue.shape == planes.red.shape == (19, 25)


@pytest.mark.parametrize(
    "fps", [Fraction(24), Fraction(25), Fraction(30), Fraction(24000, 1001), Fraction(30000, 1001)]
)
def test_a_take_keeps_rate_and_pts(tmp_path: Path, fps: Fraction) -> None:
    """The rate and the pts of every frame are exact."""
    path = write(tmp_path / "r.mp4", 12, fps)

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == fps
        assert [frame.pts * stream.time_base * fps for frame in container.decode(stream)] == list(range(12))


@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (6, 6, 6, 1), (2, 2, 2, 0), (5, 5, 6, 2)])
def test_colour_tags_are_those_of_the_input(tmp_path: Path, tags) -> None:
    """Matrix, primaries, transfer and range are written and read back unchanged."""
    with ClipFrames(write(tmp_path / "c.mp4", 3, tags=tags)) as clip:
        video_format = clip.video_format

    assert (video_format.matrix, video_format.primaries, video_format.transfer, video_format.range) == tags


@pytest.mark.parametrize("count", [1, 1023, 1024, 1025, 24_000, 57_607])
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_lasts_to_the_sample(tmp_path: Path, count: int, channels: int) -> None:
    """For any length, the stream starts at 0, and its duration and last packet end on the sample."""
    samples = np.random.default_rng(4).normal(0, 0.1, (channels, count)).astype(np.float32)
    path = write(tmp_path / "s.mp4", 30, sound=VoiceAudio(samples, RATE))

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        ends = [packet.pts + packet.duration for packet in container.demux(stream) if packet.pts is not None]
        assert (stream.start_time, stream.duration, ends[-1]) == (0, count, count)
        assert stream.codec_context.channels == channels


def test_sound_is_in_sync(tmp_path: Path) -> None:
    """Clicks are read back at their own samples."""
    clicks = [5000, 30_000, 55_000]
    samples = np.zeros((1, 57_600), np.float32)
    samples[0, clicks] = 0.9

    heard = read_audio(write(tmp_path / "k.mp4", 30, sound=VoiceAudio(samples, RATE)))

    loud = np.flatnonzero(np.abs(heard.samples[0]) > 0.4)
    assert loud.tolist() == clicks


def test_sound_is_fitted_by_cut_and_silence() -> None:
    """Fitting cuts or pads with zeros, in both channels."""
    sound = VoiceAudio(np.ones((2, 10), np.float32), RATE)

    assert sound.fit_length(4).samples.tolist() == [[1] * 4] * 2
    assert sound.fit_length(12).samples.tolist() == [[1] * 10 + [0] * 2] * 2


def test_surround_becomes_stereo_and_mono_stays(tmp_path: Path) -> None:
    """A wav of six channels is read as two; one and two stay."""
    import wave

    for channels, expected in ((1, 1), (2, 2), (6, 2)):
        path = tmp_path / f"{channels}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(np.full(channels * 480, 1000, "<i2").tobytes())

        assert read_audio(path).samples.shape == (expected, 480)
