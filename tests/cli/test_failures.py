"""What goes wrong is one clear line, the right exit status, and nothing lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

EDIT = ("--edit", "0.2-0.6:sad")


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["run", "emotoin-edit"], "did you mean 'emotion-edit'"),
        (["run", "emotion-edit"], "source"),
        (["run", "emotion-edit", "--set", "source"], "is not NAME=VALUE"),
        (["run", "emotion-edit", "--set", "source=a.mp4", "--edit", "1-2:hapy"], "did you mean 'happy'"),
        (["run", "emotion-edit", "--set", "source=a.mp4", "--edit", "2-1:sad"], "not after"),
        (["run", "emotion-edit", "--set", "source=a.mp4", "--edit", "1-2:sad:1.5"], "1"),
        (["run", "emotion-edit", "--set", "source=a.mp4", *EDIT, "--provider", "segmnd"], "did you mean 'segmind'"),
        (["run", "emotion-edit", "--set", "source=a.mp4", *EDIT, "--provider", "sync"], "SYNC_API_KEY"),
        (["plan", "nothing.yaml"], "neither a file nor a preset"),
        (["show", "20200101"], "there is no run"),
        (["resume"], "no unfinished run"),
        (["schema", "presets"], "did you mean 'preset'"),
        (["presets", "emotion"], "emotion-edit"),
    ],
)
def test_wrong_words_end_with_2_and_say_what_is_right(react1, argv, told):
    """Nothing ran, and the line says what to write instead."""
    ran = react1(*argv)

    assert (ran.status, ran.out) == (2, "")
    assert told in ran.err
    assert not Path("../home").exists()


@pytest.mark.parametrize("option", ["--nonsense", "--max-cost=-1", "--max-cost=much"])
def test_options_that_do_not_exist_end_with_2(react1, option):
    """The usage errors of the command line have the same status."""
    assert react1("run", "emotion-edit", option).status == 2


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("gone.mp4", None, "does not exist"),
        ("empty.mp4", b"", "empty"),
        ("text.mp4", b"this is not a film\n" * 400, "text.mp4"),
        ("noise.mov", bytes(range(256)) * 64, "noise.mov"),
    ],
)
def test_what_is_no_film_ends_with_3_and_one_line(react1, name, content, told):
    """The line names the file; the file is as it was."""
    if content is not None:
        Path(name).write_bytes(content)

    ran = react1("run", "emotion-edit", "--set", f"source={name}", *EDIT, "--quiet")

    assert ran.status == 3
    assert len(_lines(ran.err)) == 1
    assert told in ran.err
    assert content is None or Path(name).read_bytes() == content


def test_a_failure_is_one_json_object_too(react1):
    """A script reads the same keys whether it went well or not."""
    ran = react1("run", "emotion-edit", "--set", "source=gone.mp4", *EDIT, "--json")

    assert ran.status == 3
    assert list(ran.json) == ["run", "status", "output", "report", "cost_usd", "segments", "checks"]
    assert ran.json["status"] == "failed"
    assert len(_lines(ran.err)) == 1


@pytest.mark.parametrize(
    "name",
    ["with space.txt", "quote'\"s.txt", "-dash.txt", "ünïcode-名前.txt", "new\nline.txt", "percent%d.txt", "$HOME.txt"],
)
def test_a_strange_name_is_named_in_the_line_and_harms_nothing(react1, name):
    """A file that is no film is refused under any name; the message stays one line."""
    Path(name).write_text("not a film")

    ran = react1("run", "prepare", "--set", f"source={name}", *EDIT, "--quiet")

    assert ran.status == 3
    assert len(_lines(ran.err)) == 1
    assert Path(name).read_text() == "not a film"


def test_a_home_that_cannot_be_made_is_one_clear_line(react1, tmp_path):
    """A home inside a file is nobody's folder."""
    (tmp_path / "file").write_text("")
    Path("film.txt").write_text("x")

    ran = react1("run", "prepare", "--set", "source=film.txt", *EDIT, "--home", str(tmp_path / "file" / "home"))

    assert ran.status == 2
    assert len(_lines(ran.err)) == 1
    assert "is not a folder; set --home or REACT1_HOME" in ran.err


def test_a_job_of_ten_megabytes_is_refused(react1):
    """It is not even read whole."""
    Path("job.yaml").write_text("preset: emotion-edit\n" + "# long\n" * 1_500_000)

    ran = react1("run", "job.yaml")

    assert ran.status == 2
    assert "job.yaml" in ran.err
    assert len(_lines(ran.err)) == 1


def test_a_bomb_of_aliases_is_refused(react1):
    """Nine levels of nine aliases are not written out."""
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    Path("job.yaml").write_text("\n".join(["preset: emotion-edit", "a0: &a0 [x]", *levels]))

    ran = react1("run", "job.yaml")

    assert ran.status == 2
    assert "job.yaml" in ran.err


def test_doctor_says_what_there_is(react1):
    """Python, ffmpeg, the engine and the home are looked at; keys are never shown."""
    told = {row["check"]: row for row in react1("doctor", "--json").json["checks"]}

    assert told["python"]["ok"]
    assert told["ffmpeg"]["ok"]
    assert {"local engine", "timelines", "home", "SEGMIND_API_KEY", "provider auto"} <= set(told)


def test_doctor_never_shows_a_key(react1, monkeypatch):
    """A key is set or not set; that is all."""
    monkeypatch.setenv("SEGMIND_API_KEY", "SG_secret")

    ran = react1("doctor")

    assert "SG_secret" not in ran.out + ran.err
    assert "means segmind" in ran.out


def test_nodes_presets_and_schema_print_what_there_is(react1):
    """Each as a table or as JSON."""
    nodes = {node["name"] for node in react1("nodes", "--json").json["nodes"]}
    presets = {preset["name"] for preset in react1("presets", "--json").json["presets"]}

    assert {"fetch", "trim", "transcode", "normalize_audio", "upload", "react1", "conform", "splice"} <= nodes
    assert {"emotion-edit", "preview", "adr-replace", "lips-only", "from-web", "prepare"} <= presets
    assert json.loads(react1("schema", "job").out)["$schema"].endswith("2020-12/schema")
    assert "react1: preset" not in react1("presets", "emotion-edit").out
