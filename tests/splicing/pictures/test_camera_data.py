"""What a camera writes into every picture stays there, or the result says that it does not."""

from __future__ import annotations

import struct
from fractions import Fraction
from types import SimpleNamespace

import av
import odd
import pytest
from numbered_clips import make_clip
from takes import film, spliced

from react1.pipeline.media.nal_units import escape, join_units, split_units
from react1.pipeline.media.probe import probe
from react1.pipeline.splicing.codecs.family import open_encoder
from react1.pipeline.splicing.codecs.kept_metadata import metadata_rows
from react1.pipeline.splicing.encoders import EncoderSettings
from react1.pipeline.splicing.feasibility import check_feasibility
from react1.pipeline.splicing.pictures.fields import side_data_of
from react1.pipeline.splicing.pictures.frames import blend
from react1.pipeline.splicing.pictures.planes import frame_planes
from react1.pipeline.splicing.verification.metadata_check import compare_metadata

CODECS = {
    "libx264": (b"\x06", {"options": {"x264-params": "pic-struct=1:scenecut=0"}}),
    "libx265": (b"\x4e\x01", {"options": {"x265-params": "log-level=none:open-gop=0:bframes=0"}}),
}
"""The header of an SEI unit, and what the film is made with."""
PICTURE_TIMING, REGISTERED, UNREGISTERED, TIME_CODE, MASTERING, AMBIENT = 1, 4, 5, 136, 137, 148
CAPTION = b"\xb5\x00\x31GA94\x03\xc1\xff\xfc"
"""What comes before a pair of caption bytes (ATSC A/53, user data type 3)."""
OWN_ID = bytes(range(16))


