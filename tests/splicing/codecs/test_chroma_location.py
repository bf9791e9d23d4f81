"""Where chroma lies, of films whose headers are broken or say nothing of it: a complete re-encode goes on."""

from __future__ import annotations

import pytest

from react1.pipeline.splicing.codecs.chroma_location import film_chroma_location
from react1.pipeline.splicing.codecs.hevc_sps import chroma_location

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
