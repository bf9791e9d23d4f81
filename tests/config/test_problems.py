"""Every problem is reported with its file, line, column and keys, and all of them at once."""

from __future__ import annotations

import json

import pytest

STEPS = "steps:\n  - fetch: {uri: a.mp4}\n"
JOB = "preset: mine.yaml\nsource: a.mp4\nedits:\n"


def test_a_misspelled_emotion_gets_a_suggestion(job_folder):
    """The position is inside the flow mapping."""
    messages = job_folder.job_problems(JOB + '  - {in: 1, out: 2}\n  - {in: "00:00:12.400", out: 15.8, prompt: hapy}\n')

    assert messages == [
        (
            "job.yaml:5:45: edits.1.prompt: 'hapy' is not one of happy, sad, angry, disgusted, surprised, neutral; "
            "did you mean 'happy'?"
        )
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('source: "http://[::1"', "source: 'http://[::1' is not a valid URL"),
        ('source: "\\uD800.mp4"', "source: a path cannot contain an unpaired surrogate"),
        ("handles: " + "a" * 5000, f"handles: '{'a' * 58}… is not a time; write HH:MM:SS:FF, "),
    ],
)
def test_rubbish_is_refused_in_one_line(job_folder, line, message):
    """A URL that no parser splits, a path that no system has, and a text that is too long to be repeated."""
    source = "" if line.startswith("source") else "source: a.mp4\n"

    problems = job_folder.job_problems(
        f"preset: emotion-edit\n{source}{line}\nedits: [{{in: 1, out: 2, prompt: sad}}]\n"
    )

    assert len(problems) == 1
    assert message in problems[0] and len(problems[0]) < 250


def test_a_provider_in_a_job_is_told_where_it_is_chosen(job_folder):
    """A list of films may name one, a job may not."""
    (problem,) = job_folder.job_problems(
        "preset: emotion-edit\nsource: a.mp4\nprovider: sync\nedits: [{in: 1, out: 2, prompt: sad}]\n"
    )

    assert problem == "job.yaml:3:11: provider: emotion-edit has no input 'provider'; choose it with --provider"


