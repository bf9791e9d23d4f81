"""An edit may be at a cue, spoken words, a shot or a marker, and may snap to a cut or a pause."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

from react1.pipeline.config.load import load_job
from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.errors import InputMediaError, PresetError
from react1.pipeline.core.file import File
from react1.pipeline.core.nodes.registry import load_registry
from react1.pipeline.interchange.places import PlaceFinder, PlaceOptions
from react1.pipeline.media.frames.shots import cuts_between
from react1.pipeline.media.probe import probe
from react1.pipeline.media.tools.ffmpeg import ffmpeg_path
from react1.pipeline.media.tools.process import run_tool
from react1.testing import FolderContext

SRT = """1
00:00:00,400 --> 00:00:01,200
I can't believe it.

2
00:00:02,000 --> 00:00:03,000
You never - ever -
3
00:00:03,000 --> 00:00:04,000
listen to me!

4
00:00:05,000 --> 00:00:09,500
I CANT believe him.
"""
CUTS = (50, 90, 150)
PAUSES_S = ((1.5, 2.25), (5.0, 5.6))


@pytest.fixture(scope="session")
def scenes(tmp_path_factory):
    """8 s of 96x64 at 25 frames/s: four shots of different pictures, a tone with two pauses, and embedded subtitles."""
    folder = tmp_path_factory.mktemp("scenes")
    (folder / "subs.srt").write_text(SRT)
    shown = [("mandelbrot=s=96x64:r=25", 50), ("color=red:s=96x64:r=25", 40), ("testsrc=s=96x64:r=25", 60),
             ("smptebars=s=96x64:r=25", 50)]  # fmt: skip
    inputs = [word for source, count in shown for word in ("-f", "lavfi", "-t", str(count / 25), "-i", source)]
    pauses = "+".join(f"between(t,{start},{end})" for start, end in PAUSES_S)
    voice = ["-f", "lavfi", "-i", f"aevalsrc='if({pauses},0,0.3*sin(2*PI*220*t)*(1+sin(2*PI*4*t)))':s=16000:d=8"]
    joined = "".join(f"[{n}:v]format=yuv420p,setsar=1[v{n}];" for n in range(4))
    joined += "[v0][v1][v2][v3]concat=n=4:v=1[v]"
    path = folder / "scenes.mkv"
    subtitles = ["-i", str(folder / "subs.srt")]
    maps = ["-map", "[v]", "-map", "4:a", "-map", "5:s", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le"]
    graph = ["-filter_complex", joined]
    run_tool([ffmpeg_path(), "-v", "error", *inputs, *voice, *subtitles, *graph, *maps, "-c:s", "srt", str(path)])
    return path


@pytest.fixture
def places(scenes, tmp_path):
    """Return a function that finds places in the film; `cues` is a text and a suffix."""
    context = FolderContext(tmp_path / "context")

    copy = tmp_path / scenes.name
    copy.write_bytes(scenes.read_bytes())
    file = context.store(copy)
    media = probe(context.path(file), file)

    def find(where, cues=None, **options):
        file_of_cues = None
        if cues is not None:
            text, suffix = cues
            (tmp_path / f"cues{suffix}").write_text(text)
            file_of_cues = context.store(tmp_path / f"cues{suffix}")
        edit = Edit.model_validate(where if "in" in where else {"at": where})
        return PlaceFinder(context, media, PlaceOptions(file_of_cues, **options))(edit)

    return find


def test_cues_and_words_are_found_in_embedded_subtitles(places):
    """Cues are found by number, and words over two cues, ignoring case and punctuation."""
    assert places({"cue": 1})[:2] == (10, 30)
    assert places({"text": "i cant believe it"})[:2] == (10, 30)
    assert places({"text": "EVER: listen, to me?"})[:2] == (50, 100)
    assert places({"cue": 4})[:2] == (125, 200)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"text": "I can't believe"}, r"said 2 times: 00:00:00.400–00:00:01.200 \"I can't believe it.\", 00:00:05.000"),
        ({"text": "I can not believe it"}, r"is not said: the closest are 00:00:00.400–00:00:01.200"),
        ({"text": "xylophone"}, "nothing in the film's subtitle stream is similar"),
        ({"cue": 9}, "there is no cue 9 with a time: the film's subtitle stream has the cues 1 to 4"),
        ({"shot": 7}, "there is no shot 7: the film has 4"),
        ({"marker": "M1"}, "markers are looked up in a `timeline`"),
    ],
)
def test_missing_or_ambiguous_places_are_refused(places, where, message):
    """The message lists the candidates with their times."""
    with pytest.raises(InputMediaError, match=message):
        places(where)


def test_word_times_give_the_span_of_the_words(places):
    """In a transcript only the requested words are used, not their complete segment."""
    words = [{"word": word, "start": n, "end": n + 0.52} for n, word in enumerate(["I", "can't", "believe", "it."])]
    text = json.dumps({"segments": [{"start": 0, "end": 4, "text": "I can't believe it.", "words": words}]})

    assert places({"text": "cant believe"}, (text, ".json"))[:2] == (25, 63)
    assert places({"cue": 1}, (text, ".json"))[:2] == (0, 100)


def test_a_shot_is_found_by_its_number(places, scenes):
    """Exactly the frames at which the film was joined."""
    media = probe(scenes, File(digest="0" * 64, suffix=".mkv", size_bytes=1))

    assert tuple(cuts_between(scenes, media, 0, 200)) == CUTS
    assert [places({"shot": number})[:2] for number in (1, 2, 4)] == [(0, 50), (50, 90), (150, 200)]


def test_points_snap_to_the_nearest_cut(places):
    """A point without a cut in reach stays with a note; the edit's own setting takes precedence."""
    start, end, notes = places({"in": "46f", "out": "95f"}, snap="shot", within_s=Fraction(1, 4))
    assert (start, end) == (50, 90)
    assert notes == (
        "in moved from frame 46 to 50 (00:00:02.000), the nearest cut",
        "out moved from frame 95 to 90 (00:00:03.600), the nearest cut",
    )
    start, end, notes = places({"in": "60f", "out": "90f"}, snap="shot", within_s=Fraction(1, 4))
    assert (start, end, notes) == (60, 90, ("in stays at frame 60: no cut within 0.25 s",))
    assert places({"in": "46f", "out": "95f", "snap": "none"}, snap="shot") == (46, 95, ())


