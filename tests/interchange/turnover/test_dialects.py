"""Timelines of each editing system are compared with manually reviewed files."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from layout_samples import sample_layout
from takes import film, numbered_take, segment

from react1.nodes.timeline import Timeline, TimelineParams
from react1.pipeline.interchange.turnover.build import format_timelines
from react1.pipeline.interchange.turnover.timeline_writers import format_edl, format_fcpxml

pytest.importorskip("opentimelineio", reason="timelines need the extra timeline")
FIXTURES = Path(__file__).parent / "fixtures"
WRITTEN = {
    "avid.edl": lambda layout: format_edl(layout, "avid"),
    "premiere.edl": lambda layout: format_edl(layout, "premiere"),
    "resolve.edl": lambda layout: format_edl(layout, "resolve"),
    "resolve.fcpxml": lambda layout: format_fcpxml(layout, "resolve"),
    "final-cut.fcpxml": lambda layout: format_fcpxml(layout, "final-cut"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_timeline_matches_the_reviewed_file(name):
    """The case has 29.97 frames/s drop-frame from 01:00:00;00 and two clips, the second with replaced sound."""
    text = WRITTEN[name](sample_layout(Fraction(30000, 1001), 107_892, drop=True))

    assert text == (FIXTURES / name).read_bytes().decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "kinds"),
    [
        ("avid", {"avid.edl"}),
        ("final-cut", {"final-cut.fcpxml"}),
        ("premiere", {"premiere.otio", "premiere.edl"}),
        ("resolve", {"resolve.otio", "resolve.fcpxml", "resolve.edl"}),
    ],
)
def test_system_gets_its_formats(context, tmp_path, system, kinds):
    """A name selects one system; `all` selects every one."""
    media = film(context, frames=20, tracks=0)
    params = [TimelineParams.model_validate({"source": "cut.mp4", "dialects": name}) for name in (system, "all")]
    selected, every = (
        Timeline().run(context, each, media, [numbered_take(context, segment(media, 5, 9))]) for each in params
    )

    assert {name.partition(".")[2] for name in format_timelines(selected, tmp_path, 1)} == kinds
    assert kinds < {name.partition(".")[2] for name in format_timelines(every, tmp_path, 1)}
