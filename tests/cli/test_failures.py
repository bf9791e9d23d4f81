"""A failure gives one clear message and the right exit status, and changes no file."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

EDIT = ("--edit", "0.2-0.6:sad")


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("argv", "message"),
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
def test_wrong_arguments_exit_with_2_and_a_suggestion(react1, argv, message):
    """Nothing ran, and the message says what to write."""
    result = react1(*argv)

    assert (result.status, result.out) == (2, "")
    assert message in result.err
    assert not Path("../home").exists()


@pytest.mark.parametrize("option", ["--nonsense", "--max-cost=-1", "--max-cost=much"])
def test_unknown_options_exit_with_2(react1, option):
    """Usage errors have the same status as preset errors."""
    assert react1("run", "emotion-edit", option).status == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.mp4", None, "does not exist"),
        ("empty.mp4", b"", "empty"),
        ("text.mp4", b"this is not a film\n" * 400, "text.mp4"),
        ("noise.mov", bytes(range(256)) * 64, "noise.mov"),
    ],
)
def test_a_file_that_is_not_a_film_exits_with_3_and_one_line(react1, name, content, message):
    """The message names the file, and the file is unchanged."""
    if content is not None:
        Path(name).write_bytes(content)

    result = react1("run", "emotion-edit", "--set", f"source={name}", *EDIT, "--quiet")

    assert result.status == 3
    assert len(_lines(result.err)) == 1
    assert message in result.err
    assert content is None or Path(name).read_bytes() == content


@pytest.mark.parametrize("verb", ["plan", "run", "batch"])
def test_a_film_in_the_place_of_a_preset_is_said_to_be_one(react1, verb):
    """The most natural mistake of all gets the command that was meant."""
    Path("film.mp4").write_bytes(b"\0\0\0\x20ftypisom\xff\xfe")

    result = react1(verb, "film.mp4", *(EDIT if verb != "batch" else ()))

    assert result.status == 2
    assert result.err.endswith("name its preset first, as in `react1 run emotion-edit FILM`\n")
    assert result.err.count("\n") == 1


def test_a_film_with_the_longest_name_of_all_is_read(react1):
    """A name of 255 bytes leaves no room for the manifest beside it, which is then not there."""
    name = f"{'n' * 251}.mp4"
    Path(name).write_text("not a film")

    result = react1("plan", "emotion-edit", name, *EDIT, "--out", "out.mp4")

    assert result.status == 3
    assert result.err.endswith(".mp4 is not media that can be read\n")


def test_a_failure_prints_one_json_object(react1):
    """The keys are those of a success, and `error`."""
    result = react1("run", "emotion-edit", "--set", "source=gone.mp4", *EDIT, "--json")

    assert result.status == 3
    assert list(result.json) == [
        "run", "status", "output", "report", "cost_usd", "segments", "checks", "notes", "turnover", "until", "error",
    ]  # fmt: skip
    assert result.json["status"] == "failed"
    assert len(_lines(result.err)) == 1


@pytest.mark.parametrize(
    "name",
    ["with space.txt", "quote'\"s.txt", "-dash.txt", "ünïcode-名前.txt", "new\nline.txt", "percent%d.txt", "$HOME.txt"],
)
def test_an_unusual_file_name_is_harmless(react1, name):
    """The message about it is one line, and the file is unchanged."""
    Path(name).write_text("not a film")

    result = react1("run", "prepare", "--set", f"source={name}", *EDIT, "--quiet")

    assert result.status == 3
    assert len(_lines(result.err)) == 1
    assert Path(name).read_text() == "not a film"


def test_a_home_that_cannot_be_created_is_reported_in_one_line(react1, tmp_path):
    """A path below a file cannot become a folder."""
    (tmp_path / "file").write_text("")
    Path("film.txt").write_text("x")

    result = react1("run", "prepare", "--set", "source=film.txt", *EDIT, "--home", str(tmp_path / "file" / "home"))

    assert result.status == 2
    assert len(_lines(result.err)) == 1
    assert "is not a folder; set --home or REACT1_HOME" in result.err


def test_a_job_of_ten_megabytes_is_refused(react1):
    """It is not read completely."""
    Path("job.yaml").write_text("preset: emotion-edit\n" + "# long\n" * 1_500_000)

    result = react1("run", "job.yaml")

    assert result.status == 2
    assert "job.yaml" in result.err
    assert len(_lines(result.err)) == 1


def test_an_alias_bomb_is_refused(react1):
    """Nine levels of nine aliases are not expanded."""
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    Path("job.yaml").write_text("\n".join(["preset: emotion-edit", "a0: &a0 [x]", *levels]))

    result = react1("run", "job.yaml")

    assert result.status == 2
    assert "job.yaml" in result.err


def test_doctor_lists_its_checks(react1):
    """Python, ffmpeg, the engine, the home folder and the keys are checked."""
    checks = {row["check"]: row for row in react1("doctor", "--json").json["checks"]}

    assert checks["python"]["ok"]
    assert checks["ffmpeg"]["ok"]
    assert {"local engine", "timelines", "home", "SEGMIND_API_KEY", "provider auto"} <= set(checks)


@pytest.mark.parametrize(("name", "mark"), [("scikit-image", "no"), ("obstore", "no"), ("yt-dlp", "FAIL")])
def test_doctor_tells_an_extra_from_what_belongs_to_every_installation(react1, monkeypatch, name, mark):
    """What is not installed by choice is no failure."""
    installed = metadata.version

    def version(wanted):
        if wanted == name:
            raise metadata.PackageNotFoundError(wanted)
        return installed(wanted)

    monkeypatch.setattr(metadata, "version", version)
    result = react1("doctor")

    assert result.status == 0
    assert [line.split()[0] for line in result.out.splitlines() if f" {name} " in line and "not installed" in line] == [
        mark
    ]


def test_doctor_opens_the_shared_store(react1, monkeypatch, tmp_path):
    """A folder that is not mounted is a failure; without the setting there is no check."""
    assert "shared store" not in react1("doctor").out
    monkeypatch.setenv("REACT1_STORE", str(tmp_path / "unmounted"))
    result = react1("doctor", "--json")

    (store,) = (row for row in result.json["checks"] if row["check"] == "shared store")
    assert (result.status, store["ok"]) == (1, False)
    assert "is not a folder; create it, or mount the disk" in store["about"]


def test_doctor_never_shows_a_key(react1, monkeypatch):
    """The output says only whether a key is set."""
    monkeypatch.setenv("SEGMIND_API_KEY", "SG_secret")

    result = react1("doctor")

    assert "SG_secret" not in result.out + result.err
    assert "uses segmind" in result.out


def test_one_node_is_described_by_its_name(react1):
    """Another name gets the names that there are."""
    assert [node["name"] for node in react1("nodes", "splice", "--json").json["nodes"]] == ["splice"]
    lines = react1("nodes", "splice").out.splitlines()
    assert lines[0].startswith("splice ") and not any(line.startswith("trim ") for line in lines)
    failed = react1("nodes", "splise")
    assert failed.status == 2 and "'splise'" in failed.err and "did you mean 'splice'" in failed.err


def test_nodes_presets_and_schema_list_what_is_available(react1):
    """The output is a table or JSON."""
    nodes = {node["name"] for node in react1("nodes", "--json").json["nodes"]}
    presets = {preset["name"] for preset in react1("presets", "--json").json["presets"]}

    assert {"fetch", "trim", "transcode", "normalize_audio", "upload", "react1", "conform", "splice"} <= nodes
    assert {"emotion-edit", "preview", "adr-replace", "lips-only", "from-web", "prepare"} <= presets
    assert json.loads(react1("schema", "job").out)["$schema"].endswith("2020-12/schema")
    assert "react1: preset" not in react1("presets", "emotion-edit").out


def test_a_failure_in_json_names_its_kind_message_hint_and_problems(react1, tmp_path):
    """A script need not parse standard error."""
    (tmp_path / "a.mp4").write_bytes(b"no film")

    wrong = react1("run", "emotion-edit", str(tmp_path / "a.mp4"), "--edit", "1-2:hapy", "--json").json["error"]
    broken = react1("run", "emotion-edit", str(tmp_path / "a.mp4"), "--edit", "1-2:happy", "--json").json["error"]

    assert wrong["kind"] == "PresetError"
    assert wrong["hint"] == "did you mean 'happy'?"
    (problem,) = wrong["problems"]
    assert problem["file"] == "--edit 1-2:hapy"
    assert problem["message"].startswith("'hapy' is not one of happy, sad")
    assert broken["kind"] == "InputMediaError"
    assert "a.mp4" in broken["message"]
    assert broken["problems"] == []


def test_the_film_may_be_an_argument(react1, tmp_path):
    """It is the input `source`; both at once are refused."""
    film = str(tmp_path / "film.mp4")

    both = react1("plan", "preview", film, "--set", f"source={film}", "--edit", "1-2:sad")
    alone = react1("plan", "preview", film, "--edit", "1-2:sad")

    assert (both.status, alone.status) == (2, 3)
    assert "the film is given twice" in both.err
    assert "film.mp4" in alone.err
    assert "missing input" not in alone.err


def test_a_script_that_no_step_uses_is_a_remark(react1, tmp_path):
    """Not an error, and not silence."""
    (tmp_path / "grade.py").write_text("")

    result = react1("plan", "preview", "x.mp4", "--edit", "1-2:sad", "--script", str(tmp_path / "grade.py"))

    assert "note: --script has no effect: preview has no step `script` or `script_take`" in result.err
