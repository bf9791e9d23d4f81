"""Read OTIO and FCPXML: clips and markers are exact on both clocks; what cannot be edited has a reason."""

from __future__ import annotations

from fractions import Fraction

import pytest
from edit_list_samples import classify_text, film, summarize

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
    """Three clips of two media from 10:00:00:00: plain, retimed, and of another reel; markers on all levels."""
    timeline = otio.schema.Timeline("REEL_1", global_start_time=at(10 * 3600 * RATE))
    track = otio.schema.Track("V1", kind="Video")
    timeline.tracks.append(track)
    hour = 3600 * RATE
    mine = otio.schema.ExternalReference("file:///Volumes/A001/A001C003_0101.mov", span(hour, 200))
    other = otio.schema.ExternalReference("file:///Volumes/B007/B007C001.mov")
    plain = otio.schema.Clip("one", mine, span(hour + 10, 50))
    fast = otio.schema.Clip(
        "two", mine.clone(), span(hour + 100, 20), effects=[otio.schema.LinearTimeWarp(time_scalar=2.0)]
    )
    track.extend(
        [plain, fast, otio.schema.Gap(source_range=span(0, 5)), otio.schema.Clip("three", other, span(7 * RATE, 30))]
    )
    plain.markers.append(otio.schema.Marker("M1", span(hour + 20, 10), comment="react1: angry 0.8"))
    plain.markers.append(otio.schema.Marker("M2", span(hour + 40, 0), comment="look here"))
    fast.markers.append(otio.schema.Marker("react1: sad", span(hour + 105, 5)))
    track[3].markers.append(otio.schema.Marker("react1: happy", span(7 * RATE + 3, 0)))
    timeline.tracks.markers.append(
        otio.schema.Marker("M5", span(60, 15), metadata={"Resolve_OTIO": {"Note": "react1: sad"}})
    )
    return timeline


