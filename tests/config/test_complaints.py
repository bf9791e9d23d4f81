"""Every mistake is told with its file, line, column and keys, all at once."""

from __future__ import annotations

import json

import pytest

STEPS = "steps:\n  - fetch: {uri: a.mp4}\n"
JOB = "preset: mine.yaml\nsource: a.mp4\nedits:\n"


def test_a_misspelt_emotion_is_told_with_the_nearest(desk):
    """Position right inside a flow mapping."""
    found = desk.job_problems(JOB + '  - {in: 1, out: 2}\n  - {in: "00:00:12.400", out: 15.8, prompt: hapy}\n')

    assert found == [
        (
            "job.yaml:5:45: edits.1.prompt: 'hapy' is not one of happy, sad, angry, disgusted, surprised, neutral; "
            "did you mean 'happy'?"
        )
    ]


def test_mistakes_of_both_files_are_told_at_once_each_in_its_file(desk):
    """A job that uses a preset in another folder."""
    desk.write("sub/other.yaml", "inputs:\n  source: {kind: medai}\nsteps:\n  - fetsh: {uri: $source}\n  - conform:\n")

    found = desk.job_problems("preset: sub/other.yaml\nsorce: a.mp4\n")

    assert found == [
        "job.yaml:1:1: source: this input is missing: give it in a job as `source: …`, or with --set source=…",
        "job.yaml:2:8: sorce: other has no input 'sorce'; there is only source; did you mean 'source'?",
        (
            "sub/other.yaml:2:18: inputs.source.kind: 'medai' is not one of media, edits, timeline, path, file, text, "
            "number, integer, boolean, choice, options; did you mean 'media'?"
        ),
        (
            "sub/other.yaml:4:5: steps.0: no node 'fetsh'; there are fetch, trim, transcode, normalize_audio, upload, "
            "react1, conform, splice, compare, report, split; did you mean 'fetch'?"
        ),
    ]


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ("{in: 1}", "4:5: edits.0.out: is missing (the frame after the last one of the segment)"),
        ("{in: 3, out: 2}", "4:18: edits.0.out: out 00:00:02.000 is not after in 00:00:03.000"),
        ("{in: 2f, out: 2f}", "4:19: edits.0.out: out 2f is not after in 2f"),
        (
            '{in: "01:00:00:00", out: "00:59:59:24"}',
            "4:30: edits.0.out: out 00:59:59:24 is not after in 01:00:00:00",
        ),
        ("{in: 1, out: 2, temperature: 1.4}", "4:34: edits.0.temperature: expected at most 1, not 1.4"),
        ("{in: 1, out: 2, temperature: warm}", "4:34: edits.0.temperature: expected a number, not 'warm'"),
        ("{in: 1, out: 2, audio: 7}", "4:28: edits.0.audio: expected a file or an address as text, not 7"),
        ("{in: 1, out: 2, audio: {a: 1}}", "4:28: edits.0.audio: expected a file or an address as text, not a mapping"),
        (
            "{in: 1, out: 2, prompt: sad, emotion: sad}",
            "4:34: edits.0.emotion: says the same as another key of this mapping; keep one of them",
        ),
        (
            "{in: soon, out: 2}",
            (
                "4:10: edits.0.in: 'soon' is not a time; write HH:MM:SS:FF, HH:MM:SS.mmm, seconds such as 12.4, "
                "or frames such as 310f"
            ),
        ),
        ("7", "4:5: edits.0: expected a mapping, not 7"),
        ("{in: 1, out: 2, in: 3}", "4:21: edits.0.in: this key stands twice; the first is in line 4"),
        (
            "!!python/name:os.system x",
            "4:5: edits.0: the YAML tag 'tag:yaml.org,2002:python/name:os.system' means nothing here; leave it out",
        ),
    ],
)
def test_a_mistake_in_an_edit_is_told_where_it_stands(desk, edit, told):
    """File, line, column, keys, the value, and what is expected."""
    assert f"job.yaml:{told}" in desk.job_problems(f"{JOB}  - {edit}\n")


