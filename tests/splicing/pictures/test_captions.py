"""Captions that travel inside the pictures (CEA-608 and 708) stay on the edited frames too."""

from __future__ import annotations

from dataclasses import replace

import av
import pytest
from numbered_clips import make_clip
from takes import spliced

from react1.pipeline.media.not_applicable import NotApplicable
from react1.pipeline.media.probe import probe
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing import strategies


def caption_message(number: int) -> bytes:
    """Encode one caption pair as a length-prefixed SEI NAL of H.264 (ATSC A/53, user data type 3)."""
    pair = bytes([0xFC, 0x80 | (0x41 + number % 20), 0xC2])
    payload = b"\xb5\x00\x31GA94\x03\xc1\xff" + pair + b"\xff"
    nal = b"\x06\x04" + bytes([len(payload)]) + payload + b"\x80"
    return len(nal).to_bytes(4, "big") + nal


def captioned_film(context, suffix, **changes):
    """Make a film of which every frame carries its own caption pair."""
    plain = make_clip(context.temp_path("plain.mp4"), tracks=0, **changes)
    path = context.temp_path(f"film{suffix}")
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(packet for packet in source.demux(video=0) if packet.size):
            fresh = av.Packet(caption_message(number) + bytes(packet))
            fresh.pts, fresh.dts, fresh.time_base = packet.pts, packet.dts, packet.time_base
            fresh.is_keyframe, fresh.duration, fresh.stream = packet.is_keyframe, packet.duration, stream
            out.mux(fresh)
    file = context.store(path)
    return probe(context.path(file), file)


def captions(path):
    """List what each shown frame carries."""
    with av.open(str(path)) as container:
        return [
            [bytes(data) for data in frame.side_data if data.type.name == "A53_CC"]
            for frame in container.decode(video=0)
        ]


def refuse(_job):
    raise NotApplicable("because")


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "way"), [(".mp4", "exact"), (".mov", "boxed"), (".mkv", "remuxed")])
def test_every_frame_keeps_its_own_captions(context, monkeypatch, suffix, way):
    """Inside and outside the edit, in showing order, byte for byte."""
    media = captioned_film(context, suffix, frames=24, gop=6)
    if way != "exact":
        monkeypatch.setattr(splicing, "smart_render", refuse)

    result = spliced(context, media, (7, 12))

    was = captions(context.path(media.file))
    assert len({tuple(item) for item in was}) > 15 and all(was)
    assert captions(result.path) == was
    assert not any("captions" in text for text in result.notes)


@pytest.mark.slow
def test_captions_that_the_encoder_cannot_write_are_reported(context, monkeypatch):
    """Planted: the film is coded by one that knows no captions."""
    media = captioned_film(context, ".mkv", frames=24, gop=6)
    real = strategies.choose_encoder

    def without(*value, **named):
        choice = real(*value, **named)
        return replace(choice, options={**choice.options, "a53cc": "0"})

    monkeypatch.setattr(strategies, "choose_encoder", without)
    monkeypatch.setattr(splicing, "smart_render", refuse)

    result = spliced(context, media, (7, 12))

    assert any("captions inside the pictures" in text for text in result.notes)
