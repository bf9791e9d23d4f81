"""Descriptions of high dynamic range: written for the encoder, and named where they are lost."""

from __future__ import annotations

import struct
from types import SimpleNamespace

from react1.pipeline.splicing.codecs.hevc import mastering_display, with_static_hdr
from react1.pipeline.splicing.encoders import EncoderSettings
from react1.pipeline.splicing.pictures.fields import lost_metadata

P3 = [34000, 16000, 13250, 34500, 7500, 3000, 15635, 16450]


def display():
    rationals = [part for number in P3 for part in (number, 50000)]
    return struct.pack("=20i2i", *rationals, 50, 10000, 10_000_000, 10000, 1, 1)


def side(name, data=b""):
    class Data(bytes):
        type = SimpleNamespace(name=name)

    return Data(data)


def test_a_mastering_display_is_written_for_x265():
    """Green, blue, red and white in 1/50000, the greatest luminance before the least."""
    assert mastering_display(display()) == "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


def test_the_encoder_gets_what_the_frame_carries():
    """Both descriptions are added to x265's parameters; another encoder is left as it is."""
    frame = SimpleNamespace(
        side_data=[
            side("MASTERING_DISPLAY_METADATA", display()),
            side("CONTENT_LIGHT_LEVEL", struct.pack("=2I", 1000, 200)),
        ]
    )

    text = with_static_hdr(EncoderSettings("libx265", "yuv420p10le", {"x265-params": "open-gop=0"}), frame)

    assert text.options["x265-params"].startswith("open-gop=0:master-display=G(13250")
    assert text.options["x265-params"].endswith(":max-cll=1000,200")
    assert with_static_hdr(EncoderSettings("libx264", "yuv420p"), frame) == EncoderSettings("libx264", "yuv420p")


def test_what_no_encoder_writes_is_named():
    """Dynamic metadata is lost, and the user hears of it."""
    frame = SimpleNamespace(side_data=[side("DOVI_RPU_BUFFER"), side("DISPLAYMATRIX"), side("CONTENT_LIGHT_LEVEL")])

    assert lost_metadata(frame) == ("Dolby Vision metadata",)
