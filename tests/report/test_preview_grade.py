"""A page of many edits stays small: its players and stills are smaller, and coarser, the more there are."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import av
import pytest
from numbered_clips import frame_number
from PIL import Image
from records import record_of, segment_of, take_of
from takes import film

from react1.nodes.report import ReportNode, ReportParams
from react1.pipeline.report.before_after import preview_segment
from react1.pipeline.report.preview_grade import FULL, choose_grade


@pytest.mark.parametrize("more", [{"count": 1}, {"count": 8}, {"count": 2, "frames": 200}])
def test_few_edits_are_shown_in_full(more):
    """Up to eight seconds or so; half as much for twice as long edits."""
    counts = [more.get("frames", 48)] * more["count"]

    assert choose_grade(counts) is FULL
    assert choose_grade(counts * 5) is not FULL or more["count"] == 1


def test_more_edits_have_smaller_previews():
    """In four grades, of which each has less of everything; many long edits are the smallest."""
    grades = [choose_grade([48] * count) for count in (8, 20, 60, 61)]

    assert grades == sorted(grades, key=lambda grade: -grade.max_side_px) and len(set(grades)) == 4
    assert [grade.crf for grade in grades] == sorted(grade.crf for grade in grades)
    assert [grade.sound_bps for grade in grades] == sorted((grade.sound_bps for grade in grades), reverse=True)
    assert choose_grade([1000] * 20) == grades[-1]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Return what shows the preview of one edit, by its grade."""
    from react1.testing import FolderContext

    context = FolderContext(tmp_path_factory.mktemp("grade"))
    source = film(context, ".mp4", frames=20, size=(320, 320), audio_codec="aac")
    segment = segment_of(source, 4, 16)
    record = record_of(source, source, [segment], [take_of(segment, source)])
    return lambda grade: preview_segment(record, segment, record.takes[0], context, grade)


def content(url):
    return base64.b64decode(url.partition(",")[2])


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"max_side_px": 160},
        {"crf": 40},
        {"keyframe_interval": 20},
        {"sound_bps": 32_000},
        {"still_quality": 20},
        {"still_format": "webp"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_each_setting_makes_a_preview_smaller(rendered, change):
    """And its frames are still those of the film."""
    full, small = rendered(FULL), rendered(replace(FULL, **change))
    (name,) = change
    stills = name.startswith("still")
    sizes = [len(preview.stills[0].after if stills else preview.after_clip) for preview in (full, small)]

    assert sizes[1] < sizes[0]
    assert small.size_px == ((160, 160) if name == "max_side_px" else (320, 320))
    with Image.open(io.BytesIO(content(small.stills[1].after))) as picture:
        assert picture.format == ("WEBP" if name == "still_format" else "JPEG")
    with av.open(io.BytesIO(content(small.after_clip))) as clip:
        shown = [frame_number(frame.to_ndarray(format="rgb24")) for frame in clip.decode(clip.streams.video[0])]
    assert shown == list(range(small.first_frame, small.first_frame + len(shown))) and len(shown) >= 12


@pytest.mark.slow
def test_a_page_of_forty_edits_has_small_players(context):
    """As many edits as make a page of some megabytes."""
    source = film(context, ".mp4", frames=41, size=(320, 320), tracks=0)
    segments = [segment_of(source, at, at + 1, f"s{at}", head_frames=0, tail_frames=0) for at in range(40)]

    report = ReportNode().run(context, ReportParams(), record_of(source, None, segments))

    page = context.path(report.page).read_text("utf-8")
    assert page.count("image/webp") >= 40 and "image/jpeg" not in page
    assert 'width="288" height="288"' in page and 'width="320"' not in page