def test_otio_markers_map_to_the_source_clock(timeline):
    """If the film is a clip, a marker's range counts from the media's first frame."""
    reading = classify_text(otio.adapters.write_to_string(timeline, "otio_json"), ".otio", film())

    assert reading.clock == "source"
    assert [row for row in summarize(reading) if row[0] != "ignored"] == [
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
def test_otio_global_start_time_sets_the_record_clock(timeline, start, spans):
    """A programme is matched by labels, or from its first frame without timecode; a point applies to its clip."""
    reading = classify_text(otio.adapters.write_to_string(timeline, "otio_json"), ".otio", film("REEL_1.mov", start))

    assert reading.clock == "record"
    assert [row[2] for row in summarize(reading) if row[0] == "edit"] == spans


def test_otio_markers_beyond_the_used_part_of_their_clip_are_no_edits_of_its_neighbour(timeline):
    """One that begins inside ends with its clip; one outside, and a point outside, are refused."""
    plain, hour = timeline.tracks[0][0], 3600 * RATE
    places = {"across": (hour + 50, 30), "behind": (hour + 70, 5), "before": (hour + 2, 0)}
    for name, place in places.items():
        plain.markers.append(otio.schema.Marker(name, span(*place), comment="react1: sad"))

    text = otio.adapters.write_to_string(timeline, "otio_json")
    reading = classify_text(text, ".otio", film("REEL_1.mov", "10:00:00:00"))

    rows = {row.entry.name: (row.state, row.reason, str(row.end)) for row in reading.entries}
    assert rows["across"] == ("edit", "", "10:00:02:00")
    assert rows["behind"][:2] == rows["before"][:2] == ("refused", "it lies outside its clip")


@pytest.mark.parametrize(("clip_rate", "marker_rate"), [(23.976, 24000 / 1001), (30000 / 1001, 29.97)])
def test_an_otio_marker_may_round_the_rate_of_its_clip_otherwise(clip_rate, marker_rate):
    """Points at the first and the last frame are on the clip, one after it is not, whichever rate is the larger."""
    clip = otio.schema.Clip("one", source_range=span(100, 50, clip_rate))
    for number in (100, 149, 150):
        clip.markers.append(otio.schema.Marker(f"at {number}", span(number, 0, marker_rate), comment="react1: sad"))
    track = otio.schema.Track("V1", kind="Video", children=[clip])
    text = otio.adapters.write_to_string(otio.schema.Timeline("cut", tracks=[track]), "otio_json")

    listing = parse_listing(text, ".otio", "cut.otio")

    unusable = [entry.unusable for entry in listing.entries if entry.kind == "marker"]
    assert unusable == ["", "", "it lies outside its clip"]


def test_markers_of_nests_and_gaps_are_listed(timeline):
    """On the record clock: a nest is above its clips, and a gap has none; a disabled nest is refused."""
    nest, hidden = otio.schema.Stack("nest"), otio.schema.Stack("hidden")
    hidden.enabled = False
    for item, length in ((nest, 20), (hidden, 10)):
        inside = otio.schema.Track("inside", kind="Video")
        inside.append(otio.schema.Clip("deep", source_range=span(0, length)))
        item.append(inside)
    track = timeline.tracks[0]
    track.extend([nest, hidden])
    nest.markers.append(otio.schema.Marker("N1", span(2, 5), comment="react1: angry"))
    hidden.markers.append(otio.schema.Marker("N2", span(2, 5), comment="react1: angry"))
    track[2].markers.append(otio.schema.Marker("G1", span(1, 3), comment="react1: happy"))

    reading = classify_text(
        otio.adapters.write_to_string(timeline, "otio_json"), ".otio", film("REEL_1.mov", start="10:00:00:00")
    )

    rows = {name: (state, span) for state, name, span in summarize(reading)}
    assert rows["N1"] == ("edit", "10:00:04:07-10:00:04:12")
    assert rows["G1"] == ("edit", "10:00:02:21-10:00:02:24")
    assert rows["N2"][0] == "refused"


def test_only_what_a_nest_shows_of_its_clips_is_edited():
    """It uses 20 frames: the rest of its clips, and markers there, would be on the pictures of its neighbours."""
    nest = otio.schema.Stack("nest", source_range=span(10, 20))
    nest.append(otio.schema.Track("inside", kind="Video"))
    nest[0].extend([otio.schema.Clip(f"react1: {name}", source_range=span(0, 40)) for name in ("sad", "happy")])
    for name, start in (("before", 2), ("across", 5), ("after", 32)):
        nest[0][0].markers.append(otio.schema.Marker(name, span(start, 10), comment="react1: angry"))
    nest.markers.append(otio.schema.Marker("of the nest", span(0, 90), comment="react1: neutral"))
    track = otio.schema.Track("V1", kind="Video")
    track.extend([otio.schema.Clip("first", source_range=span(0, 50)), nest])
    text = otio.adapters.write_to_string(otio.schema.Timeline("cut", tracks=[track]), "otio_json")

    reading = classify_text(text, ".otio", film("cut.mov", ""), clock="record")

    rows = {row.entry.name: (row.state, row.start, row.end, row.reason) for row in reading.entries}
    two, last = Seconds(Fraction(2)), Seconds(Fraction(2) + Fraction(20, RATE))
    assert rows["react1: sad"][:3] == rows["of the nest"][:3] == ("edit", two, last)
    assert rows["before"][:3] == ("edit", two, Seconds(2 + Fraction(2, RATE)))
    assert rows["across"][:3] == ("edit", two, Seconds(2 + Fraction(5, RATE)))
    assert rows["after"][::3] == ("refused", "it lies outside its clip")
    assert rows["react1: happy"][::3] == ("refused", "the nest that it is in does not show it")
    source = next(row.entry.source for row in reading.entries if row.entry.name == "react1: sad")
    assert (str(source.start), str(source.end)) == ("00:00:00:10", "00:00:01:05")


def test_a_clip_that_begins_before_its_media_is_refused(timeline):
    """It is named with a time that can be read, and the other edits remain."""
    first = timeline.tracks[0][0]
    first.source_range = span(3600 * RATE - 5, 20)
    first.markers[0].marked_range = span(3600 * RATE - 5, 10)

    reading = classify_text(otio.adapters.write_to_string(timeline, "otio_json"), ".otio", film())

    reasons = {item.entry.name: item.reason for item in reading.entries if item.state == "refused"}
    assert reasons["M1"] == "source -00:00:00.200–00:00:00.200 begins before the film"


def test_match_folder_compares_folder_names(timeline):
    """With `match: folder` a clip's folder must have the name of the film's folder, too."""
    text = otio.adapters.write_to_string(timeline, "otio_json").replace("Volumes/A001", "Volumes/A002")

    assert classify_text(text, ".otio", film()).clock == "source"
    with pytest.raises(PresetError, match="does not fit the film"):
        classify_text(text, ".otio", film(), match="folder")


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


def test_fcpxml_is_exact_on_both_clocks():
    """Covers drop-frame at 29.97, an asset with timecode, a connected clip, notes, a point, a range, a retimed clip."""
    of = film("A001C003_0101.mov", "01:00:00;00", 240, "30000/1001")
    reading = classify_text(FCPX, ".fcpxml", of)
    frame_s = Fraction(1001, 30000)

    assert str(reading.listing.start) == "01:00:00;00"
    point, ranged = (row for row in reading.edits)
    assert (point.start, point.end) == (Seconds(30 * frame_s), Seconds(90 * frame_s))
    assert (ranged.start, ranged.end) == (Seconds(40 * frame_s), Seconds(50 * frame_s))
    assert [row.reason for row in reading.with_state("refused")] == [
        "it belongs to 'B007C001', and the film is 'A001C003_0101.mov'",
        "it is retimed (timeMap)",
    ]

    programme = classify_text(FCPX, ".fcpxml", film("REEL_1.mov", "01:00:00;00", 240, "30000/1001"))
    assert [row[2] for row in summarize(programme) if row[0] == "edit"] == [
        "01:00:00;00-01:00:02;00",
        "01:00:00;10-01:00:00;20",
        "01:00:00;02-01:00:01;02",
    ]


def test_an_fcpxml_marker_outside_its_clip_is_refused():
    """A point beyond the used part of its clip does not stand for the clip."""
    text = FCPX.replace('<marker start="108031924/30000s"', '<marker start="108089982/30000s"')

    reading = classify_text(text, ".fcpxml", film("REEL_1.mov", "01:00:00;00", 240, "30000/1001"))

    (row,) = (row for row in reading.entries if row.entry.name == "react1: angry")
    assert (row.state, row.reason) == ("refused", "it lies outside its clip")


def test_fcpxml_transition_refuses_its_clips():
    """Only clips under a transition are refused; storyline offsets from zero are used unchanged."""
    clip = '<asset-clip ref="r2" name="{}" offset="{}s" duration="2s" format="r1"><note>react1: sad</note></asset-clip>'
    joint = '<transition name="Cross Dissolve" offset="3/2s" duration="1s"/>'
    spine = clip.format("a", 0) + joint + clip.format("b", 2) + clip.format("c", 4)
    text = FCPX[: FCPX.index("<spine>")] + f"<spine>{spine}</spine></sequence></project></event></library></fcpxml>"

    reading = classify_text(text, ".fcpxml", film("cut.mov", "", 600, "30000/1001"), clock="record")

    assert [(row.state, row.reason[:26]) for row in reading.entries] == [
        ("refused", "a transition lies on it, w"),
        ("refused", "a transition lies on it, w"),
        ("edit", ""),
    ]
    assert (reading.entries[2].start, reading.entries[2].end) == (Seconds(Fraction(4)), Seconds(Fraction(6)))


def _cut(spine: str):
    """Classify a storyline of a programme without timecode."""
    text = FCPX[: FCPX.index("<spine>")] + f"<spine>{spine}</spine></sequence></project></event></library></fcpxml>"
    reading = classify_text(text, ".fcpxml", film("cut.mov", "", 600, "30000/1001"), clock="record")
    return {row.entry.name: (row.state, str(row.start), str(row.end)) for row in reading.entries}


NOTED = '<asset-clip ref="r2" name="{}" {} duration="2s" format="r1"><note>react1: sad</note>{}</asset-clip>'
DISSOLVE = '<transition name="Cross Dissolve" {} duration="1s"/>'


def test_an_fcpxml_transition_does_not_reach_the_clips_that_are_connected_above_it():
    """It refuses the clips of its storyline; those of other lanes are pictures of their own."""
    over = NOTED.format("over", 'lane="1" offset="107999892/30000s"', "")
    spine = (
        NOTED.format("a", 'offset="0s"', over) + DISSOLVE.format('offset="3/2s"') + NOTED.format("b", 'offset="2s"', "")
    )

    rows = _cut(spine)

    assert rows["a"][0] == rows["b"][0] == "refused"
    assert rows["over"] == ("edit", "00:00:00.000", "00:00:02.000")


def test_an_fcpxml_transition_refuses_the_picked_clip_of_an_audition():
    """An audition has no duration of its own."""
    picked = f'<audition offset="0s">{NOTED.format("picked", "", "")}</audition>'
    rows = _cut(picked + DISSOLVE.format('offset="3/2s"') + NOTED.format("b", 'offset="2s"', ""))

    assert rows["picked"][0] == rows["b"][0] == "refused"


def test_an_fcpxml_clip_without_a_duration_is_as_long_as_its_asset():
    """The format lets it be left out."""
    rows = _cut(NOTED.format("a", "", "").replace('duration="2s" ', "") + NOTED.format("b", "", ""))

    assert rows["a"] == ("edit", "00:00:00.000", "00:00:08.008")
    assert rows["b"] == ("edit", "00:00:08.008", "00:00:10.008")


def test_an_fcpxml_clip_of_which_only_the_sound_is_used_is_refused():
    """The pictures at its place are those of the clip that it is connected to."""
    sound = NOTED.format("sound", 'lane="-1" srcEnable="audio" offset="107999892/30000s"', "")

    rows = _cut(NOTED.format("a", 'offset="0s"', sound))

    assert [rows["a"][0], rows["sound"][0]] == ["edit", "refused"]


def test_fcpxml_clips_without_an_offset_follow_one_another():
    """A storyline has no holes; a transition without one lies over the cut before it."""
    rows = _cut(NOTED.format("a", "", "") + NOTED.format("b", "", "") + DISSOLVE.format("") + NOTED.format("c", "", ""))

    assert rows["a"] == ("edit", "00:00:00.000", "00:00:02.000")
    assert rows["b"][0] == rows["c"][0] == "refused"


CLIP = (
    '<asset-clip ref="r2" name="{}" {} duration="1s" format="r1">'
    '<marker start="{}" duration="{}s" value="{}"/></asset-clip>'
)
START = 'start="107999892/30000s"'


def test_fcpxml_markers_on_gaps_in_auditions_and_sync_clips_are_listed():
    """None is lost: a gap's is on the record clock, and only the picked clip of an audition is in the film."""
    inside, text = START.split('"')[1], "react1: {}".format
    spine = (
        f'<gap offset="0s" start="3600s" duration="2s"><marker start="3601s" duration="1/2s" value="{text("angry")}"/>'
        f'<marker start="3601s" duration="1001/30000s" value="{text("happy")}"/></gap>'
        f'<audition offset="2s">{CLIP.format("picked", START, inside, "1/2", text("sad"))}'
        f"{CLIP.format('other', START, inside, '1/2', text('surprised'))}</audition>"
        f'<sync-clip name="both" offset="3s" duration="1s"><spine>'
        f"{CLIP.format('inner', 'offset=' + chr(34) + '0s' + chr(34) + ' ' + START, inside, '1/2', text('neutral'))}"
        "</spine></sync-clip>"
    )
    source = FCPX[: FCPX.index("<spine>")] + f"<spine>{spine}</spine></sequence></project></event></library></fcpxml>"

    reading = classify_text(source, ".fcpxml", film("cut.mov", "", 600, "30000/1001"), clock="record")

    markers = {row.entry.name: (row.state, row.reason) for row in reading.entries if row.entry.kind == "marker"}
    assert markers == {
        "react1: angry": ("edit", ""),
        "react1: happy": ("refused", "it has no length; give the marker a duration, or put it on a clip"),
        "react1: sad": ("edit", ""),
        "react1: surprised": ("refused", "it is not the picked clip of its audition"),
        "react1: neutral": (
            "refused",
            "it is a sync-clip, made of other clips; open it and export its contents",
        ),
    }
    angry = next(row for row in reading.edits if row.entry.name == "react1: angry")
    assert (angry.start, angry.end) == (Seconds(Fraction(1)), Seconds(Fraction(3, 2)))


def test_real_timelines_match_opentimelineio(media_folder):
    """Every clip that the library's own readers find is read with the same media times."""
    pytest.importorskip("otio_fcpx_xml_adapter")
    for name, adapter in (("otio_simple_cut.otio", "otio_json"), ("otio_transition.otio", "otio_json"),
                          ("fcpx_clips.fcpxml", "fcpx_xml")):  # fmt: skip
        text = (media_folder / "timelines" / name).read_text()
        mine = [
            entry for entry in parse_listing(text, f".{name.rsplit('.')[-1]}", name).entries if entry.kind == "clip"
        ]

        clips = list(otio.adapters.read_from_string(text, adapter).find_clips())

        spans = {(entry.clip.name, _s(entry.source.start), _s(entry.source.end)) for entry in mine if entry.source}
        for clip in clips:
            trimmed, zero = clip.trimmed_range(), clip.media_reference.available_range
            first = trimmed.start_time - (zero.start_time if zero else at(0, 30))
            # The library's reader rounds FCPXML to whole frames.
            candidates = {span for span in spans if span[0] == clip.name and abs(span[1] - first.to_seconds()) < 1 / 30}
            assert any(abs(end - start - trimmed.duration.to_seconds()) < 1 / 30 for _, start, end in candidates), clip
    dissolved = parse_listing((media_folder / "timelines/otio_transition.otio").read_text(), ".otio", "t").entries
    assert [bool(entry.unusable) for entry in dissolved] == [False, True, True, False]


def _s(moment) -> float:
    return float(moment.value)


BOMB = """<?xml version="1.0"?><!DOCTYPE fcpxml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><fcpxml>&c;</fcpxml>"""
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE fcpxml [<!ENTITY x SYSTEM "file:///etc/passwd">]><fcpxml>&x;</fcpxml>'
DEEP = "<fcpxml><resources/>" + "<library>" + "<clip lane='1'>" * 5000 + "</clip>" * 5000 + "</library></fcpxml>"


@pytest.mark.parametrize(
    ("text", "suffix", "message"),
    [
        (BOMB, ".fcpxml", "contains XML entities"),
        (OUTSIDE, ".fcpxml", "contains XML entities"),
        (DEEP, ".fcpxml", "nested deeper"),
        ("<fcpxml>", ".fcpxml", "is not XML"),
        ("<xmeml/>", ".fcpxml", "its root is <xmeml>"),
        ("<fcpxml/>", ".fcpxml", "no clip and no marker"),
        ("[" * 200_000, ".otio", "nested deeper"),
        ("{}", ".otio", "has no timeline"),
        ("{", ".otio", "is not JSON"),
        ('{"OTIO_SCHEMA": "Clip.99"}', ".otio", "unsupported schema"),
        ('{"OTIO_SCHEMA": "SerializableObjectRef.1", "id": "x"}', ".otio", "refer to each other"),
    ],
)
def test_unreadable_timelines_are_refused_in_one_line(text, suffix, message):
    """Entity bombs, external entities, deep nesting and other file types are refused."""
    with pytest.raises(PresetError, match=message) as refused:
        classify_text(text, suffix)

    assert "\n" not in str(refused.value)
