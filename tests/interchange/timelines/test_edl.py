"""An EDL is read as spans on the clock that the film shows, with a reason for every refused event."""

from __future__ import annotations

import pytest
from edit_list_samples import classify_text, film, summarize

from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.times import parse_time
from react1.pipeline.interchange.timelines.edl import parse_label

CUT = """TITLE: REEL_1
FCM: NON-DROP FRAME
001  A001C003 V     C        01:00:01:00 01:00:03:00 10:00:00:00 10:00:02:00
* FROM CLIP NAME: A001C003_0101.mov
* COMMENT: react1: angry 0.8 face
002  B007C001 V     C        01:00:01:00 01:00:03:00 10:00:02:00 10:00:04:00
* FROM CLIP NAME: B007C001.mov
* LOC: 10:00:03:00 RED     react1: sad
003  A001C003 V     C        01:00:04:00 01:00:06:00 10:00:04:00 10:00:05:00
M2   A001C003       050.0                01:00:04:00
* LOC: 10:00:04:10 GREEN   react1: sad 0.3
004  A001C003 V     C        01:00:06:00 01:00:06:00 10:00:05:00 10:00:05:00
004  A001C003 V     D    012 01:00:06:00 01:00:07:00 10:00:05:00 10:00:06:00
* COMMENT: react1: happy
005  A001C003 V     C        01:00:07:00 01:00:07:12 10:00:06:00 10:00:06:12
* LOC: 10:00:06:10 BLUE    reackt1: happy
* COMMENT: a note
what is this
"""


def test_film_of_a_clip_uses_the_source_clock():
    """Names select the clock; one event is an edit, and each other event has a reason."""
    reading = classify_text(CUT, ".edl", film())

    assert reading.clock == "source"
    assert summarize(reading)[0] == ("edit", "001", "01:00:01:00-01:00:03:00")
    assert reading.edits[0].fields == {"prompt": "angry", "temperature": 0.8, "model_mode": "face"}
    assert [(row.entry.line, row.reason) for row in reading.with_state("refused")] == [
        (8, "it belongs to 'B007C001.mov', reel B007C001, and the film is 'A001C003_0101.mov'"),
        (11, "it is retimed (M2: 050.0 frames/s at 25)"),
        (13, "it begins with a dissolve (D 012), whose pictures are of two clips"),
    ]
    assert [row.reason for row in reading.entries if "did you mean" in row.reason] == [
        "its text does not begin with 'react1:'; did you mean 'react1:' for 'reackt1'?"
    ]
    assert reading.listing.unread == ((18, "what is this"),)


def test_film_of_the_programme_uses_the_record_clock():
    """A film with another name whose timecode contains all record times is the programme."""
    reading = classify_text(CUT, ".edl", film("REEL_final.mov", "10:00:00:00"))

    assert reading.clock == "record"
    assert [row for row in summarize(reading) if row[0] == "edit"] == [
        ("edit", "001", "10:00:00:00-10:00:02:00"),
        ("edit", "002", "10:00:03:00-10:00:04:00"),
    ]


LOCATORS = """TITLE: REEL_1
FCM: NON-DROP FRAME
001  A001C003 V     C        01:00:01:00 01:00:05:00 10:00:00:00 10:00:04:00
* FROM CLIP NAME: A001C003_0101.mov
* LOC: 10:00:00:10 RED     react1: sad
* LOC: 10:00:01:10 GREEN   a note
* LOC: 10:00:02:00 BLUE    react1: angry for 12f
* LOC: 10:00:03:00 BLUE    react1: happy for 9s
"""


def test_locators_are_edits_at_their_own_time():
    """Three in one event: to the next marker, for twelve frames, and to the event's end, which is the limit."""
    of_clip = classify_text(LOCATORS, ".edl", film())
    of_programme = classify_text(LOCATORS, ".edl", film("REEL_final.mov", "10:00:00:00"))
    without_film = classify_text(LOCATORS.replace(" for 12f", "").replace(" for 9s", ""), ".edl")

    def spans(reading):
        return [(row.fields["prompt"], f"{row.start}-{row.end}") for row in reading.edits]

    assert spans(of_clip) == [
        ("sad", "01:00:01:10-01:00:02:10"),
        ("angry", "01:00:03:00-01:00:03:12"),
        ("happy", "01:00:04:00-01:00:05:00"),
    ]
    assert spans(of_programme) == [
        ("sad", "10:00:00:10-10:00:01:10"),
        ("angry", "10:00:02:00-10:00:02:12"),
        ("happy", "10:00:03:00-10:00:04:00"),
    ]
    assert [span for _, span in spans(without_film)] == [
        "10:00:00:10-10:00:01:10",
        "10:00:02:00-10:00:03:00",
        "10:00:03:00-10:00:04:00",
    ]


