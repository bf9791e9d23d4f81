"""Where chroma lies, of films whose headers are broken or say nothing of it: a complete re-encode goes on."""

from __future__ import annotations

import re
import subprocess

import pytest
from takes import film, spliced

from react1.pipeline.media.not_applicable import NotApplicable
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.codecs.chroma_location import film_chroma_location, with_chroma_location
from react1.pipeline.splicing.codecs.hevc_sps import chroma_location
from react1.pipeline.splicing.encoders import EncoderSettings

_HEAD = bytes([1, 100, 0, 31, 255])


@pytest.mark.parametrize(
    "sets",
    [
        pytest.param(b"\xe0\x00", id="avc3: the sets are in the packets"),
        pytest.param(b"\xe1\x00\x04\x67\x64\x00\x1f", id="cut off before the number of picture sets"),
        pytest.param(b"\xe1\x00\x40\x67\x64", id="cut off in a set"),
    ],
)
def test_a_configuration_without_what_is_looked_for_says_nothing(sets):
    assert film_chroma_location("h264", _HEAD + sets) is None


@pytest.mark.parametrize(("order_bits", "location"), [(16, 3), (17, None)])
def test_orders_of_more_bits_than_there_can_be_are_not_read(order_bits, location):
    """A broken set may ask for four billion of them, for each long-term picture."""
    order = f"{order_bits - 3:b}"
    fields = [
        *("0" * 8, "1" * 96, "1", "010", "11", "0", "11", "0" * (len(order) - 1) + order, "1", "1" * 9),
        *("0" * 4, "1", "1", "010", "1" * (order_bits + 1), "00", "1", "000", "1", "00100", "1", "0" * 8, "1"),
    ]
    bits = "".join(fields)
    bits += "0" * (-len(bits) % 8)

    assert chroma_location(b"\x42\x01" + int(bits, 2).to_bytes(len(bits) // 8)) == location


def places_in_av1(path):
    """List chroma_sample_position of each sequence header of a film, by ffmpeg."""
    command = [ffmpeg_path(), "-v", "trace", "-i", path, "-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-"]
    trace = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return {int(place) for place in re.findall(r"chroma_sample_position .*= (\d+)", trace)}


@pytest.mark.slow
@pytest.mark.parametrize("way", ["exact", "reencoded-picture"])
@pytest.mark.parametrize(("name", "place"), [("colocated", 2), ("vertical", 1)])
def test_new_pictures_of_av1_say_where_chroma_lies(context, monkeypatch, name, place, way):
    """Each keyframe has a sequence header: a player would shift the color of the new pictures by half a pixel."""
    options = {"preset": "11", "crf": "20", "svtav1-params": f"lp=1:irefresh-type=2:chroma-sample-position={name}"}
    media = film(context, ".mp4", frames=36, gop=12, size=(192, 108), tracks=0, codec="libsvtav1", options=options)
    if way != "exact":

        def refuse(_job):
            raise NotApplicable("because")

        monkeypatch.setattr(splicing, "smart_render", refuse)

    result = spliced(context, media, (10, 14))

    assert result.metrics["way"] == way
    assert places_in_av1(context.path(media.file)) == places_in_av1(result.path) == {place}


def test_a_place_that_av1_has_no_number_for_is_not_said():
    """Nor is one read from what is no configuration."""
    settings = EncoderSettings("libsvtav1", "yuv420p", {"svtav1-params": "pred-struct=1"})

    assert with_chroma_location(settings, 1) == settings
    assert film_chroma_location("av1", bytes([0x81, 0, 0x0E, 0])) == 2
    assert film_chroma_location("av1", bytes([0x81, 0, 0x0C, 0])) is film_chroma_location("av1", b"\x12\0\n") is None
