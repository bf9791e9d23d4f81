"""What each editing system gets, held against files that were read through once by eye: a change shows here."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from sheets import sheet
from takes import film, numbered_take, segment

from react1.nodes.timeline import Timeline, TimelineParams
from react1.pipeline.interchange.edl.write import format_edl
from react1.pipeline.interchange.fcpxml.write import format_fcpxml
from react1.pipeline.interchange.turnover.package_files import format_timelines

pytest.importorskip("opentimelineio", reason="timelines need the extra timeline")
FIXTURES = Path(__file__).parent / "fixtures"
WRITTEN = {
    "avid.edl": lambda made: format_edl(made, "avid"),
    "premiere.edl": lambda made: format_edl(made, "premiere"),
    "resolve.edl": lambda made: format_edl(made, "resolve"),
    "resolve.fcpxml": lambda made: format_fcpxml(made, "resolve"),
    "final-cut.fcpxml": lambda made: format_fcpxml(made, "final-cut"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_timeline_is_spelt_as_its_system_reads_it(name):
    """29.97 frames/s drop-frame, from 01:00:00;00, two clips, a new line under the second."""
    text = WRITTEN[name](sheet(Fraction(30000, 1001), 107_892, drop=True))

    assert text == (FIXTURES / name).read_bytes().decode()


@pytest.mark.parametrize(
    ("asked", "kinds"),
    [
        ("avid", {"avid.edl"}),
        ("final-cut", {"final-cut.fcpxml"}),
        ("premiere", {"premiere.otio", "premiere.edl"}),
        ("resolve", {"resolve.otio", "resolve.fcpxml", "resolve.edl"}),
    ],
)
def test_a_system_gets_what_it_reads(context, tmp_path, asked, kinds):
    """One word names one system; `all` names every one."""
    media = film(context, frames=20, tracks=0)
    params = [TimelineParams.model_validate({"source": "cut.mp4", "dialects": named}) for named in (asked, "all")]
    one, every = (
        Timeline().run(context, each, media, [numbered_take(context, segment(media, 5, 9))]) for each in params
    )

    assert {name.partition(".")[2] for name in format_timelines(one, tmp_path, 1)} == kinds
    assert kinds < {name.partition(".")[2] for name in format_timelines(every, tmp_path, 1)}