@pytest.mark.parametrize(
    ("first", "second", "told"),
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
def test_edits_that_overlap_are_told(desk, first, second, told):
    """Seconds against seconds, frames against frames, labels against labels."""
    assert desk.job_problems(f"{JOB}  - {first}\n  - {second}\n") == [f"job.yaml:5:5: edits.1: {told} of line 4"]


def test_edits_that_touch_or_differ_in_unit_do_not_overlap(desk):
    """Spans are half-open; frames and seconds are compared when the rate is known."""
    desk.job(f"{JOB}  - {{in: 1, out: 2}}\n  - {{in: 2, out: 3}}\n  - {{in: 30f, out: 60f}}\n")


def test_an_edit_inside_a_long_one_overlaps_it_though_a_short_one_lies_between(desk):
    """The span that reaches furthest is the one to compare with."""
    found = desk.job_problems(f"{JOB}  - {{in: 1, out: 9}}\n  - {{in: 2, out: 3}}\n  - {{in: 4, out: 5}}\n")

    assert [one.partition(" overlaps ")[2] for one in found] == ["00:00:01.000–00:00:09.000 of line 4"] * 2


def test_two_edits_of_one_name_are_told(desk):
    """At the second."""
    found = desk.job_problems(f"{JOB}  - {{in: 1, out: 2, name: x}}\n  - {{in: 2, out: 3, name: x}}\n")

    assert found == ["job.yaml:5:27: edits.1.name: two edits are called 'x'"]


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ("[]", "1:8: steps: there are no steps"),
        ("5", "1:8: steps: expected a list, not 5"),
        ("[{fetch: {uri: $film}}]", "1:23: steps.0.fetch.uri: no input $film; there is none"),
        (
            "[{fetch: {uri: $film.mp4}}]",
            (
                "1:23: steps.0.fetch.uri: '$film.mp4' mixes an input with text; only a whole value can be $name "
                "($$ is a plain dollar)"
            ),
        ),
        ("[fetch]", "1:9: steps.0.uri: is missing (a file or an address)"),
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
            "1:9: steps.0: `id` and `from` belong inside the node's mapping, such as fetch: {id: …}",
        ),
        ("[{fetch: , trim: }]", "1:9: steps.0: one step is one node, found fetch, trim; begin each with its own dash"),
        (
            "[{fetch: {uri: a}}, {fetch: {uri: b}}]",
            "1:28: steps.1: two steps are called 'fetch', the first in line 1; give this one an `id:`",
        ),
        (
            "[{fetch: {uri: a}}, conform]",
            "1:28: steps.1: step 'conform' needs an earlier step that gives take (take: Take); fetch gives media",
        ),
        (
            "[{fetch: {uri: a, from: later}}]",
            "1:32: steps.0.fetch.from: no step above is called 'later'; there is none",
        ),
    ],
)
def test_a_mistake_in_the_steps_is_told_where_it_stands(desk, steps, told):
    """All of it before anything runs."""
    desk.write("p.yaml", f"steps: {steps}\n")

    assert f"p.yaml:{told}" in desk.problems("p.yaml")


def test_a_value_over_several_lines_is_told_at_its_beginning(desk):
    """Block scalars and quotations that go on."""
    desk.write(
        "p.yaml",
        STEPS + "  - trim: {edits: [{in: 1, out: 2}]}\n  - transcode:\n      profile: >-\n        re\n        act\n"
        '  - transcode: {id: t, profile: "pre\n      view"}\n',
    )

    assert desk.problems("p.yaml") == [
        "p.yaml:5:16: steps.2.transcode.profile: 're act' is not one of react1, preview; did you mean 'react1'?",
        "p.yaml:8:33: steps.3.transcode.profile: 'pre view' is not one of react1, preview; did you mean 'preview'?",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: b: c", "1:5: a colon stands where none can be"),
        ("a: [1", "1:6: expected ',' or ']'"),
        ("a:\n\t- b", "2:1: a tab stands where YAML wants spaces"),
        ("- a\nb: c", "2:1: this line does not fit the ones above"),
        ('a: "x', "1:6: a quotation that began earlier never ends"),
        ("a: \0", "1:4: the character '\\x00' cannot stand in YAML"),
        ("a: *b", "1:4: a: *b names nothing"),
        ("a: &a [*a]", "1:8: a.0: *a stands inside what it names"),
        ("a: 1\n---\nb: 2", "2:1: a second document begins here"),
        ("[a]: 1", "1:1: a key must be plain text"),
        ("a: .inf", "1:4: a: .inf is not a number"),
        ("", "1:1: expected a mapping with `preset:` or `steps:`, not an empty file"),
        ("- 1", "1:1: expected a mapping with `preset:` or `steps:`, not a list"),
        ("name: x", "1:1: neither a preset (`steps: …`) nor a job (`preset: …`)"),
        (b"\xff\xfea", " not UTF-8 text: byte 0 is 0xff"),
        ("preset: emotion-edt", "1:9: preset: 'emotion-edt' is neither a file nor a preset; there are "),
        ("preset: job.yaml", "1:1: preset: a job cannot fill in another job"),
    ],
)
def test_text_that_cannot_be_read_is_told_plainly(desk, text, told):
    """In words for people who have not read the YAML specification."""
    assert any(one.startswith(f"job.yaml:{told}") for one in desk.job_problems(text))


