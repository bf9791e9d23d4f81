"""A probe reads what is in a file exactly, or raises one clear line."""

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import odd
import pytest
from field_pictures import write_field_pictures
from numbered_clips import frame_number, make_clip

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.media.frames.decode import exact_frames
from react1.pipeline.media.mpeg_headers import parse_gop_timecode
from react1.pipeline.media.probe import parse_s12m_timecode, require_video
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.media.tools.process import run_tool

pytestmark = pytest.mark.slow

FILMS = (
    "damaged/moviepy_failing_audio.mp4",
    "faces/cuts_crowd_handmic_video_starts_late_10s.mp4",
    "faces/face_vp8_400x300_31s_no_audio.webm",
    "faces/hand_over_face_23976_silent.mp4",
    "faces/talk_h264_700x700_vfr_6s.mp4",
    "faces/talk_hevc_1080x1920_25p_10s_one_keyframe.mp4",
    "faces/talk_mpeg1_360x288_3s.mpg",
    "streams/chapters.mp4",
    "streams/hdr10_pq_hevc_1080p.mp4",
    "streams/pcm_1080p.mov",
    "streams/srt.mkv",
    "streams/timecode_track_drop_frame.mp4",
    "streams/two_video_two_audio_two_subtitle_2997.mp4",
    "timing/audio_delayed_3.9s.mov",
    "timing/cursed_vfr.mp4",
    "timing/edit_list_hlg10_hevc_rot90.mp4",
    "timing/rotate_and_reflect.mp4",
    "timing/rotated180_2997_people.mp4",
    "timing/trim_optimization_failure.mp4",
)


@pytest.mark.parametrize("name", FILMS)
def test_frame_times_are_those_of_a_full_decode(media_folder, probed, name):
    """Edit lists, hidden frames and reordering included: what a decoder shows is what is counted."""
    path = media_folder / name
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        shown = [frame.pts for frame in container.decode(stream)]

    video = probed(path).video

    assert video.timestamps.array.tolist() == shown


def test_all_properties_of_a_clip_are_read(tmp_path, probed):
    """Rate, size, shape, sound and timecode come back as they were written."""
    path = make_clip(
        tmp_path / "a.mov",
        frames=12,
        rate=Fraction(30000, 1001),
        sar=Fraction(4, 3),
        tracks=2,
        timecode="01:00:00;00",
        colour=(1, 1, 1, 1),
    )

    media = probed(path)

    video = media.video
    assert (video.rate, video.constant_rate, video.frame_count) == (Fraction(30000, 1001), True, 12)
    assert (video.width_px, video.height_px, video.sample_aspect) == (320, 180, Fraction(4, 3))
    assert (video.color_range, video.color_primaries, video.color_transfer) == ("tv", "bt709", "bt709")
    assert (video.codec, video.pix_fmt, video.bit_depth) == ("h264", "yuv420p", 8)
    assert [(track.codec, track.channels, track.sample_rate_hz) for track in media.audio] == [
        ("pcm_s16le", 2, 48000)
    ] * 2
    assert media.start_timecode == "01:00:00;00"


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_rotation_and_mirroring_are_read(tmp_path, probed, turn, mirrored):
    """Four turns, mirrored or not."""
    path = make_clip(tmp_path / "a.mov", frames=2, tracks=0, rotation_deg=turn, mirrored=mirrored)

    video = probed(path).video

    assert (video.rotation_deg, video.mirrored) == (turn, mirrored)


def test_a_depth_of_ten_bits_is_read(tmp_path, probed):
    """The depth is that of the samples, not of their storage."""
    video = probed(make_clip(tmp_path / "a.mov", frames=2, tracks=0, pix_fmt="yuv420p10le")).video

    assert (video.pix_fmt, video.bit_depth) == ("yuv420p10le", 10)


def test_a_varying_rate_is_detected_and_keeps_its_times(tmp_path, probed):
    """Each time is kept; the rate is the average."""
    path = make_clip(tmp_path / "a.mov", frames=5, tracks=0, time_base=Fraction(1, 1000), pts=(0, 40, 100, 120, 200))

    video = probed(path).video

    shown_s = [tick * video.time_base for tick in video.timestamps.array.tolist()]
    assert shown_s == [Fraction(ms, 1000) for ms in (0, 40, 100, 120, 200)]
    assert not video.constant_rate


