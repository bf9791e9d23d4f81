"""OTIO and FCPXML: clips and markers, exact, on both clocks; what cannot be edited says why."""

from __future__ import annotations

from fractions import Fraction

import pytest
from lists import film, rows, told

from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.times import Seconds
from react1.pipeline.interchange.readers import parse_listing

otio = pytest.importorskip("opentimelineio")
RATE = 25


def at(value, rate=RATE):
    return otio.opentime.RationalTime(value, rate)


def span(first, frames, rate=RATE):
    return otio.opentime.TimeRange(at(first, rate), at(frames, rate))


@pytest.fixture
def timeline():
    """Three clips of two media from 10:00:00:00 on: plain, retimed, and one of another reel; markers on all levels."""
    made = otio.schema.Timeline("REEL_1", global_start_time=at(10 * 3600 * RATE))
    track = otio.schema.Track("V1", kind="Video")
    made.tracks.append(track)
    hour = 3600 * RATE
    ours = otio.schema.ExternalReference("file:///Volumes/A001/A001C003_0101.mov", span(hour, 200))
    other = otio.schema.ExternalReference("file:///Volumes/B007/B007C001.mov")
    plain = otio.schema.Clip("one", ours, span(hour + 10, 50))
    fast = otio.schema.Clip(
        "two", ours.clone(), span(hour + 100, 20), effects=[otio.schema.LinearTimeWarp(time_scalar=2.0)]
    )
    track.extend(
        [plain, fast, otio.schema.Gap(source_range=span(0, 5)), otio.schema.Clip("three", other, span(7 * RATE, 30))]
    )
    plain.markers.append(otio.schema.Marker("M1", span(hour + 20, 10), comment="react1: angry 0.8"))
    plain.markers.append(otio.schema.Marker("M2", span(hour + 40, 0), comment="look here"))
    fast.markers.append(otio.schema.Marker("react1: sad", span(hour + 105, 5)))
    track[3].markers.append(otio.schema.Marker("react1: happy", span(7 * RATE + 3, 0)))
    made.tracks.markers.append(
        otio.schema.Marker("M5", span(60, 15), metadata={"Resolve_OTIO": {"Note": "react1: sad"}})
    )
    return made


def test_otio_gives_clips_and_markers_on_the_source_clock(timeline):
    """The film is a clip of the timeline: a marker's range is counted from the media's first frame."""
    reading = rows(otio.adapters.write_to_string(timeline, "otio_json"), ".otio", film())

    assert reading.clock == "source"
    assert [row for row in told(reading) if row[0] != "ignored"] == [
        ("refused", "M5", ""),
        ("edit", "M1", "00:00:00.800-00:00:01.200"),
        ("refused", "react1: sad", ""),
        ("refused", "react1: happy", ""),
    ]
    assert [row.reason for row in reading.with_state("refused")] == [
        "it is on no clip, and the film is 'A001C003_0101.mov'",
        "it is retimed (LinearTimeWarp 2.0)",
        "it belongs to 'three', and the film is 'A001C003_0101.mov'",
    ]


@pytest.mark.parametrize(
    ("start", "spans"),
    [
        ("10:00:00:00", ["10:00:02:10-10:00:03:00", "10:00:00:10-10:00:00:20", "10:00:03:00-10:00:04:05"]),
        ("", ["00:00:02.400-00:00:03.000", "00:00:00.400-00:00:00.800", "00:00:03.000-00:00:04.200"]),
        ("09:59:59:00", ["10:00:02:10-10:00:03:00", "10:00:00:10-10:00:00:20", "10:00:03:00-10:00:04:05"]),
    ],
)
def test_otio_s_global_start_time_counts_on_the_record_clock(timeline, start, spans):
    """A programme is met by its labels, without timecode from its first frame on; a point stands for its clip."""
    reading = rows(otio.adapters.write_to_string(timeline, "otio_json"), ".otio", film("REEL_1.mov", start))

    assert reading.clock == "record"
    assert [row[2] for row in told(reading) if row[0] == "edit"] == spans


def test_the_folder_counts_where_it_is_asked_for(timeline):
    """Two cards may hold clips of one name: `match: folder` wants the folder to be called alike, too."""
    text = otio.adapters.write_to_string(timeline, "otio_json").replace("Volumes/A001", "Volumes/A002")

    assert rows(text, ".otio", film()).clock == "source"
    with pytest.raises(PresetError, match="does not fit the film"):
        rows(text, ".otio", film(), match="folder")


FCPX = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE fcpxml>
<fcpxml version="1.9"><resources>
<format id="r1" name="FFVideoFormat1080p2997" frameDuration="1001/30000s"/>
<asset id="r2" name="A001C003_0101" start="107999892/30000s" duration="240240/30000s" hasVideo="1" format="r1">
<media-rep kind="original-media" src="file:///Volumes/A001/A001C003_0101.mov"/></asset>
<asset id="r3" name="B007C001" start="0s" duration="240240/30000s" hasVideo="1" src="file:///B007C001.mov"/>
</resources><library><event><project name="REEL_1">
<sequence format="r1" tcStart="107999892/30000s" tcFormat="DF"><spine>
<asset-clip ref="r2" name="one" offset="107999892/30000s" start="108029922/30000s" duration="60060/30000s" format="r1">
 <marker start="108031924/30000s" duration="1001/30000s" value="react1: angry" note="loud"/>
 <keyword start="108039932/30000s" duration="10010/30000s" value="take" note="react1: sad 0.3"/>
 <asset-clip ref="r3" lane="1" name="over" offset="108031924/30000s" duration="30030/30000s" format="r1">
  <note>react1: happy</note></asset-clip>