def _message(head: bytes, kind: int, payload: bytes) -> bytes:
    unit = escape(head + bytes([kind, *[255] * (len(payload) // 255), len(payload) % 255]) + payload + b"\x80")
    return len(unit).to_bytes(4, "big") + unit


def _camera_film(context, codec, kind, payload, head=b"", suffix=".mp4", gop=8):
    """Make a film of which every packet has an SEI message with `payload(number)`, or a unit with another `head`."""
    usual_head, changes = CODECS[codec]
    head = head or usual_head
    clip = make_clip(
        context.temp_path("plain.mp4"), frames=16, size=(96, 64), gop=gop, tracks=0, codec=codec, **changes
    )
    path = context.temp_path("film.mp4")
    with av.open(str(clip)) as source, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(packet for packet in source.demux(video=0) if packet.size):
            # x264 writes a picture timing message of its own, which the last one would replace.
            units = [
                unit for unit in split_units(bytes(packet), annexb=False) if unit[:2] != bytes([6, PICTURE_TIMING])
            ]
            copy = av.Packet(_message(head, kind, payload(number)) + join_units(units, annexb=False))
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.is_keyframe, copy.duration, copy.stream = packet.is_keyframe, packet.duration, stream
            out.mux(copy)
    if suffix != ".mp4":
        odd.ffmpeg("-i", path, "-c", "copy", path := path.with_suffix(suffix))
    file = context.store(path)
    return probe(context.path(file), file)


def _camera_data(path, name):
    """List what each shown frame carries, but for an encoder's note."""
    with av.open(str(path)) as container:
        rows = [[bytes(d) for d in frame.side_data if d.type.name == name] for frame in container.decode(video=0)]
        return [[data for data in row if b"x26" not in data] for row in rows]


def _time_code(number: int) -> bytes:
    """Return a time code message of 01:02:03 and a frame (ITU-T H.265, D.2.27)."""
    fields = ((1, 2), (1, 1), (1, 1), (0, 5), (1, 1), (0, 1), (0, 1), (number, 9), (3, 6), (2, 6), (1, 5), (0, 5))
    text = "".join(f"{value:0{bits}b}" for value, bits in fields)
    text = (text + "1").ljust(-(-(len(text) + 1) // 8) * 8, "0")
    return int(text, 2).to_bytes(len(text) // 8, "big")


def _clock_timestamp(number: int) -> bytes:
    """Return a picture timing message of 01:02:03 and a frame, without delays (ITU-T H.264, D.1.3)."""
    fields = (
        (0, 4),
        (1, 1),
        (0, 2),
        (0, 1),
        (0, 5),
        (1, 1),
        (0, 1),
        (0, 1),
        (number, 8),
        (3, 6),
        (2, 6),
        (1, 5),
        (0, 24),
    )
    text = "".join(f"{value:0{bits}b}" for value, bits in fields) + "1"
    text = text.ljust(-(-len(text) // 8) * 8, "0")
    return int(text, 2).to_bytes(len(text) // 8, "big")


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_every_picture_keeps_its_camera_s_own_data(context, codec):
    """Inside and outside the edit, in showing order, byte for byte."""
    media = _camera_film(context, codec, UNREGISTERED, lambda number: OWN_ID + b"exposure %d" % number)

    result = spliced(context, media, (5, 7))

    before = _camera_data(context.path(media.file), "SEI_UNREGISTERED")
    assert result.metrics["encoded_packets"] >= 2 and len({tuple(item) for item in before}) == 16
    assert _camera_data(result.path, "SEI_UNREGISTERED") == before
    assert result.notes == ()


def _hdr10_plus(number: int) -> bytes:
    """Return HDR10+ metadata of one window (SMPTE ST 2094-40; CTA-861.4, annex S), with zeros that need prevention."""
    fields = (
        (1, 2),
        (1000, 27),
        (0, 1),
        (0, 17),
        (number, 17),
        (7, 17),
        (5, 17),
        (0, 4),
        (9, 10),
        (0, 1),
        (0, 1),
        (0, 1),
    )
    text = "".join(f"{value:0{bits}b}" for value, bits in fields).ljust(120, "0")
    return b"\xb5\x00\x3c\x00\x01\x04\x01" + int(text, 2).to_bytes(15, "big")


def _active_format(number: int) -> bytes:
    return b"\xb5\x00\x31DTG1" + bytes([0x41, 0xF8 | number % 4])


def _ambient(number: int) -> bytes:
    return struct.pack(">I2H", 3_140_000 + number, 15635, 16450)


def _values(path, name):
    """List what each frame says; of a timecode, ffmpeg leaves unused values as they were in memory."""
    rows = _camera_data(path, name)
    return [[data[:8] for data in row] for row in rows] if name == "S12M_TIMECODE" else rows


@pytest.mark.slow
@pytest.mark.parametrize(
    ("codec", "suffix", "message", "payload", "name"),
    [
        ("libx265", ".mp4", REGISTERED, _hdr10_plus, "DYNAMIC_HDR_PLUS"),
        ("libx265", ".ts", REGISTERED, _hdr10_plus, "DYNAMIC_HDR_PLUS"),
        ("libx265", ".mkv", AMBIENT, _ambient, "AMBIENT_VIEWING_ENVIRONMENT"),
        ("libx265", ".mp4", TIME_CODE, _time_code, "S12M_TIMECODE"),
        ("libx264", ".mp4", PICTURE_TIMING, _clock_timestamp, "S12M_TIMECODE"),
        ("libx264", ".ts", REGISTERED, _active_format, "AFD"),
    ],
)
def test_every_picture_keeps_metadata_that_no_encoder_writes(context, codec, suffix, message, payload, name):
    """In showing order, as ffmpeg reads them in each frame, also of those that the edit replaces."""
    media = _camera_film(context, codec, message, payload, suffix=suffix)
    before = _values(context.path(media.file), name)
    assert all(before) and len({tuple(row) for row in before}) >= 4
    plan = check_feasibility(context.path(media.file), media, [(5, 7)])

    result = spliced(context, media, (5, 7))

    assert result.metrics["way"] == "exact" and result.metrics["encoded_packets"] >= 2
    assert _values(result.path, name) == before
    assert result.notes == () and "lost" not in plan.metrics() and result.metrics["metadata_equal"] is True


@pytest.mark.slow
@pytest.mark.parametrize(("message", "payload"), [(PICTURE_TIMING, _clock_timestamp), (REGISTERED, _active_format)])
def test_metadata_are_kept_where_all_pictures_are_encoded_again(context, message, payload):
    """A film with one keyframe; all pictures before and after the edit, too, at their times."""
    media = _camera_film(context, "libx264", message, payload, suffix=".mkv", gop=250)
    plan = check_feasibility(context.path(media.file), media, [(0, 12)])

    result = spliced(context, media, (0, 12))

    assert plan.way == result.metrics["way"] == "reencoded-picture" and plan.lost == () and len(result.notes) == 1
    before, after = (dict(metadata_rows(path, 0)) for path in (context.path(media.file), result.path))
    assert after == before and len(set(before.values())) >= 4 and result.metrics["metadata_equal"] is True


@pytest.mark.slow
def test_metadata_that_are_missing_or_others_do_not_pass(context):
    """A missing kind is named; another message fails the film."""
    source, other = (
        _camera_film(context, "libx265", REGISTERED, make) for make in (_hdr10_plus, lambda _: _hdr10_plus(3))
    )
    without = _camera_film(context, "libx265", UNREGISTERED, lambda number: OWN_ID)
    job = SimpleNamespace(source=context.path(source.file), video=source.video)

    missing = compare_metadata(job, context.path(without.file), [range(2, 6)])
    changed = compare_metadata(job, context.path(other.file), [range(2, 6)])
    same = compare_metadata(job, job.source, [range(2, 6)])

    assert missing.lost == ("HDR10+ dynamic metadata",) and missing.metrics == {"metadata_equal": False}
    assert changed.failure == "frame 2 does not have the source's HDR10+ dynamic metadata"
    assert same.metrics == {"metadata_equal": True} and same.lost == () and not same.failure


@pytest.mark.slow
def test_new_pictures_of_hevc_keep_captions(context):
    """In showing order, byte for byte."""
    media = _camera_film(context, "libx265", REGISTERED, lambda number: CAPTION + bytes([0x80 | number, 0xC2, 0xFF]))

    result = spliced(context, media, (5, 7))

    before = _camera_data(context.path(media.file), "A53_CC")
    assert all(before) and _camera_data(result.path, "A53_CC") == before
    assert result.notes == ()


@pytest.mark.slow
def test_light_levels_of_0_stay_in_new_keyframes(context):
    """They stand for unknown ones, which x265 writes only with `hdr10`."""
    options = {"x265-params": "log-level=none:open-gop=0:bframes=0:hdr10=1"}
    media = film(context, frames=16, size=(96, 64), gop=8, tracks=0, codec="libx265", options=options)
    assert all(_camera_data(context.path(media.file), "CONTENT_LIGHT_LEVEL"))

    result = spliced(context, media, (5, 7))

    assert result.notes == ()


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_a_keyframe_is_found_behind_long_messages(context, codec):
    """The notes of x265 and its parameter sets, twice in many transport streams, take 5 kB before the picture."""
    media = _camera_film(context, codec, UNREGISTERED, lambda number: OWN_ID + bytes([65]) * 5000)

    plan = check_feasibility(context.path(media.file), media, [(2, 4)])

    assert plan.way == "exact" and plan.encoded_frames <= 8


@pytest.mark.slow
def test_a_mastering_display_that_changes_within_the_edit_is_reported(context):
    """One of the whole film is written; of each picture its own, none that an encoder here writes."""
    media = _camera_film(context, "libx265", MASTERING, lambda number: _mastering(1000 + 10 * number))
    assert len({tuple(row) for row in _camera_data(context.path(media.file), "MASTERING_DISPLAY_METADATA")}) == 16

    result = spliced(context, media, (5, 7))

    assert result.notes == ("the static HDR description inside the pictures could not be kept in the edits",)


@pytest.mark.slow
def test_a_mastering_display_of_the_film_is_kept_without_a_note(context):
    """The same for all pictures."""
    media = _camera_film(context, "libx265", MASTERING, lambda number: _mastering(1000))

    result = spliced(context, media, (5, 7))

    (mastering_display,) = {tuple(row) for row in _camera_data(result.path, "MASTERING_DISPLAY_METADATA")}
    assert len(mastering_display) == 1 and result.notes == ()


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_a_mastering_display_that_only_the_container_has_is_not_missed(context, tmp_path, codec):
    """New pictures are shown by it, too."""
    inside = context.path(_camera_film(context, "libx265", MASTERING, lambda number: _mastering(1000)).file)
    path, kind = tmp_path / "outside.mkv", {"libx264": 6, "libx265": 39}[codec]
    odd.ffmpeg("-i", inside, "-c:v", codec, "-g", 8, "-bsf:v", f"filter_units=remove_types={kind}", path)
    file = context.add_external(path)
    media = probe(context.path(file), file)
    before = _camera_data(path, "MASTERING_DISPLAY_METADATA")
    assert len(before) == 16 and all(before)

    result = spliced(context, media, (5, 7))

    assert all(_camera_data(result.path, "MASTERING_DISPLAY_METADATA")) and result.notes == ()


@pytest.mark.slow
def test_new_keyframes_say_how_the_two_views_of_a_picture_are_packed(context):
    """What the film's own keyframe said ends at the next one (ITU-T H.264, D.2.26)."""
    options = {"x264-params": "frame-packing=3:scenecut=0:open-gop=0:bframes=0"}
    media = film(context, frames=16, size=(96, 64), gop=8, tracks=0, options=options)

    result = spliced(context, media, (5, 7))

    with av.open(str(result.path)) as container:
        keys = [[d.type.name for d in f.side_data] for f in container.decode(video=0) if f.key_frame]
    assert len(keys) == 3 and all("STEREO3D" in names for names in keys) and result.notes == ()


def _mastering(peak: int) -> bytes:
    """Return a mastering display of a peak in cd/m² (ITU-T H.265, D.2.28)."""
    return struct.pack(">8H2I", 8500, 39850, 6550, 2300, 35400, 14600, 15635, 16450, peak * 10000, 50)


def test_the_headers_of_new_pictures_say_the_film_s_rate_where_frames_were_dropped(context):
    """59.94 frames a second, not the average of a film with a gap."""
    ticks = [1001 * number for number in range(60) if number not in (20, 21)]
    options = {"rate": Fraction(60000, 1001), "time_base": Fraction(1, 60000), "pts": tuple(ticks), "size": (96, 64)}
    media = film(context, frames=len(ticks), tracks=0, **options)
    assert not media.video.constant_rate and media.video.rate < 59

    encoder = open_encoder(media.video, EncoderSettings("libx264", "yuv420p"))

    assert encoder.framerate == Fraction(60000, 1001)


def test_the_note_of_a_take_s_encoder_does_not_come_into_the_film(context):
    """x264 describes itself in the first picture that it writes; the film gets that picture's pixels alone."""
    clip = make_clip(context.temp_path("take.mp4"), frames=2, size=(96, 64), tracks=0)
    with av.open(str(clip)) as container:
        take, own = container.decode(video=0)
    assert side_data_of(take) and not side_data_of(own)
    expected = [plane.copy() for plane in frame_planes(take)]

    blended = blend(own, take, 1, 1)

    assert not side_data_of(blended)
    assert all((plane == other).all() for plane, other in zip(frame_planes(blended), expected, strict=True))