def test_a_locator_needs_no_colour():
    """Its text may follow its time at once, and begin with a letter that no colour has."""
    text = LOCATORS.replace("RED     react1", "react1").replace("GREEN   a note", "Über allem")
    reading = classify_text(text, ".edl", film())

    assert [row.fields["prompt"] for row in reading.edits] == ["sad", "angry", "happy"]
    assert "Über allem" in [row.entry.name for row in reading.entries]


def test_frames_of_three_digits_are_not_drop_frame():
    """At 120 frames/s a label may have them; only the character before them says how they count."""
    assert [str(parse_label(text)) for text in ("01:00:01:010", "01:00:01;02", "01:00:01:110")] == [
        "01:00:01:10",
        "01:00:01;02",
        "01:00:01:110",
    ]


@pytest.mark.parametrize(
    ("old", "new", "state", "reason"),
    [
        ("LOC: 10:00:00:10", "LOC: 10:00:07:00", "refused", "its time 10:00:07:00 lies outside its event"),
        ("for 12f", "for 0f", "wrong", "'for 0f' is no length: it contains no frame"),
        ("for 12f", "for ever", "wrong", "'for ever' is no length: 'ever' is not a time"),
    ],
)
def test_locators_that_cannot_be_meant_are_refused(old, new, state, reason):
    """A time outside the event, and a length that is none; the other markers are edits all the same."""
    reading = classify_text(LOCATORS.replace(old, new), ".edl", film())

    (row,) = reading.with_state(state)
    assert reason in row.reason
    assert len(reading.edits) == 2


def test_locators_of_an_event_that_cannot_be_edited_are_refused_with_it():
    """Also those with a length of their own: a text that is right never stops the list."""
    reading = classify_text(LOCATORS.replace("V     C", "A     C"), ".edl", film())

    assert not reading.with_state("wrong")
    assert [row.reason for row in reading.with_state("refused")] == ["it has no picture (channels A)"] * 3


def test_a_locator_in_a_drop_frame_event_counts_as_the_event_does():
    """Past a minute of an NTSC programme; the source's labels follow the film."""
    text = DROP.replace("* COMMENT: react1: sad\n002", "* LOC: 01:01:05:00 RED react1: sad for 1s\n002")
    of = film("TAPE_01.mov", "00:00:00:00", 9000, "30000/1001")

    programme = classify_text(text, ".edl", film("show.mov", "01:00:00;00", 9000, "30000/1001"), clock="record")

    assert [row[2] for row in summarize(programme)][1] == "01:01:05;00-01:01:06;00"
    assert summarize(classify_text(text, ".edl", of))[1][2] == "00:00:55:28-00:00:56:28"


def test_programme_without_timecode_begins_at_the_first_record_time():
    """Labels become frame numbers, and a note states the assumption."""
    reading = classify_text(CUT, ".edl", film("programme.mov", ""), clock="record")

    assert [(str(row.start), str(row.end)) for row in reading.edits] == [("0f", "50f"), ("75f", "100f")]
    assert "its first frame is assumed to be 10:00:00:00" in reading.notes[0]


def test_list_of_other_films_is_refused():
    """The message gives the film's range and the list's clips and times."""
    with pytest.raises(PresetError) as refused:
        classify_text(CUT, ".edl", film("interview.mov", "02:00:00:00"))

    assert "'interview.mov' runs from 02:00:00:00 to 02:00:08:00, 200 frames at 25/s" in str(refused.value)
    assert "'B007C001.mov', reel B007C001 (01:00:01:00–01:00:03:00)" in str(refused.value)
    assert "record times from 10:00:00:00 to 10:00:06:12" in str(refused.value)


def test_event_outside_the_film_is_refused():
    """If the name matches and the timecode does not, the message gives the film's range."""
    (row, *_) = classify_text(CUT, ".edl", film(start="05:00:00:00")).entries

    assert row.state == "refused"
    assert row.reason == (
        "source 01:00:01:00–01:00:03:00 lies outside the film, which runs from 05:00:00:00 to 05:00:08:00, "
        "200 frames at 25/s"
    )