def test_matroska_milliseconds_are_still_a_constant_rate(tmp_path, probed):
    """29.97 rounded to milliseconds is 29.97."""
    video = probed(make_clip(tmp_path / "a.mkv", frames=60, tracks=0, rate=Fraction(30000, 1001))).video

    assert (video.time_base, video.rate, video.constant_rate) == (Fraction(1, 1000), Fraction(30000, 1001), True)
    assert video.timestamps.last_duration in (33, 34)


def test_an_implausible_duration_of_the_last_frame_is_ignored(media_folder, probed):
    """A real Matroska file says so; the frame is shown as long as the others."""
    assert probed(media_folder / "streams" / "srt.mkv").video.timestamps.last_duration == 33


def test_a_picture_that_starts_late_keeps_its_times(tmp_path, probed):
    """The clock starts with the sound; the first frame comes when it comes."""
    media = probed(make_clip(tmp_path / "a.mov", frames=5, start_s=Fraction(4, 5)))

    assert media.start_s == 0
    assert int(media.video.timestamps.array[0]) * media.video.time_base == Fraction(4, 5)


def test_a_file_with_audio_only_has_no_video(tmp_path, probed):
    """It probes; only who needs a picture refuses it."""
    media = probed(sound_file(tmp_path / "a.wav"))

    assert media.video is None
    assert len(media.audio) == 1
    with pytest.raises(InputMediaError, match="has no video"):
        require_video(media)