</asset-clip>
<asset-clip ref="r2" name="two" offset="108059952/30000s" duration="30030/30000s" format="r1"><note>react1: sad</note>
 <timeMap><timept time="0s" value="0s"/><timept time="1s" value="2s"/></timeMap></asset-clip>
</spine></sequence></project></event></library></fcpxml>
"""


def test_fcpxml_is_read_exactly_on_both_clocks():
    """Drop-frame at 29.97, an asset with timecode, a connected clip, notes, a point, a range, a retimed clip."""
    of = film("A001C003_0101.mov", "01:00:00;00", 240, "30000/1001")
    reading = rows(FCPX, ".fcpxml", of)
    frame_s = Fraction(1001, 30000)

    assert str(reading.listing.start) == "01:00:00;00"
    point, ranged = (row for row in reading.edits)
    assert (point.start, point.end) == (Seconds(30 * frame_s), Seconds(90 * frame_s))
    assert (ranged.start, ranged.end) == (Seconds(40 * frame_s), Seconds(50 * frame_s))
    assert [row.reason for row in reading.with_state("refused")] == [
        "it belongs to 'B007C001', and the film is 'A001C003_0101.mov'",
        "it is retimed (timeMap)",
    ]

    programme = rows(FCPX, ".fcpxml", film("REEL_1.mov", "01:00:00;00", 240, "30000/1001"))
    assert [row[2] for row in told(programme) if row[0] == "edit"] == [
        "01:00:00;00-01:00:02;00",
        "01:00:00;10-01:00:00;20",
        "01:00:00;02-01:00:01;02",
    ]


def test_a_transition_of_fcpxml_refuses_the_clips_under_it():
    """And only those; offsets of a storyline that begin with zero are taken as they are."""
    clip = '<asset-clip ref="r2" name="{}" offset="{}s" duration="2s" format="r1"><note>react1: sad</note></asset-clip>'
    joint = '<transition name="Cross Dissolve" offset="3/2s" duration="1s"/>'
    spine = clip.format("a", 0) + joint + clip.format("b", 2) + clip.format("c", 4)
    text = FCPX[: FCPX.index("<spine>")] + f"<spine>{spine}</spine></sequence></project></event></library></fcpxml>"

    reading = rows(text, ".fcpxml", film("cut.mov", "", 600, "30000/1001"), clock="record")

    assert [(row.state, row.reason[:26]) for row in reading.entries] == [
        ("refused", "a transition lies on it, w"),
        ("refused", "a transition lies on it, w"),
        ("edit", ""),
    ]
    assert (reading.entries[2].start, reading.entries[2].end) == (Seconds(Fraction(4)), Seconds(Fraction(6)))


def test_real_timelines_are_read_without_loss(media_folder):
    """Every clip that the library's own readers find, with the same media times."""
    pytest.importorskip("otio_fcpx_xml_adapter")
    for name, adapter in (("otio_simple_cut.otio", "otio_json"), ("otio_transition.otio", "otio_json"),
                          ("fcpx_clips.fcpxml", "fcpx_xml")):  # fmt: skip
        text = (media_folder / "timelines" / name).read_text()
        ours = [entry for entry in parse_listing(text, f".{name.rsplit('.')[-1]}", name).entries if entry.kind == "clip"]

        theirs = list(otio.adapters.read_from_string(text, adapter).find_clips())

        found = {(entry.clip.name, _s(entry.source.start), _s(entry.source.end)) for entry in ours if entry.source}
        for clip in theirs:
            taken, zero = clip.trimmed_range(), clip.media_reference.available_range
            first = taken.start_time - (zero.start_time if zero else at(0, 30))
            # The library's reader rounds FCPXML to whole frames.
            near = {one for one in found if one[0] == clip.name and abs(one[1] - first.to_seconds()) < 1 / 30}
            assert any(abs(one[2] - one[1] - taken.duration.to_seconds()) < 1 / 30 for one in near), clip
    dissolved = parse_listing((media_folder / "timelines/otio_transition.otio").read_text(), ".otio", "t").entries
    assert [bool(entry.unusable) for entry in dissolved] == [False, True, True, False]


def _s(moment) -> float:
    return float(moment.value)


BOMB = """<?xml version="1.0"?><!DOCTYPE fcpxml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><fcpxml>&c;</fcpxml>"""
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE fcpxml [<!ENTITY x SYSTEM "file:///etc/passwd">]><fcpxml>&x;</fcpxml>'
DEEP = "<fcpxml><resources/>" + "<library>" + "<clip lane='1'>" * 5000 + "</clip>" * 5000 + "</library></fcpxml>"


@pytest.mark.parametrize(
    ("text", "suffix", "told_"),
    [
        (BOMB, ".fcpxml", "holds entities"),
        (OUTSIDE, ".fcpxml", "holds entities"),
        (DEEP, ".fcpxml", "nested deeper"),
        ("<fcpxml>", ".fcpxml", "is no XML"),
        ("<xmeml/>", ".fcpxml", "its root is <xmeml>"),
        ("<fcpxml/>", ".fcpxml", "no clip and no marker"),
        ("[" * 200_000, ".otio", "nested deeper"),
        ("{}", ".otio", "holds no timeline"),
        ("{", ".otio", "is no JSON"),
        ('{"OTIO_SCHEMA": "Clip.99"}', ".otio", "unsupported schema"),
        ('{"OTIO_SCHEMA": "SerializableObjectRef.1", "id": "x"}', ".otio", "refer to each other"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(text, suffix, told_):
    """Bombs, entities of other files, depth, and files that are something else."""
    with pytest.raises(PresetError, match=told_) as refused:
        rows(text, suffix)

    assert "\n" not in str(refused.value)