DROP = """FCM: DROP FRAME
001  TAPE_01  V     C        00:00:50:00 00:01:10:00 01:00:59:00 01:01:19:02
* COMMENT: react1: sad
002  TAPE_01  V     C        00:01:20:00 00:01:21:00 01:01:00:00 01:01:01:00
* COMMENT: react1: sad
"""


def test_fcm_makes_labels_drop_frame():
    """Under FCM: DROP FRAME labels with `:` are drop-frame; 01:01:00;00 does not exist."""
    reading = classify_text(DROP, ".edl", film("show.mov", "01:00:00;00", 9000, "30000/1001"), clock="record")

    assert summarize(reading)[0] == ("edit", "001", "01:00:59;00-01:01:19;02")
    assert "its neighbours are 01:00:59;29 and 01:01:00;02" in reading.entries[1].reason


def test_drop_frame_clock_at_30_frames():
    """Cameras label 30.00 frames/s drop-frame; source labels that drop-frame skips are then non-drop."""
    of = film("show.mov", "01:00:00;00", 9000, 30)
    text = DROP.splitlines()[0] + "\n001  T  V  C  00:01:00:00 00:01:01:00 01:00:01:00 01:00:02:00\n* react1: sad\n"

    assert summarize(classify_text(text, ".edl", of, clock="record")) == [("edit", "001", "01:00:01;00-01:00:02;00")]


def test_source_labels_follow_the_film():
    """FCM applies to the record clock; source labels are drop-frame only if the film's are."""
    of_film = [
        classify_text(DROP, ".edl", film("TAPE_01.mov", start, 9000, "30000/1001"))
        for start in ("00:00:00:00", "00:00:00;00")
    ]

    assert [summarize(reading)[0][2] for reading in of_film] == ["00:00:50:00-00:01:10:00", "00:00:50;00-00:01:10;00"]


MARKERS = """TITLE: Timeline 1
FCM: NON-DROP FRAME

001  001      V     C        01:00:01:00 01:00:01:01 01:00:01:00 01:00:01:01
react1: angry 0.8 |C:ResolveColorBlue |M:Marker 1 |D:48

002  001      V     C        01:00:05:00 01:00:05:01 01:00:05:00 01:00:05:01
react1: sad |C:ResolveColorRed |M:Point |D:1
"""


def test_resolve_markers_have_their_own_length():
    """A marker's length is its D field, not the event's out point; a point has no length."""
    reading = classify_text(MARKERS, ".edl", film("anything.mov"))

    assert summarize(reading) == [("edit", "Marker 1", "01:00:01:00-01:00:02:23"), ("refused", "Point", "")]
    assert "it has no length" in reading.entries[1].reason
    (row, _) = classify_text(MARKERS, ".edl", film("anything.mov", "")).entries
    assert "give --start-tc" in row.reason


def test_two_resolve_markers_of_one_event_are_both_at_it():
    """Neither takes the event before it; a comment behind them belongs to no clip."""
    second = "react1: happy |C:ResolveColorRed |M:Second |D:25\n* COMMENT: react1: neutral\n"
    text = MARKERS.replace("react1: sad |C:ResolveColorRed |M:Point |D:1\n", "")
    text = text.replace("react1: angry 0.8 |C:ResolveColorBlue |M:Marker 1 |D:48\n", "* COMMENT: react1: surprised\n")

    reading = classify_text(f"{text}react1: sad |C:ResolveColorRed |M:First |D:25\n{second}", ".edl", film("any.mov"))

    assert summarize(reading) == [
        ("edit", "001", "01:00:01:00-01:00:01:01"),
        ("edit", "First", "01:00:05:00-01:00:06:00"),
        ("edit", "Second", "01:00:05:00-01:00:06:00"),
    ]
    assert [line for _, line in reading.listing.unread] == ["* COMMENT: react1: neutral"]


def test_a_resolve_marker_on_a_clip_does_not_take_its_edit():
    """The event has a clip and comments, before and behind the marker."""
    mark = " |C:ResolveColorBlue |M:look |D:1\n"
    text = CUT.replace("* COMMENT: react1: angry 0.8 face\n", f"{mark}* COMMENT: react1: angry 0.8 face\n{mark}")

    reading = classify_text(text, ".edl", film())

    assert summarize(reading)[0] == ("edit", "001", "01:00:01:00-01:00:03:00")
    assert [row.entry.name for row in reading.entries if row.entry.kind == "marker"][:2] == ["look", "look"]