def test_problems_of_job_and_preset_are_reported_together(job_folder):
    """The job and the preset are in different folders; each problem names its file."""
    job_folder.write(
        "sub/other.yaml", "inputs:\n  source: {kind: medai}\nsteps:\n  - fetsh: {uri: $source}\n  - conform:\n"
    )

    messages = job_folder.job_problems("preset: sub/other.yaml\nsorce: a.mp4\n")

    assert messages == [
        "job.yaml:1:1: source: missing input: set it in a job as `source: …`, or with --set source=…",
        "job.yaml:2:8: sorce: other has no input 'sorce'; available: source; did you mean 'source'?",
        (
            "sub/other.yaml:2:18: inputs.source.kind: 'medai' is not one of media, edits, timeline, path, file, text, "
            "time, number, integer, boolean, choice, options; did you mean 'media'?"
        ),
        (
            "sub/other.yaml:4:5: steps.0: no node 'fetsh'; available: fetch, trim, transcode, normalize_audio, face, "
            "upload, react1, conform, splice, compare, report, split; did you mean 'fetch'?"
        ),
    ]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("{in: 1}", "4:5: edits.0.out: is missing (the frame after the last one of the segment)"),
        ("{in: 3, out: 2}", "4:18: edits.0.out: 00:00:02.000 is not after 00:00:03.000, the in point"),
        ("{in: 2f, out: 2f}", "4:19: edits.0.out: 2f is not after 2f, the in point"),
        (
            '{in: "01:00:00:00", out: "00:59:59:24"}',
            "4:30: edits.0.out: 00:59:59:24 is not after 01:00:00:00, the in point",
        ),
        ("{in: 1, out: 2, temperature: 1.4}", "4:34: edits.0.temperature: expected at most 1, not 1.4"),
        ("{in: 1, out: 2, temperature: warm}", "4:34: edits.0.temperature: expected a number, not 'warm'"),
        ("{in: 1, out: 2, audio: 7}", "4:28: edits.0.audio: expected a file or a URL as text, not 7"),
        ("{in: 1, out: 2, audio: {a: 1}}", "4:28: edits.0.audio: expected a file or a URL as text, not a mapping"),
        (
            "{in: 1, out: 2, prompt: sad, emotion: sad}",
            "4:34: edits.0.emotion: another key of this mapping sets the same value; keep one of them",
        ),
        (
            "{in: soon, out: 2}",
            (
                "4:10: edits.0.in: 'soon' is not a time; write HH:MM:SS:FF, HH:MM:SS.mmm, seconds such as 12.4, "
                "or frames such as 310f"
            ),
        ),
        ("7", "4:5: edits.0: expected a mapping, not 7"),
        ("{in: 1, out: 2, in: 3}", "4:21: edits.0.in: duplicate key; first defined on line 4"),
        (
            "{<<: &base {in: 1, out: 2}, in: 3, out: 4}",
            "4:6: edits.0.<<: merge keys (<<), which YAML 1.2 does not have, are not read; write the keys here",
        ),
        (
            "!!python/name:os.system x",
            "4:5: edits.0: YAML tags are not supported; remove 'tag:yaml.org,2002:python/name:os.system'",
        ),
    ],
)
def test_a_problem_with_an_edit_is_reported_at_its_position(job_folder, edit, message):
    """The message has file, line, column, keys, the value, and what is expected."""
    assert f"job.yaml:{message}" in job_folder.job_problems(f"{JOB}  - {edit}\n")


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("{in: 1, out: 3}", "{in: 2.5, out: 4}", "00:00:02.500–00:00:04.000 overlaps 00:00:01.000–00:00:03.000"),
        ("{in: 5f, out: 9f}", "{in: 1f, out: 6f}", "1f–6f overlaps 5f–9f"),
        (
            '{in: "00:00:01:00", out: "00:00:03:00"}',
            '{in: "00:00:02:24", out: "00:00:04:00"}',
            "00:00:02:24–00:00:04:00 overlaps 00:00:01:00–00:00:03:00",
        ),
    ],
)
def test_overlapping_edits_are_reported(job_folder, first, second, message):
    """Seconds are compared with seconds, frames with frames, timecode with timecode."""
    assert job_folder.job_problems(f"{JOB}  - {first}\n  - {second}\n") == [
        f"job.yaml:5:5: edits.1: {message} on line 4"
    ]


def test_adjacent_edits_and_edits_in_different_units_do_not_overlap(job_folder):
    """Spans are half-open; frames and seconds are compared later, when the rate is known."""
    job_folder.job(f"{JOB}  - {{in: 1, out: 2}}\n  - {{in: 2, out: 3}}\n  - {{in: 30f, out: 60f}}\n")


def test_an_edit_is_compared_with_the_span_that_ends_last(job_folder):
    """Both short edits overlap the long one, although a short one is between."""
    messages = job_folder.job_problems(f"{JOB}  - {{in: 1, out: 9}}\n  - {{in: 2, out: 3}}\n  - {{in: 4, out: 5}}\n")

    assert [text.partition(" overlaps ")[2] for text in messages] == ["00:00:01.000–00:00:09.000 on line 4"] * 2


def test_a_name_that_no_file_could_have_is_refused_in_words(job_folder):
    """Not by a regular expression."""
    (message,) = job_folder.job_problems(f"{JOB}  - {{in: 1, out: 2, name: two words}}\n")

    assert message == (
        "job.yaml:4:27: edits.0.name: expected a letter or digit, then up to 63 of A-Z, a-z, 0-9, '.', '_' and '-' "
        "(no space, no accent), not 'two words'"
    )


