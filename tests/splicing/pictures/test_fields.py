"""Interlaced films keep the order of their fields."""

from __future__ import annotations

from dataclasses import replace

import odd
import pytest
from field_pictures import write_field_pictures
from numbered_clips import frame_number
from takes import film, numbered_take, packets, segment

from react1.pipeline.media.frames.decode import decode_frames
from react1.pipeline.media.mpeg_headers import PICTURE_CODING, extensions, field_marks
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.splicing import packet_index
from react1.pipeline.splicing import splice as splicing
from react1.pipeline.splicing.codecs.kept_metadata import lost_in_complete
from react1.pipeline.splicing.encoders import choose_encoder
from react1.pipeline.splicing.feasibility import check_feasibility
from react1.pipeline.splicing.pictures.fields import field_order
from react1.pipeline.splicing.verification.picture_diff import compare_pictures

pytestmark = pytest.mark.slow

CODERS = {
    "h264": (".mp4", ("-c:v", "libx264", "-flags", "+ildct+ilme", "-preset", "ultrafast")),
    "h264 in mkv": (".mkv", ("-c:v", "libx264", "-flags", "+ildct+ilme", "-preset", "ultrafast")),
    "mpeg2": (".ts", ("-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-q:v", "2")),
    "prores": (".mov", ("-c:v", "prores_ks", "-flags", "+ildct+ilme")),
}


def woven(context, coder, order):
    """Make a film with the flags of two fields; its size is whole in blocks of an interlaced frame."""
    suffix, options = CODERS[coder]
    plain = context.path(film(context, ".mkv", frames=20, tracks=0, size=(320, 192)).file)
    path = context.temp_path(f"film{suffix}")
    mode = "bff" if order == "bottom first" else "tff"
    context.run_tool([ffmpeg_path(), "-v", "error", "-i", str(plain), "-vf", f"setfield={mode}", *options, str(path)])
    file = context.store(path)
    return probe(context.path(file), file)


def spliced(context, media):
    return splicing.splice(context, ffmpeg_path(), media, [numbered_take(context, segment(media, 7, 12))])


@pytest.mark.parametrize("order", ["top first", "bottom first"])
@pytest.mark.parametrize("coder", CODERS)
def test_the_first_field_stays_the_first(context, coder, order):
    """On every frame, the edited ones included, and it stands in the report."""
    media = woven(context, coder, order)
    assert {field_order(frame) for frame in decode_frames(context.path(media.file))} == {order}

    result = spliced(context, media)

    assert {field_order(frame) for frame in decode_frames(result.path)} == {order}
    assert result.metrics["field_order_equal"] and len(list(decode_frames(result.path))) == 20
    assert result.metrics["way"] == "exact" and result.metrics["twin"]


def test_the_other_order_is_an_error_and_a_lost_mark_is_reported(context):
    """The same pictures, with other flags."""
    bottom, top = (context.path(woven(context, "h264", order).file) for order in ("bottom first", "top first"))
    plain = context.path(film(context, frames=20, tracks=0, size=(320, 192)).file)

    assert "is shown top first, in the source bottom first" in compare_pictures(bottom, top, 0, ()).failure
    assert compare_pictures(bottom, plain, 0, ()).lost == ("the mark of interlaced pictures",)
    assert compare_pictures(bottom, bottom, 0, ()).lost == () and compare_pictures(plain, bottom, 0, ()).failure == ""


def test_a_progressive_film_has_no_figure_of_it(context):
    """Its frames have no fields."""
    media = film(context, ".mkv", frames=20, tracks=0)

    assert field_order(next(decode_frames(context.path(media.file)))) == "progressive"
    assert "field_order_equal" not in spliced(context, media).metrics


@pytest.mark.parametrize("way", ["exact", "reencoded-picture"])
def test_a_pull_down_stays_in_new_pictures(context, tmp_path, monkeypatch, way):
    """Every other frame of this film is shown for longer, also where the complete film is encoded again."""
    if way == "reencoded-picture":
        monkeypatch.delitem(packet_index._FAMILIES, "mpeg2video")
    path = odd.pulled_down(tmp_path)
    file = context.add_external(path)

    result = spliced(context, probe(context.path(file), file))

    marks = [_field_marks(film) for film in (path, result.path)]
    assert marks[0] == marks[1] and len(set(marks[0])) > 1
    assert result.metrics["way"] == way and result.metrics["metadata_equal"]
    assert not any("repeated fields" in note for note in result.notes)


def _field_marks(film):
    """Return those of each picture in the order in which pictures are shown."""
    return [field_marks(coding) for _, _, data in sorted(packets(film)) for coding in extensions(data, PICTURE_CODING)]


def test_a_pull_down_that_another_codec_loses_is_named(context, tmp_path):
    """Before anything is encoded; of a film that has none nothing is said."""
    path = odd.pulled_down(tmp_path)
    file = context.add_external(path)
    pulled, plain = probe(context.path(file), file), woven(context, "mpeg2", "top first")
    same_codec = choose_encoder(pulled.video, 0)
    other_codec = replace(same_codec, same_codec=False)

    def lost(media, settings):
        source = context.path(media.file)
        return lost_in_complete(source, media, next(decode_frames(source)), settings)

    assert lost(pulled, other_codec) == ("repeated fields (2:3 pulldown)",)
    assert lost(pulled, same_codec) == lost(plain, other_codec) == ()


def test_field_pictures_are_spliced_frame_by_frame(context, tmp_path):
    """AVCHD: two packets a frame; the result has interlaced frames in their order, the edit and nothing else new."""
    path = write_field_pictures(tmp_path)
    file = context.add_external(path)
    media = probe(context.path(file), file)
    plan = check_feasibility(path, media, [(5, 8)])

    result = splicing.splice(context, ffmpeg_path(), media, [numbered_take(context, segment(media, 5, 8))])

    assert plan.reason == result.metrics["reason"] and "each field of a picture is stored" in plan.reason
    frames = list(decode_frames(result.path))
    assert {field_order(frame) for frame in frames} == {"top first"}
    assert [frame.pts for frame in frames] == media.video.timestamps.array.tolist()
    numbers = [frame_number(frame.to_ndarray(format="gray")) for frame in frames]
    assert numbers == [*range(5), 1005, 1006, 1007, *range(8, 13)]
