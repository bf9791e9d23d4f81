"""Tables, subtitles and transcripts."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from edit_list_samples import classify_text, film, summarize

from react1.pipeline.core.errors import PresetError
from react1.pipeline.interchange.limits import decode_text
from react1.pipeline.interchange.readers import parse_listing, read_listing

OWN_TABLE = """in;out;name;prompt;temperature;take notes
01:00:01:00;01:00:02:00;first line;angry;0.8;loud
2.5;3.5;s2;;;nothing asked
75f;90f;s3;sad;;
"""


def test_table_columns_become_edits():
    """Times may have any form; a row without an edit is ignored, and unknown columns are reported."""
    reading = classify_text(OWN_TABLE, ".csv", film())

    assert summarize(reading) == [
        ("edit", "first line", "01:00:01:00-01:00:02:00"),
        ("ignored", "s2", ""),
        ("edit", "s3", "75f-90f"),
    ]
    assert [row.fields for row in reading.edits] == [
        {"prompt": "angry", "temperature": 0.8},
        {"prompt": "sad", "name": "s3"},
    ]
    assert reading.listing.unread == ((1, "unknown columns: take notes"),)


def test_a_table_of_a_spreadsheet_has_decimal_commas():
    """Where another separator leaves them; `sep=;` before the header is Excel's, and no row of the table."""
    listing = parse_listing("sep=;\nin;out;comment;temperature\n1,5;2,25;1,5 s later;0,7\n", ".csv", "t.csv")
    quoted = parse_listing('in,out,comment\n"1,5",2,x\n', ".csv", "t.csv")

    (row,) = listing.entries
    assert (row.line, row.texts, row.fields) == (3, ("1,5 s later",), {"temperature": "0.7"})
    assert (row.record.start.value, row.record.end.value) == (Fraction(3, 2), Fraction(9, 4))
    assert "'1,5' is not a time" in quoted.entries[0].unusable


PREMIERE = """Marker Name\tDescription\tIn\tOut\tDuration\tMarker Type
M1\treact1: angry 0.8\t00:00:01;00\t00:00:02;15\t00:00:01;15\tComment
M2\treact1: sad\t00:00:03;00\t00:00:03;00\t00:00:00;00\tComment
M3\tjust a note\t00:00:04;00\t00:00:05;00\t00:00:01;00\tChapter
"""


def test_premiere_marker_lists_of_drop_frame_sequences_are_read():
    """All their separators are semicolons."""
    text = PREMIERE.replace("00:00:", "00;00;")

    reading = classify_text(text, ".csv", film("show.mov", "00:00:00;00", 9000, "30000/1001"))

    assert summarize(reading)[0] == ("edit", "M1", "00:00:01;00-00:00:02;15")


def test_premiere_marker_lists_are_read(tmp_path):
    """Premiere writes UTF-16 with tabs; times count from zero if the film has no timecode."""
    path = tmp_path / "markers.csv"
    path.write_bytes(b"\xff\xfe" + PREMIERE.replace("\n", "\r\n").encode("utf-16-le"))
    listing = read_listing(path, "markers.csv")

    assert [entry.line for entry in listing.entries] == [2, 3, 4]
    reading = classify_text(PREMIERE, ".csv", film("cut.mov", "", 300, "30000/1001"))
    assert summarize(reading) == [
        ("edit", "M1", "00:00:01;00-00:00:02;15"),
        ("refused", "M2", ""),
        ("ignored", "M3", ""),
    ]


def test_table_source_columns_match_clips():
    """With clip and source columns the film may be one of the clips."""
    text = "Clip Name,Source In,Source Out,Record In,Record Out,Comment\n"
    text += "A001C003_0101.mov,01:00:01:00,01:00:02:00,10:00:00:00,10:00:01:00,react1: angry\n"
    text += "B007.mov,01:00:01:00,01:00:02:00,10:00:01:00,10:00:02:00,react1: angry\n"

    assert summarize(classify_text(text, ".csv", film()))[0][2] == "01:00:01:00-01:00:02:00"
    assert (
        summarize(classify_text(text, ".csv", film("programme.mov", "10:00:00:00")))[1][2] == "10:00:01:00-10:00:02:00"
    )


SRT = "1\n00:00:01,000 --> 00:00:02,500\n<i>Hello</i>\nthere\n\n2\n00:00:03,000 --> 00:00:04,000\nreact1: angry 0.8\n"
VTT = "WEBVTT\n\nNOTE by us\n\nintro\n00:01.000 --> 00:02.500 align:start\n<v Ann>Hello <b>there</b>\n\n"
VTT += "00:00:03.000 --> 00:00:04.000\nreact1: angry 0.8\n"


