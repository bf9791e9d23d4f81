"""Headers whose numbers are damaged: a reader counts no further than the standard, or the header, goes."""

from __future__ import annotations

import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from react1.pipeline.media.nal_units import FieldPairs
from react1.pipeline.media.not_applicable import NotApplicable
from react1.pipeline.splicing.codecs import h264_headers, hevc
from react1.pipeline.splicing.codecs.declared_rates import declared_rates

_PROFILE = "01100100" + "00000000" + "00011110"
"""High, without constraints, level 3.0."""


def ue(value):
    """Return an unsigned Exp-Golomb code."""
    bits = f"{value + 1:b}"
    return "0" * (len(bits) - 1) + bits


def sps(*, number_bits=4, order_bits=4, buffers=1, models=1):
    """Return an SPS of H.264; it has `models` of the `buffers` buffer models that it says it has."""
    start = ue(1) + ue(0) + ue(0) + "00"
    size = ue(3) + "0" + ue(9) + ue(9) + "110"
    model = (ue(100) + ue(100) + "0") * models
    vui = "0" * 5 + "1" + ue(buffers - 1) + "0100" + "0100" + model + "0" * 20 + "0000"
    bits = _PROFILE + ue(0) + start + ue(number_bits - 4) + ue(0) + ue(order_bits - 4) + size + "1" + vui + "1"
    bits = bits.ljust(-(-len(bits) // 8) * 8, "0")
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return b"\x67" + data.replace(b"\0\0\0", b"\0\0\x03\0")


@contextmanager
def at_once():
    """Require that the block takes next to no CPU time."""
    began = time.process_time()
    yield
    assert time.process_time() - began < 0.5


def test_numbers_within_the_standard_are_read():
    """At their largest, too."""
    assert h264_headers.parse_sps(sps(number_bits=16, order_bits=16)).frame_number_bits == 16
    assert len(h264_headers.parse_sps(sps(buffers=32, models=32)).buffers) == 32


@pytest.mark.parametrize("numbers", [{"buffers": 33}, {"buffers": 40_000_000}, {"number_bits": 17}, {"order_bits": 17}])
def test_a_number_that_no_film_can_have_is_refused(numbers):
    """Not counted up to four billion."""
    with at_once(), pytest.raises(NotApplicable, match="parameter sets of the picture are broken"):
        h264_headers.parse_sps(sps(**numbers))


def test_rates_of_a_broken_set_are_those_of_its_level():
    """What its buffer models say is left out."""
    unit = sps(buffers=40_000_000)
    avcc = b"\x01" + unit[1:4] + b"\xff\xe1" + len(unit).to_bytes(2, "big") + unit + b"\x01\x00\x01\x68"

    with at_once():
        rates = declared_rates("h264", avcc, annexb=False)

    assert [rate.source for rate in rates] == ["level 3.0"]


def test_frame_numbers_of_a_broken_set_are_not_read():
    """Each would take gigabytes."""
    unit = sps(number_bits=400_000_000)
    config = b"\x01" + unit[1:4] + b"\xff\xe1" + len(unit).to_bytes(2, "big") + unit + b"\x01\x00\x01\x68"
    context = SimpleNamespace(extradata=config, name="h264")

    assert not FieldPairs(SimpleNamespace(codec_context=context)).possible


@pytest.mark.parametrize(
    "read", [lambda config: list(hevc.hvcc_units(config)), lambda config: hevc._add_sets(config, ())]
)
def test_an_hvcc_that_names_more_units_than_it_has_is_refused(read):
    """Its few bytes may name sixteen million."""
    config = bytes([1, *bytes(20), 3, 255]) + b"\x20\xff\xff" * 255

    with at_once(), pytest.raises(NotApplicable, match="parameter sets of the picture are broken"):
        read(config)
