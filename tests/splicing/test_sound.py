"""New lines in films of every container, as samples, packets and streams."""

from __future__ import annotations

from fractions import Fraction

from takes import a_line, film, numbered_take, packets, segment

from react1.pipeline.media.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import film as splicing


def replaced(room, media, start, end, **edit):
    """Splice a take with a new line, a tone of 1 kHz; give the film and the source's path."""
    take = numbered_take(room, segment(media, start, end, audio=a_line(room), **edit))
    return splicing.splice(room, ffmpeg_path(), media, [take]), room.path(media.file)


def pictures_s(path):
    """List when each picture is shown, in seconds."""
    return sorted(pts for pts, _, _ in packets(path))


def test_a_new_line_in_a_transport_stream_keeps_the_clock(room):
    """The muxer of MPEG-TS moves all times unless it is told not to."""
    media = film(room, ".ts", audio_codec="mp2", time_base=Fraction(1, 90000), tracks=2, frames=40)

    made, source = replaced(room, media, 20, 30)

    assert made.figures["sound_way"] == "whole-track"
    assert pictures_s(made.path) == pictures_s(source)
    assert packets(made.path, "audio", 1) == packets(source, "audio", 1)
