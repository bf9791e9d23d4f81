"""File names of a turnover are valid on every file system, distinct, and never overwrite anything."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from fractions import Fraction

import pytest
from layout_samples import sample_layout
from takes import film, numbered_take, segment

from react1.nodes.timeline import Timeline, TimelineParams
from react1.pipeline.core.errors import PresetError
from react1.pipeline.interchange.turnover.build import format_timelines, next_version
from react1.pipeline.interchange.turnover.layout import portable_name
from react1.pipeline.interchange.turnover.timeline_writers import format_edl, format_fcpxml
from react1.pipeline.store.export import check_destination
from react1.pipeline.store.store import Store

pytest.importorskip("opentimelineio", reason="timelines need the extra timeline")


def test_portable_name_is_valid_on_every_system():
    """It has no separators, line breaks or characters that Windows refuses, and leaves space within 255 bytes."""
    assert portable_name('Müller\'s "cut"\n2') == "Müller's _cut__2"
    assert portable_name("watch?v=a|b") == "watch_v=a_b"
    assert len(portable_name("ü" * 200).encode()) == 120
    assert portable_name("") == portable_name("...") == "film"


@pytest.mark.slow
def test_names_that_differ_only_in_case_are_made_distinct(context):
    """On macOS `Line` and `line` are one file; a default name may also equal an edit's name."""
    media = film(context, frames=40, gop=10, tracks=0)
    names = ("Line", "line", "cut_s30")
    takes = [numbered_take(context, segment(media, at * 10, at * 10 + 2, name=name)) for at, name in enumerate(names)]
    takes.append(numbered_take(context, segment(media, 30, 32)))
    params = TimelineParams(source="cut.mp4", codec="source")

    turnover = Timeline().run(context, params, media, takes)

    assert [clip.name for clip in turnover.clips] == ["Line", "line-2", "cut_s30", "cut_s30-2"]


def test_existing_paths_are_kept(context, tmp_path):
    """If a folder or a dangling link has the name of a timeline or clip, the next version is used."""
    media = film(context, frames=20, gop=10, tracks=0)
    take = numbered_take(context, segment(media, 5, 7, name="line"))
    turnover = Timeline().run(context, TimelineParams(source="cut.mp4", codec="source"), media, [take])
    (tmp_path / "cut_react1_v001.avid.edl").mkdir()
    (tmp_path / "line_react1_v002.mp4").symlink_to(tmp_path / "nowhere")

    assert next_version(turnover, tmp_path, lambda file, place: False) == 3
    assert "cut_react1_v003.avid.edl" in format_timelines(turnover, tmp_path, 3)


def test_undecodable_name_is_refused_before_the_run():
    """A name with an undecodable byte is refused with what to do."""
    with pytest.raises(ValueError, match="not text, so timelines cannot name it; rename the file"):
        TimelineParams(source="bad\udcff.mp4")


def test_names_may_have_any_letters():
    """Text is UTF-8, except ASCII for Avid; characters invalid in XML are dropped."""
    turnover = sample_layout(Fraction(25), 0)
    named = replace(turnover, film=replace(turnover.film, name="Müller &\x01\n<1>.mov"))

    assert "* FROM CLIP NAME: Müller & <1>.mov" in format_edl(named, "resolve")
    assert "* FROM CLIP NAME: Muller & <1>.mov" in format_edl(named, "avid")
    root = ET.fromstring(format_fcpxml(named, "final-cut").encode())
    assert root.find(".//asset").get("name") == "Müller &\n<1>.mov"


def test_existing_folder_must_be_writable(tmp_path, monkeypatch):
    """Files are added to the folder, so the folder itself is checked before the run."""
    folder = tmp_path / "turnover"
    folder.mkdir()
    monkeypatch.setattr("os.access", lambda path, mode: path != folder)

    with pytest.raises(PresetError, match="not a writable folder"):
        check_destination(Store(tmp_path / "home"), folder, "job", replace=True, sources=[], folder=True)
