"""Metadata of single pictures: what is copied, where it is put, and what is left to the encoder."""

from __future__ import annotations

import numpy as np
import pytest

from react1.pipeline.media.nal_units import escape, join_units, split_units
from react1.pipeline.splicing.codecs.h264_headers import TimingLayout, timing_layout
from react1.pipeline.splicing.codecs.h264_timing import read_clocks, write_clocks
from react1.pipeline.splicing.codecs.kept_metadata import SourceMetadata
from react1.pipeline.splicing.codecs.picture_metadata import DOLBY_VISION, Message, metadata_codec
from react1.pipeline.splicing.codecs.standalone_codecs import metadata_obu, split_obus

HDR10_PLUS = b"\xb5\x00\x3c\x00\x01\x04\x01\x00\x00\x01\x00\x00\x03\x00\x00\x00\xff"
"""With all that needs emulation prevention."""
CAPTIONS = b"\xb5\x00\x31GA94\x03\xc1\xff\xfc\x80\x80\xff"
AMBIENT = bytes(range(1, 9))
RPU = b"\x7c\x01\x19\x08\x00\x00\x03\x01\x80"
DELIMITER, SLICE, END = b"\x46\x01\x50", b"\x02\x01\xd0\x11\x22", b"\x48\x01\x80"
START_CODES = b"\0\0\0\1"