def test_a_resolve_point_may_give_its_length():
    """`for 2s` in its text makes an edit of a marker of one frame."""
    text = MARKERS.replace("react1: sad |", "react1: sad for 2s |")

    assert summarize(classify_text(text, ".edl", film("anything.mov")))[1] == (
        "edit",
        "Point",
        "01:00:05:00-01:00:07:00",
    )


def test_text_without_events_is_refused():
    """The message is one line with the file's name."""
    with pytest.raises(PresetError, match=r"list\.edl: has no EDL event"):
        classify_text("TITLE: nothing\n", ".edl")


def test_spans_match_opentimelineio(media_folder):
    """Real lists are compared event by event with the library's reader."""
    otio = pytest.importorskip("opentimelineio")
    pytest.importorskip("otio_cmx3600_adapter")
    compared = 0
    for name, rate in (("25fps", 25), ("premiere_example", 24), ("speed_effects_small", 24)):
        text = (media_folder / "timelines" / f"otio_cmx_{name}.edl").read_text()
        entries = [row.entry for row in classify_text(text, ".edl", film("x", "", 10**6, rate), clock="record").entries]

        clips = list(otio.adapters.read_from_string(text, "cmx_3600", rate=rate).find_clips())

        assert len(entries) == len(clips)
        for entry, clip in zip(entries, clips, strict=True):
            assert otio.opentime.to_timecode(clip.source_range.start_time, rate) == str(entry.source.start)
            if not entry.unusable:  # the library gives a retimed event its record length
                assert otio.opentime.to_timecode(clip.source_range.end_time_exclusive(), rate) == str(entry.source.end)
                compared += 1
    assert compared == 8


def test_a_speed_without_a_reel_is_that_of_its_event():
    """An event of equal lengths may be retimed all the same."""
    speed = "M2              050.0                01:00:01:00\n"
    text = CUT.replace("* FROM CLIP NAME: A001", f"{speed}* FROM CLIP NAME: A001", 1)

    row = classify_text(text, ".edl", film()).entries[0]

    assert (row.state, row.reason) == ("refused", "it is retimed (M2: 050.0 frames/s at 25)")


@pytest.mark.parametrize(("reel", "state"), [("A001C003", "refused"), ("TAPE2", "edit")])
def test_a_speed_is_that_of_the_line_with_its_reel(reel, state):
    """The picture and the sound of an event may be of different reels, and one of them retimed."""
    events = f"""001  A001C003 V     C        01:00:01:00 01:00:02:00 10:00:00:00 10:00:01:00
* react1: sad
001  TAPE2    A     C        01:00:01:00 01:00:02:00 10:00:00:00 10:00:01:00
M2   {reel}       050.0                01:00:01:00
"""
    picture = classify_text(events, ".edl", film(), clock="source").entries[0]

    assert (picture.state, "retimed" in picture.reason) == (state, state == "refused")


def test_a_clip_may_have_a_name_of_its_own_and_its_file():
    """Avid writes both, and the film is found by either."""
    text = CUT.replace("A001C003 V", "AX       V").replace(
        "* FROM CLIP NAME: A001C003_0101.mov", "* FROM CLIP NAME: take_1\n* FROM CLIP: S:\\shoot\\A001C003_0101.mov"
    )

    assert classify_text(text, ".edl", film()).clock == "source"


def test_cut_with_a_length_is_a_cut():
    """`C 000` is a cut, as some systems write it."""
    text = CUT.replace("V     C        01:00:01:00 01:00:03:00 10:00:00", "V C 000 01:00:01:00 01:00:03:00 10:00:00")

    assert summarize(classify_text(text, ".edl", film()))[0] == ("edit", "001", "01:00:01:00-01:00:03:00")


def test_drop_frame_list_is_refused_at_25_frames():
    """Every event is refused with the reason."""
    reading = classify_text(CUT.replace("NON-DROP", "DROP"), ".edl", film("cut.mov", "10:00:00:00"), clock="record")

    assert "which exists only at 29.97 and 59.94 fps" in reading.entries[0].reason