def test_the_command_line_is_named_by_its_option(desk):
    """There is no line and column to give."""
    found = desk.problems(
        "mine.yaml",
        sets={"loud": "very", "sauce": "x", "edits": "[{in: 1", "on_failure": "go"},
        edits=["1-x:happy", "3-2:sad", "5-6:hapy:0.5", "5.5-7:sad:hot"],
        provider="segmint",
        out="",
    )

    assert found[0] == "--set edits: expected ',' or '}', but got '<stream end>' (while parsing a flow mapping)"
    assert found[1].startswith(
        "--edit 1-x:happy: expected IN-OUT:PROMPT[:TEMPERATURE], such as 12.4-15.8:happy:0.7; a time is"
    )
    assert "--set on_failure: 'go' is not one of stop, keep-original" in found
    assert (
        "--set sauce: mine has no input 'sauce'; there are source, edits, out, loud, track; did you mean 'source'?"
        in found
    )
    assert "source: this input (the film) is missing: give it in a job as `source: …`, or with --set source=…" in found
    assert "--edit 3-2:sad: out: out 00:00:02.000 is not after in 00:00:03.000" in found
    assert any(one.startswith("--edit 5-6:hapy:0.5: prompt: 'hapy' is not one of") for one in found)
    assert "--edit 5.5-7:sad:hot: temperature: expected a number, not 'hot'" in found
    assert "--set loud: expected a number, not 'very'" in found
    assert "--out: a path cannot be empty" in found
    assert any(
        one.startswith("--provider: 'segmint' is not one of auto, local, segmind, sync; did you") for one in found
    )


def test_one_mistake_is_told_once(desk):
    """What the branches of a type have to say about it is left out."""
    found = desk.job_problems(f"{JOB}  - {{in: 1, out: 2, audio: 7}}\n")

    assert found == ["job.yaml:4:28: edits.0.audio: expected a file or an address as text, not 7"]


@pytest.mark.parametrize("name", ["x" * 5000, "\ud800", "a\0b", "", "."])
def test_a_name_that_no_file_can_have_is_told(desk, name):
    """By the command line, and by a job."""
    assert len(desk.problems(name)) == 1
    assert len(desk.job_problems(f"preset: {json.dumps(name)}\n")) == 1


def test_a_preset_that_names_its_host_is_not_sent_to_another(desk):
    """What is always local must not cost money because of an option; `auto` leaves it alone."""
    pinned = "  - trim: {edits: [{in: 1, out: 2}]}\n  - upload:\n  - react1: {provider: local}\n"
    desk.write("p.yaml", STEPS + pinned)

    assert desk.problems("p.yaml", provider="segmind") == [
        "--provider: step react1 always uses 'local'; leave the option out, or use another preset"
    ]
    for provider in ("auto", "local"):
        assert desk.load("p.yaml", provider=provider).steps[-1].params.provider == "local"


@pytest.mark.parametrize("template", ["{sauce.stem}", "{source.steam}", "{source}", "{loud.stem}"])
def test_a_template_that_means_nothing_is_told(desk, template):
    """What is misspelt is not left in a file's name."""
    found = desk.problems("mine.yaml", sets={"source": "a.mp4", "out": template}, edits=["1-2:sad"])

    assert len(found) == 1
    assert found[0].startswith(f"--set out: {template}: ")


def test_an_unknown_name_is_told_with_what_there_is(desk):
    """Neither a file nor a preset that ships."""
    (found,) = desk.problems("emotionedit")

    assert found.startswith("'emotionedit' is neither a file nor a preset; the presets are ")
    assert found.endswith("; did you mean 'emotion-edit'?")