def sei(*messages, head=b"\x4e\x01"):
    """Return an SEI unit of (type, payload)."""
    body = b"".join(
        bytes([code, *[255] * (len(payload) // 255), len(payload) % 255]) + payload for code, payload in messages
    )
    return escape(head + body + b"\x80")


def labels(messages):
    return [message.kind.label for message in messages]


@pytest.mark.parametrize("config", [START_CODES, b"\x01"])
def test_only_what_describes_the_picture_is_copied_from_a_unit_with_several_messages(config):
    """Not the buffering period, the delays, the recovery point and the hash, nor captions, which encoders write."""
    annexb = config == START_CODES
    mixed = sei((0, b"\x80\x01"), (1, b"\x10"), (4, CAPTIONS), (4, HDR10_PLUS), (6, b"\xc0"), (148, AMBIENT))
    packet = join_units([DELIMITER, mixed, SLICE, sei((132, bytes(17)), head=b"\x50\x01")], annexb=annexb)
    codec = metadata_codec("hevc", config)

    messages = codec.read(packet)
    written = codec.write(join_units([DELIMITER, SLICE], annexb=annexb), messages)

    assert [message.data for message in messages] == [HDR10_PLUS, AMBIENT]
    expected = [DELIMITER, sei((4, HDR10_PLUS)), sei((148, AMBIENT)), SLICE]
    assert list(split_units(written, annexb=annexb)) == expected
    assert codec.read(written) == messages


def test_each_unit_has_its_place_in_the_packet():
    """Prefix messages before the picture, suffix ones after it, Dolby Vision's unit last but for the sequence's end."""
    packet = join_units(
        [DELIMITER, sei((136, b"\x70")), SLICE, sei((4, HDR10_PLUS), head=b"\x50\x01"), RPU], annexb=False
    )
    codec = metadata_codec("hevc", b"\x01")
    note = sei((5, bytes(16) + b"note"))
    later_slice = b"\x02\x03\xd0\x33"
    """Of a higher temporal sub-layer, which its messages must be of, too."""

    written = codec.write(join_units([note, later_slice, later_slice, END], annexb=False), codec.read(packet))

    time_code, hdr = sei((136, b"\x70"), head=b"\x4e\x03"), sei((4, HDR10_PLUS), head=b"\x50\x03")
    assert list(split_units(written, annexb=False)) == [note, time_code, later_slice, later_slice, hdr, RPU, END]


def test_dolby_vision_of_two_layers_is_read_but_not_kept():
    """Its second layer refines the decoded picture of the film."""
    codec = metadata_codec("hevc", b"\x01")

    (message,) = codec.read(join_units([SLICE, b"\x7e\x01\x26\x01", RPU], annexb=False))
    (single,) = codec.read(join_units([SLICE, RPU], annexb=False))

    assert not message.is_valid and message.kind.label.startswith("Dolby Vision metadata (of two layers")
    assert single == Message(DOLBY_VISION, 62, RPU, "end")


def test_units_of_another_layer_are_not_taken_for_the_picture_s():
    """As those of a second view."""
    codec = metadata_codec("hevc", b"\x01")

    assert (
        codec.read(join_units([SLICE, sei((4, HDR10_PLUS), head=b"\x4e\x09"), b"\x7c\x09\x19\x80"], annexb=False)) == ()
    )


def bits(text):
    text = text.replace(" ", "")
    return (
        int(text, 2).to_bytes(len(text) // 8, "big")
        if len(text) % 8 == 0
        else bits(text + "1" + "0" * (-(len(text) + 1) % 8))
    )


CLOCK = "1 01 0 00000 1 0 0 00010001 000011 000010 00001"
"""A clock timestamp of 01:02:03, frame 17, without its time offset."""


def test_clock_timestamps_get_the_encoder_s_delays_and_offset_length():
    """The film has a buffer model with 40 bits of delays, the encoder one with 12; the film's delays are not copied."""
    film, own = TimingLayout(40, 5, has_clocks=True), TimingLayout(12, 24, has_clocks=True)
    message = bits("1" * 40 + "0000" + CLOCK + "11110")

    clocks = read_clocks([message], film)
    written = write_clocks(clocks, bits("010101010101 0000 0"), own)

    assert written == bits("010101010101 0000" + CLOCK + "1" * 23 + "0")
    assert read_clocks([written], own) == clocks
    assert write_clocks(clocks, bits("010101010101 0000 0"), TimingLayout(12, 0, has_clocks=True)) is None


def test_the_clock_timestamps_of_two_fields_become_those_of_their_frame():
    """The first field's message says top (1), the second's bottom (2); the frame's says top first (3)."""
    layout = TimingLayout(0, 24, has_clocks=True)
    offset = "0" * 24

    clocks = read_clocks([bits("0001" + CLOCK + offset), bits("0010" + CLOCK + offset)], layout)

    assert write_clocks(clocks, b"", layout) == bits("0011" + CLOCK + offset + CLOCK + offset)
    assert read_clocks([bits("0001 0")], layout) == b"", "no timestamp"


def _sps(scaling):
    """Return an SPS of High profile with clock timestamps and a buffer model: delays of 8 and 16 bits, offsets of 7."""
    lists = "1" + "1" + "1" * 16 + "0" * 7 if scaling else "0"
    head = "01100100 00000000 00101000 1 010 1 1 0" + lists
    body = "1 1 1 010 0 00100 00100 1 1 0" + "1"
    hrd = "1 1 0000 0000 1 1 0" + "00000" + "00111" + "01111" + "00111"
    text = (head + body + "0 0 0 0 0" + hrd + "0" + "0" + "1" + "0" + "1").replace(" ", "")
    return b"\x67" + escape(bits(text))


@pytest.mark.parametrize("scaling", [False, True])
def test_the_layout_of_timing_messages_is_read_behind_scaling_matrices(scaling):
    """A film with such matrices gets no matching encoder, but its timecodes are read."""
    assert timing_layout(_sps(scaling)) == TimingLayout(8 + 16, 7, has_clocks=True)


def test_h264_replaces_the_encoder_s_picture_timing():
    """One message for one picture; other units of the encoder stay."""
    sps, pps, slice_unit = (
        _plain_sps(),
        b"\x68" + bits("1 1 0 0 1 1 1 0 00 1 1 1 0 0 0"),
        b"\x65" + bits("1 1 1 0101010101010"),
    )
    config = START_CODES + sps + START_CODES + pps
    codec = metadata_codec("h264", config)
    timing = bits("0000" + CLOCK + "0" * 24)
    film = join_units([sei((1, timing), head=b"\x06"), slice_unit], annexb=True)
    note = sei((5, bytes(20)), head=b"\x06")

    messages = codec.read(film)
    written = codec.write(join_units([note, sei((1, bits("0000 0")), head=b"\x06"), slice_unit], annexb=True), messages)

    assert labels(messages) == ["the timecode inside the pictures"]
    assert list(split_units(written, annexb=True)) == [note, sei((1, timing), head=b"\x06"), slice_unit]


def _plain_sps():
    """Return an SPS of Baseline profile with clock timestamps, without a buffer model."""
    head = "01000010 00000000 00011110 1 1 1 1 010 0 00100 00100 1 1 0" + "1"
    return b"\x67" + escape(bits(head + "0 0 0 0 0" + "0 0 1 0 1"))


def test_mpeg_2_gets_user_data_before_the_first_slice():
    """The active format; captions are the encoder's."""
    picture, first_slice = b"\0\0\1\x00\x00\x0f\xff\xf8", b"\0\0\1\x01\x22\x33"
    active_format, captions = b"\0\0\1\xb2DTG1\x41\xfa", b"\0\0\1\xb2GA94\x03\xc1\xff"
    codec = metadata_codec("mpeg2video", b"")

    messages = codec.read(picture + captions + active_format + first_slice)

    assert codec.write(picture + first_slice, messages) == picture + active_format + first_slice


def test_av1_replaces_the_encoder_s_own_metadata_before_the_frame():
    """With sizes of two bytes; the static description of the encoder stays."""
    header, frame = b"\x0a\x02\x00\x00", b"\x32\x03\x10\x20\x30"
    levels, old = metadata_obu(b"\x01\x03\xe8\x00\xc8\x80"), metadata_obu(b"\x04" + HDR10_PLUS + b"\x80")
    new = metadata_obu(b"\x04" + HDR10_PLUS + bytes([7]) * 200 + b"\x80")
    codec = metadata_codec("av1", b"")

    written = codec.write(header + levels + old + frame, codec.read(header + new + frame))

    assert [unit for _, unit in split_obus(written)] == [header, levels, new, frame]


def test_a_new_keyframe_says_what_is_in_force():
    """The source said it once, before; what belongs to one picture alone is not repeated."""
    codec = metadata_codec("hevc", b"\x01")
    first = codec.read(join_units([sei((148, AMBIENT), (136, b"\x70")), SLICE, RPU], annexb=False))
    own = codec.read(join_units([sei((136, b"\x71")), SLICE], annexb=False))
    rows = iter([(0, first), (300, own), (100, own), (200, ())])
    metadata = SourceMetadata(rows, np.array([100, 200, 300]))

    assert labels(metadata.at(0, key=True)) == ["the timecode inside the pictures", "the ambient viewing environment"]
    assert labels(metadata.at(2, key=False)) == ["the timecode inside the pictures"]
    assert labels(metadata.at(1, key=True)) == ["the ambient viewing environment"]
    assert metadata.at(3, key=True) == ()


def test_a_timing_message_that_is_cut_off_gives_no_timestamps():
    """As of a damaged film."""
    assert read_clocks([b"\x0c"], TimingLayout(0, 24, has_clocks=True)) == b""