def test_a_duplicate_edit_name_is_reported(job_folder):
    """The position is that of the second edit."""
    messages = job_folder.job_problems(f"{JOB}  - {{in: 1, out: 2, name: x}}\n  - {{in: 2, out: 3, name: x}}\n")

    assert messages == ["job.yaml:5:27: edits.1.name: the name 'x' is used by two edits"]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("[]", "1:8: steps: there are no steps"),
        ("5", "1:8: steps: expected a list, not 5"),
        ("[{fetch: {uri: $film}}]", "1:23: steps.0.fetch.uri: no input $film; none available"),
        (
            "[{fetch: {uri: $film.mp4}}]",
            (
                "1:23: steps.0.fetch.uri: '$film.mp4' mixes an input with text; write $name alone "
                "($$ is a literal dollar)"
            ),
        ),
        ("[fetch]", "1:9: steps.0.uri: is missing (a file or a URL)"),
        (
            "[{fetch: {uri: a, sutitles: no}}]",
            (
                "1:26: steps.0.fetch.sutitles: unknown key: 'sutitles' is not one of uri, subtitles; "
                "did you mean 'subtitles'?"
            ),
        ),
        ("[{fetch: {uri: a, subtitles: 7}}]", "1:37: steps.0.fetch.subtitles: expected true or false, not 7"),
        ("[{fetch: [1]}]", "1:17: steps.0.fetch: expected the parameters of fetch as a mapping, not a list"),
        (
            "[{fetch: {uri: a}, id: x}]",
            "1:9: steps.0: `id` and `from` go inside the node's mapping, such as fetch: {id: …}",
        ),
        ("[{fetch: , trim: }]", "1:9: steps.0: a step has one node, not fetch, trim; begin each step with a dash"),
        (
            "[{fetch: {uri: a}}, {fetch: {uri: b}}]",
            "1:28: steps.1: duplicate step 'fetch'; the first is on line 1; give this one an `id:`",
        ),
        (
            "[{fetch: {uri: a}}, conform]",
            "1:28: steps.1: step 'conform' needs an earlier step that outputs take (take: Take); fetch outputs media",
        ),
        (
            "[{fetch: {uri: a, from: later}}]",
            "1:32: steps.0.fetch.from: no step 'later' above; none available",
        ),
    ],
)
def test_a_problem_with_a_step_is_reported_at_its_position(job_folder, steps, message):
    """Every problem is reported before anything runs."""
    job_folder.write("p.yaml", f"steps: {steps}\n")

    assert f"p.yaml:{message}" in job_folder.problems("p.yaml")


def test_a_multiline_value_is_reported_at_its_first_line(job_folder):
    """This holds for block scalars and for quoted text."""
    job_folder.write(
        "p.yaml",
        STEPS + "  - trim: {edits: [{in: 1, out: 2}]}\n  - transcode:\n      profile: >-\n        re\n        act\n"
        '  - transcode: {id: t, profile: "pre\n      view"}\n',
    )

    assert job_folder.problems("p.yaml") == [
        "p.yaml:5:16: steps.2.transcode.profile: 're act' is not one of react1, preview; did you mean 'react1'?",
        "p.yaml:8:33: steps.3.transcode.profile: 'pre view' is not one of react1, preview; did you mean 'preview'?",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b: c", "1:5: unexpected colon: check the indentation"),
        ("a: [1", "1:6: expected ',' or ']'"),
        ("a:\n\t- b", "2:1: a tab where YAML needs spaces"),
        ("- a\nb: c", "2:1: this line does not match the lines above"),
        ('a: "x', "1:6: a quoted text that began earlier has no end"),
        ("a: \0", "1:4: the character '\\x00' is not allowed in YAML"),
        ("a: *b", "1:4: a: undefined alias *b"),
        ("a: &a [*a]", "1:8: a.0: alias *a is inside the value that it refers to"),
        ("a: 1\n---\nb: 2", "2:1: a second YAML document begins here"),
        ("[a]: 1", "1:1: a key must be plain text"),
        ("a: .inf", "1:4: a: .inf is not a finite number"),
        ("", "1:1: expected a mapping with `preset:` or `steps:`, not an empty file"),
        ("- 1", "1:1: expected a mapping with `preset:` or `steps:`, not a list"),
        ("name: x", "1:1: neither a preset (`steps: …`) nor a job (`preset: …`)"),
        (b"\xff\xfea", " not UTF-8 text: byte 0 is 0xff; save the file as UTF-8"),
        (
            "preset: preview\nsource: a.mp4\nedits: {in: 1, out: 2}",
            "3:8: edits: expected a list of edits, and this is one edit; put it in brackets",
        ),
        ("preset: emotion-edt", "1:9: preset: 'emotion-edt' is neither a file nor a preset; available: "),
        ("preset: job.yaml", "1:1: preset: this is a job, not a preset"),
    ],
)
def test_a_syntax_error_is_explained(job_folder, text, message):
    """The message needs no knowledge of the YAML specification."""
    assert any(text.startswith(f"job.yaml:{message}") for text in job_folder.job_problems(text))