def test_unequal_lengths_are_retimed_without_m2():
    """50 source frames on 25 record frames are retimed; black, audio only and empty cuts are refused, too."""
    events = """001  A001C003 V     C        01:00:01:00 01:00:03:00 10:00:00:00 10:00:01:00
* react1: sad
002  BL       V     C        00:00:00:00 00:00:01:00 10:00:01:00 10:00:02:00
* react1: sad
003  A001C003 A     C        01:00:01:00 01:00:02:00 10:00:02:00 10:00:03:00
* react1: sad
004  A001C003 V     C        01:00:01:00 01:00:01:00 10:00:03:00 10:00:03:00
* react1: sad
005  A001C003 V     C        01:00:01:00 01:00:02:00 10:00:03:00 10:00:04:00
M2   A001C003       025.0                01:00:01:00
* react1: sad
"""
    reading = classify_text(events, ".edl", film())

    assert [row.reason for row in reading.entries] == [
        "it is retimed: 50 source frames lie on 25 record frames",
        "it is black",
        "it has no picture (channels A)",
        "it contains no frame: its record out is not after its in",
        "",
    ]


def test_programme_may_cross_midnight():
    """Labels continue at 00:00:00:00, and an event may span midnight."""
    events = """001  TAPE     V     C        01:00:00:00 01:00:02:00 23:59:59:00 00:00:01:00
* COMMENT: react1: sad
"""
    reading = classify_text(events, ".edl", film("show.mov", "23:59:58:00"), clock="record")
    frames = classify_text(events, ".edl", film("show.mov", ""), clock="record")

    assert summarize(reading) == [("edit", "001", "23:59:59:00-00:00:01:00")]
    assert summarize(frames) == [("edit", "001", "0f-50f")]


def test_a_programme_without_timecode_that_crosses_midnight_begins_before_it():
    """Its first frame is the first event's, not the one whose label is the least."""
    events = """001  TAPE     V     C        01:00:00:00 01:00:08:00 23:59:56:00 00:00:04:00
* COMMENT: react1: sad
002  TAPE     V     C        02:00:00:00 02:00:02:00 00:00:04:00 00:00:06:00
* COMMENT: react1: happy
"""
    reading = classify_text(events, ".edl", film("show.mov", "", 400), clock="record")

    assert [row[2] for row in summarize(reading)] == ["0f-200f", "200f-250f"]
    assert "assumed to be 23:59:56:00" in reading.notes[0]


def test_premiere_writes_drop_frame_with_semicolons_only():
    """`00;00;05;00` is a label, in a list and in a job."""
    text = """FCM: DROP FRAME
001  AX       V     C        00;00;50;00 00;01;10;00 01;00;50;00 01;01;10;00
* COMMENT: react1: sad
"""

    reading = classify_text(text, ".edl", film("show.mov", "01:00:00;00", 9000, "30000/1001"), clock="record")

    assert summarize(reading) == [("edit", "001", "01:00:50;00-01:01:10;00")]
    assert str(parse_time("00;01;00;02")) == "00:01:00;02"


DISSOLVED_SOUND = """001  A        V     C        01:00:00:00 01:00:02:00 10:00:00:00 10:00:02:00
* COMMENT: react1: sad
001  A        A     C        01:00:00:00 01:00:00:00 10:00:00:00 10:00:00:00
001  A        A     D    012 01:00:00:00 01:00:02:00 10:00:00:00 10:00:02:00
002  B        V     C        01:00:00:00 01:00:00:00 10:00:02:00 10:00:02:00
002  C        V     D    012 01:00:00:00 01:00:02:00 10:00:02:00 10:00:04:00
001  D        V     C        01:00:00:00 01:00:02:00 10:00:04:00 10:00:06:00
* COMMENT: react1: happy
"""


def test_a_transition_refuses_the_picture_of_its_own_event_only():
    """Not the picture over a dissolve of sound, nor an event of the same number elsewhere in a long list."""
    reading = classify_text(DISSOLVED_SOUND, ".edl", film("show.mov", "10:00:00:00"), clock="record")

    assert [row for row in summarize(reading) if row[0] == "edit"] == [
        ("edit", "001", "10:00:00:00-10:00:02:00"),
        ("edit", "001", "10:00:04:00-10:00:06:00"),
    ]
    assert [row.reason[:56] for row in reading.entries if row.entry.name == "002"] == [
        "it has no text; it is the outgoing side of a transition,",
        "it has no text; it begins with a dissolve (D 012), whose",
    ]