def sound_file(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=800)
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def broken_off(path: Path) -> Path:
    options = {"movflags": "faststart"}
    complete = make_clip(path.with_name("whole.mov"), frames=50, tracks=1, container_options=options).read_bytes()
    assert complete.index(b"moov") < complete.index(b"mdat")
    path.write_bytes(complete[: len(complete) * 3 // 4])
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def text(path: Path) -> Path:
    path.write_text("a letter, not a film\n" * 50)
    return path


def headless(path: Path) -> Path:
    complete = make_clip(path.with_name("whole.mov"), frames=5, tracks=0).read_bytes()
    path.write_bytes(complete[: len(complete) // 2])
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (empty, "is empty"),
        (text, "is not media"),
        (headless, "is cut short or damaged"),
        (broken_off, r"is cut short: it needs \d+ bytes and has \d+"),
        (folder, "is a folder"),
        (lambda path: path, "does not exist"),
    ],
)
def test_an_unusable_file_is_refused_by_name(tmp_path, make, reason):
    """One line that names the file and the reason."""
    from react1.pipeline.core.file import File
    from react1.pipeline.media.probe import probe

    path = make(tmp_path / "given.mov")

    with pytest.raises(InputMediaError, match=f"given.mov {reason}"):
        probe(path, File(digest="0" * 64, suffix=".mov", size_bytes=0))


def test_a_playlist_is_not_followed(tmp_path, probed):
    """A text file must not make us read other files."""
    make_clip(tmp_path / "secret.ts", frames=5, tracks=0)
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n")

    with pytest.raises(InputMediaError, match=r"list.m3u8 is not media"):
        probed(path)


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [(".mov", "libx264"), (".mp4", "libx264"), (".mkv", "libx264"), (".mxf", "mpeg2video"), (".ts", "mpeg2video")],
)
def test_the_start_timecode_is_read_from_every_container(tmp_path, probed, suffix, codec):
    """A tmcd track, a tag in capitals, MXF's package, and the pictures of MPEG-2 where the container has no field."""
    path = tmp_path / f"a{suffix}"
    source = ["-f", "lavfi", "-i", "testsrc=s=64x48:r=30000/1001:d=0.3", "-pix_fmt", "yuv420p", "-c:v", codec]
    run_tool([ffmpeg_path(), "-v", "error", *source, "-timecode", "10:00:00;05", str(path)])

    media = probed(path)

    assert media.start_timecode == "10:00:00;05"


def test_the_timecode_bits_of_a_picture_are_parsed():
    """SMPTE ST 12-1 as decimal digits, drop-frame by a flag; above 30 frames/s a field bit selects one of a pair."""
    assert str(parse_s12m_timecode(0x05_59_34_12, Fraction(25))) == "12:34:59:05"
    assert str(parse_s12m_timecode(0x40_00_00_01 | 0x29 << 24, Fraction(30000, 1001))) == "01:00:00;29"
    assert str(parse_s12m_timecode(0x12_00_00_01 | 1 << 7, Fraction(50))) == "01:00:00:25"
    assert str(parse_s12m_timecode(0x12_00_00_01 | 1 << 23, Fraction(48000, 1001))) == "01:00:00:25"
    assert str(parse_gop_timecode(1 << 24 | 10 << 19 | 5)) == "10:00:00;05"


def _without_composition_offsets(folder: Path) -> Path:
    path = make_clip(folder / "film.mp4", **REORDERED)
    return odd.patched(path, odd.STBL, lambda stbl: stbl.replace(b"ctts", b"free"))


def _packed_xvid(folder: Path) -> Path:
    encoders = subprocess.run([ffmpeg_path(), "-hide_banner", "-encoders"], capture_output=True, text=True).stdout
    if "libxvid" not in encoders:
        pytest.skip("this ffmpeg cannot write packed B-frames: it has no libxvid")
    path = folder / "film.avi"
    odd.ffmpeg("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=0.6", "-c:v", "libxvid", "-bf", 2, "-g", 8, path)
    return path


REORDERED = {"frames": 16, "size": (96, 64), "gop": 8, "tracks": 0}
WITHOUT_TIMES = {
    "MP4 without composition offsets": _without_composition_offsets,
    "H.264 in AVI": lambda folder: make_clip(folder / "film.avi", **REORDERED, time_base=Fraction(1, 25)),
    "packed B-frames in AVI": _packed_xvid,
}


@pytest.mark.parametrize("make", WITHOUT_TIMES.values(), ids=WITHOUT_TIMES)
def test_reordered_pictures_without_times_are_refused_with_what_helps(tmp_path, probed, make):
    """Their packets have the times of decoding: no frame can be found by its time, and none is damaged."""
    path = make(tmp_path)

    with pytest.raises(InputMediaError, match=r"film\.\w+ stores no times .*nothing is damaged. Encode it") as caught:
        probed(path)

    fixed = tmp_path / "fixed.mkv"
    words = caught.value.message.partition("(ffmpeg ")[2].rpartition(")")[0].split()
    odd.ffmpeg(*({"film": path, "film.mkv": fixed}.get(word, word) for word in words))
    video = probed(fixed).video
    assert [index for index, _ in exact_frames(fixed, video)] == list(range(video.frame_count))


def test_two_field_pictures_are_one_frame(tmp_path, probed):
    """As AVCHD cameras store them: 26 packets, 13 frames, each at the time of its first field."""
    path = write_field_pictures(tmp_path)

    video = probed(path).video
    frames = list(exact_frames(path, video))

    assert video.frame_count == 13 and video.interlaced and video.rate == 25
    assert [frame.pts for _, frame in frames] == video.timestamps.array.tolist()
    assert [frame_number(frame.to_ndarray(format="gray")) for _, frame in frames] == list(range(13))


def test_field_pictures_of_hevc_are_refused_with_what_helps(tmp_path, probed):
    """Each decoded picture is half a frame; the command in the message makes frames of them."""
    path, fixed = tmp_path / "fields.mp4", tmp_path / "fixed.mkv"
    fields = "interlace=tff:keyint=4:bframes=0:log-level=none"
    source = ("-f", "lavfi", "-i", "testsrc=s=64x32:r=50", "-frames:v", 8, "-pix_fmt", "yuv420p")
    odd.ffmpeg(*source, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", fields, path)

    with pytest.raises(InputMediaError, match="each picture is one field of 64x32, half a frame") as caught:
        probed(path)

    words = caught.value.message.partition("(ffmpeg ")[2].partition(";")[0].split()
    odd.ffmpeg(*({"film": path, "film.mkv": fixed}.get(word, word) for word in words))
    video = probed(fixed).video
    assert (video.frame_count, video.height_px, video.interlaced, video.rate) == (4, 64, True, 25)
