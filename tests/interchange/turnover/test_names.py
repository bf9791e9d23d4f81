"""Names of a turnover: on every file system, apart from each other, and over nothing that is there."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from fractions import Fraction

import pytest
from sheets import sheet
from takes import film, numbered_take, segment

from react1.nodes.timeline import Timeline, TimelineParams
from react1.pipeline.core.errors import PresetError
from react1.pipeline.interchange.edl.write import format_edl
from react1.pipeline.interchange.fcpxml.write import format_fcpxml
from react1.pipeline.interchange.turnover.file_names import portable_name
from react1.pipeline.interchange.turnover.package_files import format_timelines, next_version
from react1.pipeline.store.export import check_destination
from react1.pipeline.store.store import Store

pytest.importorskip("opentimelineio", reason="timelines need the extra timeline")


def test_a_films_name_becomes_one_that_every_system_takes():
    """No separators, no line breaks, nothing that Windows refuses, and room for what follows within 255 bytes."""
    assert portable_name('Müller\'s "cut"\n2') == "Müller's _cut__2"
    assert portable_name("watch?v=a|b") == "watch_v=a_b"
    assert len(portable_name("ü" * 200).encode()) == 120
    assert portable_name("") == portable_name("...") == "film"


def test_edits_that_differ_in_capitals_alone_get_names_apart(context):
    """On a Mac `Line` and `line` are one file; so is a nameless edit and one that is named as it would be."""
    media = film(context, frames=40, gop=10, tracks=0)
    names = ("Line", "line", "cut_s30")
    takes = [numbered_take(context, segment(media, at * 10, at * 10 + 2, name=name)) for at, name in enumerate(names)]
    takes.append(numbered_take(context, segment(media, 30, 32)))
    params = TimelineParams(source="cut.mp4", codec="source")

    made = Timeline().run(context, params, media, takes)

    assert [clip.name for clip in made.clips] == ["Line", "line-2", "cut_s30", "cut_s30-2"]


def test_whatever_stands_there_is_left_alone(context, tmp_path):
    """A folder, or a link to nowhere, under the name of a timeline or of a clip: the next version is taken."""
    media = film(context, frames=20, gop=10, tracks=0)
    take = numbered_take(context, segment(media, 5, 7, name="line"))
    made = Timeline().run(context, TimelineParams(source="cut.mp4", codec="source"), media, [take])
    (tmp_path / "cut_react1_v001.avid.edl").mkdir()
    (tmp_path / "line_react1_v002.mp4").symlink_to(tmp_path / "nowhere")

    assert next_version(made, tmp_path, lambda file, place: False) == 3
    assert "cut_react1_v003.avid.edl" in format_timelines(made, tmp_path, 3)


def test_a_name_that_is_no_text_is_refused_before_anything_runs():
    """A byte that no encoding knows; the message says what to do."""
    with pytest.raises(ValueError, match="no text, which no timeline can name; rename the file"):
        TimelineParams(source="bad\udcff.mp4")


def test_letters_of_all_languages_are_spelled():
    """UTF-8 but for Avid, which gets the bare letters; signs that XML knows not are left out."""
    made = sheet(Fraction(25), 0)
    named = replace(made, film=replace(made.film, name="Müller &\x01\n<1>.mov"))

    assert "* FROM CLIP NAME: Müller & <1>.mov" in format_edl(named, "resolve")
    assert "* FROM CLIP NAME: Muller & <1>.mov" in format_edl(named, "avid")
    root = ET.fromstring(format_fcpxml(named, "final-cut").encode())
    assert root.find(".//asset").get("name") == "Müller &\n<1>.mov"


def test_a_folder_that_is_there_must_take_files(tmp_path, monkeypatch):
    """Files are added to it, so that it counts itself, and not the folder that it lies in; before anything runs."""
    folder = tmp_path / "turnover"
    folder.mkdir()
    monkeypatch.setattr("os.access", lambda path, mode: path != folder)

    with pytest.raises(PresetError, match="not a writable folder"):
        check_destination(Store(tmp_path / "home"), folder, "job", replace=True, sources=[], folder=True)