def test_points_snap_into_the_nearest_pause(places):
    """Both points move into a pause of the voice."""
    start, end, notes = places({"in": "34f", "out": "148f", "snap": "silence"})

    assert [PAUSES_S[0][0] < start / 25 < PAUSES_S[0][1], PAUSES_S[1][0] < end / 25 < PAUSES_S[1][1]] == [True, True]
    assert len(notes) == 2
    assert abs(start - 34) <= 12
    assert np.sign(end - 148) == -1


def _load(folder, **sets):
    return load_job("job.yaml", registry=load_registry(), base=folder, sets=sets)


JOB = "preset: prepare\nsource: A001C003_0101.mov\nedits:\n  - {at: {%s}, prompt: sad}\n"
MARKS = """TITLE: x
001  A001C003 V     C        01:00:01:00 01:00:02:00 10:00:00:00 10:00:01:00
* LOC: 10:00:00:10 RED     M3
002  A001C003 V     C        01:00:03:00 01:00:04:00 10:00:01:00 10:00:02:00
* LOC: 10:00:01:10 RED     M4
003  A001C003 V     C        01:00:05:00 01:00:06:00 10:00:02:00 10:00:03:00
* LOC: 10:00:02:10 RED     M4
"""


def test_marker_is_found_in_the_sidecar_timeline(reel, tmp_path):
    """`A001C003_0101.edl` lies beside `A001C003_0101.mov`; a job may name another."""
    (tmp_path / reel.name).write_bytes(reel.read_bytes())
    (tmp_path / "A001C003_0101.edl").write_text(MARKS)
    (tmp_path / "job.yaml").write_text(JOB % "marker: m3")

    (edit,) = _load(tmp_path).steps[1].params.edits
    assert (str(edit.in_), str(edit.out), edit.prompt) == ("01:00:01:00", "01:00:02:00", "sad")

    (tmp_path / "job.yaml").write_text(JOB % "marker: M4")
    with pytest.raises(
        PresetError, match=r"job\.yaml:4:19: edits\.0\.at\.marker: .*2 markers are called 'M4': at 10:00:01:10"
    ):
        _load(tmp_path)
    (tmp_path / "job.yaml").write_text(JOB % "marker: M5")
    with pytest.raises(PresetError, match=r"no marker 'M5'; available: M3 \(10:00:00:10\)"):
        _load(tmp_path)


def test_sidecar_subtitles_are_found(reel, tmp_path):
    """A sidecar has the film's name, with or without a language; of two the job must name one."""
    (tmp_path / reel.name).write_bytes(reel.read_bytes())
    (tmp_path / "job.yaml").write_text(JOB % "cue: 1")
    assert _load(tmp_path).steps[1].params.cues is None
    (tmp_path / "A001C003_0101.en.srt").write_text(SRT)
    assert _load(tmp_path).steps[1].params.cues == str(tmp_path / "A001C003_0101.en.srt")

    (tmp_path / "A001C003_0101.de.vtt").write_text("WEBVTT\n")
    with pytest.raises(
        PresetError,
        match=r"could be `cues`: A001C003_0101\.de\.vtt, A001C003_0101\.en\.srt; set `cues` to one of them",
    ):
        _load(tmp_path)


def test_web_film_fetches_subtitles_if_an_edit_needs_them(tmp_path):
    """The page's subtitles are fetched only for edits at cues or text."""
    job = "preset: from-web\nsource: https://host/film\nedits:\n  - {%s, prompt: sad}\n"
    for where, expected in (("at: {text: hello}", True), ("in: 1, out: 2", False)):
        (tmp_path / "job.yaml").write_text(job % where)

        assert _load(tmp_path).steps[0].params.subtitles is expected


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("{in: 1, prompt: sad}", "edits.0.out: is missing"),
        ("{prompt: sad}", "edits.0.in: is missing (first frame of the segment)"),
        ("{at: {cue: 1}, in: 1, out: 2}", "has two positions, 00:00:01.000 and at cue 1; keep one of them"),
        ("{at: {}}", "expected exactly one of cue, text, marker, shot"),
        ("{at: {cue: 1, shot: 2}}", "expected exactly one of cue, text, marker, shot"),
        ("{at: {shott: 1}}", "did you mean 'shot'"),
        ("{at: {cue: 0}}", "at least 1"),
    ],
)
def test_an_edit_has_exactly_one_place(reel, tmp_path, edit, message):
    """An edit has in and out, or `at` with one key."""
    (tmp_path / reel.name).write_bytes(reel.read_bytes())
    (tmp_path / "job.yaml").write_text(f"preset: prepare\nsource: {reel.name}\nedits:\n  - {edit}\n")

    with pytest.raises(PresetError) as refused:
        _load(tmp_path)

    assert message in str(refused.value)
