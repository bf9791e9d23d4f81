"""One decode serves the strict check and the comparison of the pictures, and finds no less than two."""

from __future__ import annotations

from dataclasses import replace

import pytest
from takes import film, numbered_take, segment

from react1.pipeline.core.errors import InputMediaError, ToolFailed
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.media.tools.process import piped_tool
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing import strategies
from react1.pipeline.splicing.splice_params import CUT
from react1.pipeline.splicing.verification import strict_pictures, verify


@pytest.fixture(autouse=True)
def _share(monkeypatch):
    """Share the decode for small films, too."""
    monkeypatch.setattr(strict_pictures, "WORTH_SHARING_PX", 0)


@pytest.fixture
def calls(monkeypatch):
    """The decodes for the strict check alone."""
    decodes, real = list[object](), verify.strict_errors

    def counting(*args):
        decodes.append(args)
        return real(*args)

    monkeypatch.setattr(verify, "strict_errors", counting)
    return decodes


def spliced(context, suffix=".mp4"):
    media = film(context, suffix, frames=30, gop=6, tracks=0, size=(96, 64))
    take = numbered_take(context, segment(media, 11, 16))
    return splicing.splice(context, ffmpeg_path(), media, [take], CUT, require_exact=True, measure_seams=True)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_good_film_is_decoded_once(context, calls, monkeypatch, suffix):
    """The metrics are those of two decodes, in every kind of container."""
    once = spliced(context, suffix)
    assert not calls and once.metrics["strict_decode"]

    monkeypatch.setattr(strict_pictures, "WORTH_SHARING_PX", 1 << 60)
    twice = spliced(context, suffix)

    assert calls
    assert (once.metrics, once.seams) == (twice.metrics, twice.seams)


def damaged(real, change):
    def encode(*args):
        ranges = real(*args)
        for item in ranges:
            data = bytearray(item.file.read_bytes())
            change(data, int(item.sizes[0]))
            item.file.write_bytes(data)
        return ranges

    return encode


def zero_second_picture(data, first_size):
    """Keep the length and the header of the unit; its slice is garbage."""
    data[first_size + 8 :] = bytes(len(data) - first_size - 8)


def test_a_damaged_packet_is_found(context, calls, monkeypatch):
    """A packet of the range that no decoder can read."""
    monkeypatch.setattr(strategies, "encode_ranges", damaged(strategies.encode_ranges, zero_second_picture))

    with pytest.raises(InputMediaError, match="damaged"):
        spliced(context)


@pytest.mark.slow
def test_a_decoder_s_complaint_about_good_pictures_is_found(context, calls, monkeypatch):
    """The pictures are right, but the decoder writes a line: then the range is decoded for the strict check alone."""
    argv = strict_pictures._argv

    def talking(*args):
        words = argv(*args)
        return [words[0], *("verbose" if word == "error" else word for word in words[1:])]

    monkeypatch.setattr(strict_pictures, "_argv", talking)
    monkeypatch.setattr(verify, "strict_errors", lambda _run, _ffmpeg, path, *_: ["bad"] * ("film" in path.name))

    with pytest.raises(InputMediaError, match="a strict decode reports: bad"):
        spliced(context)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["edit", "none"])
def test_a_wrong_picture_is_found(context, monkeypatch, place):
    """A take at other frames, or none."""
    real = strategies.plan_render

    def moved(insert):
        return replace(insert, start=insert.start - 1, end=insert.end - 1)

    def shifted(source, video, index, inserts):
        plan = real(source, video, index, inserts)
        inserts = [tuple(map(moved, item.inserts)) if place == "edit" else () for item in plan.ranges]
        ranges = zip(plan.ranges, inserts, strict=True)
        return replace(plan, ranges=tuple(replace(item, inserts=wrong) for item, wrong in ranges))

    monkeypatch.setattr(strategies, "plan_render", shifted)

    with pytest.raises(InputMediaError, match="differs from the source"):
        spliced(context)


def test_a_tool_that_fails_says_so():
    """Exit status and standard error come after all output was read."""
    with piped_tool([ffmpeg_path(), "-v", "error", "-i", "file:none"]) as tool:
        status, text = tool.log()

    assert status and "No such file" in text
    with pytest.raises(ToolFailed, match="could not be started"), piped_tool(["/no/such/tool"]):
        pass