def test_a_problem_of_the_command_line_names_its_option(job_folder):
    """It has no line and no column."""
    messages = job_folder.problems(
        "mine.yaml",
        sets={"loud": "very", "sauce": "x", "edits": "[{in: 1", "on_failure": "go"},
        edits=["1-x:happy", "3-2:sad", "5-6:hapy:0.5", "5.5-7:sad:hot"],
        provider="segmint",
        out="",
    )

    assert messages[0] == "--set edits: expected ',' or '}', but got '<stream end>' (while parsing a flow mapping)"
    assert messages[1].startswith(
        "--edit 1-x:happy: expected IN-OUT:PROMPT[:TEMPERATURE][@FACE][:KEY=VALUE…], such as 12.4-15.8:happy:0.7"
        ", 3-5:sad@left or 3-5:sad:audio=line.wav; a time is"
    )
    assert "--set on_failure: 'go' is not one of stop, keep-original" in messages
    assert (
        "--set sauce: mine has no input 'sauce'; available: source, edits, out, loud, track; did you mean 'source'?"
        in messages
    )
    assert "source: missing input (the film): set it in a job as `source: …`, or with --set source=…" in messages
    assert "--edit 3-2:sad: out: 00:00:02.000 is not after 00:00:03.000, the in point" in messages
    assert any(text.startswith("--edit 5-6:hapy:0.5: prompt: 'hapy' is not one of") for text in messages)
    assert "--edit 5.5-7:sad:hot: temperature: expected a number, not 'hot'" in messages
    assert "--set loud: expected a number, not 'very'" in messages
    assert "--out: a path cannot be empty" in messages
    assert any(
        text.startswith("--provider: 'segmint' is not one of auto, local, segmind, sync; did you") for text in messages
    )


def test_a_problem_is_reported_once(job_folder):
    """The branches of a union type add no messages of their own."""
    messages = job_folder.job_problems(f"{JOB}  - {{in: 1, out: 2, audio: 7}}\n")

    assert messages == ["job.yaml:4:28: edits.0.audio: expected a file or a URL as text, not 7"]


@pytest.mark.parametrize("name", ["x" * 5000, "\ud800", "a\0b", "", "."])
def test_an_impossible_file_name_is_reported(job_folder, name):
    """This holds for the command line and for a job."""
    assert len(job_folder.problems(name)) == 1
    assert len(job_folder.job_problems(f"preset: {json.dumps(name)}\n")) == 1


def test_a_preset_that_fixes_its_provider_refuses_another(job_folder):
    """A preset that is always local must not cost money because of an option; `auto` keeps it local."""
    pinned = "  - trim: {edits: [{in: 1, out: 2}]}\n  - upload:\n  - react1: {provider: local}\n"
    job_folder.write("p.yaml", STEPS + pinned)

    assert job_folder.problems("p.yaml", provider="segmind") == [
        "--provider: step react1 always uses 'local'; remove the option, or use another preset"
    ]
    for provider in ("auto", "local"):
        assert job_folder.load("p.yaml", provider=provider).steps[-1].params.provider == "local"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{sauce.stem}", "'sauce' is not one of "),
        ("{source.steam}", "'steam' is not one of stem, "),
        ("{source}", "says no part of source; write {source.stem}, {source.suffix}, "),
        ("{loud.stem}", "the input 'loud' is not a file"),
    ],
)
def test_an_invalid_template_is_reported(job_folder, template, reason):
    """A misspelled part does not end up in a file name."""
    messages = job_folder.problems("mine.yaml", sets={"source": "a.mp4", "out": template}, edits=["1-2:sad"])

    assert len(messages) == 1
    assert messages[0].startswith(f"--set out: {template}: {reason}")


def test_an_unknown_preset_is_reported_with_the_available_ones(job_folder):
    """The name is neither a file nor a shipped preset."""
    (message,) = job_folder.problems("emotionedit")

    assert message.startswith("'emotionedit' is neither a file nor a preset; available: adr-replace, ")
    assert message.endswith("; did you mean 'emotion-edit'?")