@pytest.mark.parametrize(("text", "suffix", "lines"), [(SRT, ".srt", [2, 7]), (VTT, ".vtt", [6, 9])])
def test_subtitle_cues_are_read(text, suffix, lines):
    """Cues have numbers, exact times and texts without markup; one may contain an edit."""
    reading = classify_text(text, suffix, film())

    assert [(entry.line, entry.name, entry.texts) for entry in reading.listing.entries] == [
        (lines[0], "1", ("Hello there",)),
        (lines[1], "2", ("react1: angry 0.8",)),
    ]
    assert summarize(reading)[1] == ("edit", "2", "00:00:03.000-00:00:04.000")
    assert reading.listing.entries[0].record.end.value == Fraction(5, 2)


WORDS = [{"word": " I", "start": 0.5, "end": 0.6}, {"word": " can't", "start": 0.6, "end": 1.0}]


@pytest.mark.parametrize(
    "root",
    [
        {"segments": [{"start": 0.5, "end": 1.0, "text": " I can't", "words": WORDS}]},
        {"segments": [{"start": 0.5, "end": 1.0, "text": " I can't"}], "word_segments": WORDS},
        {"words": WORDS},
        {"segments": [], "words": WORDS},
        {"transcription": [{"offsets": {"from": 500, "to": 1000}, "text": " I can't"}]},
    ],
    ids=["whisper", "whisperx", "words", "words beside no segments", "whisper.cpp"],
)
def test_whisper_transcripts_are_read(root):
    """Segments become cues, with word times if the file has them."""
    (entry,) = parse_listing(json.dumps(root), ".json", "t.json").entries

    assert entry.texts == ("I can't",)
    assert (entry.record.start.value, entry.record.end.value) == (Fraction(1, 2), 1)
    if "transcription" not in root:
        assert [(word.text, word.start.value) for word in entry.words] == [
            ("I", Fraction(1, 2)),
            ("can't", Fraction(3, 5)),
        ]


def test_the_words_of_a_long_transcript_are_dealt_to_its_segments():
    """Each segment has the words that begin in it, in whatever order the file lists them; an hour takes seconds."""
    words = [{"word": f"w{number}", "start": number / 2, "end": number / 2 + 0.4} for number in range(4000)]
    segments = [{"start": start, "end": start + 5, "text": f"s{start}"} for start in range(0, 2000, 5)]

    entries = parse_listing(json.dumps({"segments": segments, "words": words[::-1]}), ".json", "t.json").entries

    assert [word.text for word in entries[7].words] == [f"w{number}" for number in range(70, 80)]
    assert sum(len(entry.words) for entry in entries) == len(words)


@pytest.mark.parametrize(
    ("text", "suffix", "message"),
    [
        ("a,b\n1,2\n", ".csv", "its columns are 'a', 'b'; one must be called `in`"),
        ("in,out\n", ".csv", "no row under its header"),
        ('in,out\n"1,2\n', ".csv", "is not a table"),
        ("in\n" + "x" * 5000, ".csv", "more than 4,000 characters"),
        ("1\n00:00:0a,000 --> 1\nhi\n", ".srt", "list.srt:1:1: no subtitle can be read here: '1'"),
        ("WEBVTT\n\n00:00:01.000 --> 0\nhi\n", ".vtt", r"list.vtt:3:1: invalid cue times"),
        ("hello", ".vtt", "first line is not WEBVTT"),
        ("WEBVTT\n\nhello\n", ".vtt", "has no cue"),
        ("{}", ".json", "is not a transcript"),
        ('{"segments": [3]}', ".json", "segment 1 is not an object"),
        ('{"segments": [{"start": "x", "end": 1, "text": ""}]}', ".json", "segment 1 has no start and end"),
        ("", ".srt", "is empty"),
        ("x" * 5000, ".edl", "a line has 5,000 characters"),
    ],
)
def test_unreadable_text_is_refused_with_its_line(text, suffix, message):
    """Each refusal is one line."""
    with pytest.raises(PresetError, match=message):
        classify_text(text, suffix)


def test_binary_data_is_refused():
    """A film passed as a list, and half a UTF-16 character, are refused."""
    with pytest.raises(PresetError, match="is not text"):
        decode_text(b"\0\0\0\x18ftypisom", "film.csv")
    with pytest.raises(PresetError, match="UTF-16"):
        decode_text(b"\xff\xfea", "a.csv")


def test_a_film_in_place_of_a_list_is_named_by_its_suffix(tmp_path):
    """Not by what is in it."""
    film = tmp_path / "film.mp4"
    film.write_bytes(b"\0\0\0\x18ftyp")

    with pytest.raises(PresetError, match=r"film\.mp4: is not a list of edits: its suffix is none of \.edl, "):
        read_listing(film, "film.mp4")
    with pytest.raises(PresetError, match=r"gone: cannot be read: No such file"):
        read_listing(tmp_path / "gone", "gone")
