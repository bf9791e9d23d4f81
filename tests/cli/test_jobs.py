"""`react1 jobs`, the estimate on a terminal, and the plan of a paid run, with the real command."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys

import pytest
from numbered_clips import make_clip
from server_client import open_server

from react1.pipeline.cli.app import run_command
from react1.pipeline.cli.commands.inspection import jobs as jobs_command
from react1.pipeline.core.file import File
from react1.pipeline.jobs import budget
from react1.pipeline.jobs.compaction import compact
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.jobs.ledger_entry import Call, Done, Failed, Intended, Unknown
from react1.pipeline.server.job_store import JobStore
from react1.pipeline.server.renderers import mark_source

pytestmark = pytest.mark.slow

KEY = "SG_secret0123456789"
NOW = "2026-11-25T10:00:00.000+00:00"
CALL = Call(provider="segmind", host="https://api.segmind.com", parameters={"prompt": "sad"}, video="v" * 64, audio="")


@pytest.fixture
def react1(tmp_path, monkeypatch, capsys):
    """Run the command in a home of its own, in this process, which has the face models loaded once."""
    environ = {**os.environ, "REACT1_HOME": str(tmp_path / "home"), "SEGMIND_API_KEY": KEY}

    def run(*arguments):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        status = run_command([str(word) for word in arguments])
        output = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, status, output.out, output.err)

    run.environ = environ
    return run


@pytest.fixture
def server(tmp_path, react1):
    """Start local servers that copy what they receive."""
    with contextlib.ExitStack() as stack:

        def start(*faults):
            plan = {"engine": "mark", "faults": list(faults)}
            client = stack.enter_context(open_server(tmp_path / "srv", plan, renderer=mark_source, key=KEY))
            react1.environ["REACT1_SEGMIND_URL"] = client.url
            return client

        yield start


@pytest.fixture
def film(tmp_path, monkeypatch):
    """Make a small film; it has no face, so nothing looks for one."""
    monkeypatch.setattr(budget, "check_segment", lambda segment, store, limits: ((), None))
    return make_clip(tmp_path / "made.mp4", frames=50, size=(160, 90), audio_codec="aac")


@pytest.fixture(scope="module")
def terminal_home(tmp_path_factory):
    """A home folder in which the runs on a terminal prepare the same segment once."""
    return tmp_path_factory.mktemp("terminal") / "home"


def run_arguments(clip, tmp_path, *edits):
    edits = [word for edit in edits for word in ("--edit", edit)]
    out = str(tmp_path / "f.mp4")
    return ["emotion-edit", "--set", f"source={clip}", "--out", out, "--provider", "segmind", *edits]


def unknown(tmp_path):
    ledger = Ledger(tmp_path / "home")
    result = Intended(
        at=NOW, call=CALL, nonce="n", video_name="n.mp4", video_url="https://f.example/n.mp4?sig=hidden",
        estimate_usd=1.5, seconds=9.0, segment="s01", run="r1",
    )  # fmt: skip
    return ledger.record(ledger.record_intent(result), "unknown", Unknown(at=NOW, why="the connection was broken off"))


def test_an_empty_ledger_is_reported(react1, tmp_path):
    """With `--json`, the list is empty."""
    assert "no paid calls in" in react1("jobs").stdout
    assert json.loads(react1("jobs", "--json").stdout) == {
        "jobs": [], "cost_usd": 0, "rehearsal_cost_usd": 0, "count": 0,
    }  # fmt: skip
    assert not (tmp_path / "home" / "ledger").exists()


def test_a_call_is_listed_with_everything_needed_to_settle_it(react1, tmp_path):
    """Its states are shown, and the signature of a URL is not."""
    entry = unknown(tmp_path)

    (row,) = json.loads(react1("jobs", "--json").stdout)["jobs"]
    shown = react1("jobs", "show", entry.id[:5]).stdout

    assert (row["id"], row["state"], row["segment"], row["estimate_usd"]) == (entry.id, "unknown", "s01", 1.5)
    assert (row["provider"], row["request_id"], row["cost_usd"], row["run"]) == ("segmind", None, 0.0, "r1")
    assert entry.id in react1("jobs").stdout
    assert "the connection was broken off" in shown
    assert "hidden" not in shown + react1("jobs", "show", entry.id, "--json").stdout


def test_rehearsals_are_not_counted_as_spending(tmp_path, capsys):
    """By the address of the host; the provider's name is the same."""
    ledger = Ledger(tmp_path / "home")
    hosts = {"https://api.segmind.com": 2.0, "http://127.0.0.1:8791": 0.5, "http://localhost:9": 0.25}
    for host, usd in hosts.items():
        intended = Intended(
            at=NOW, call=CALL.model_copy(update={"host": host}), nonce="n", video_name="n.mp4",
            video_url="https://f.example/n.mp4", estimate_usd=usd, segment="s01",
        )  # fmt: skip
        file = File(digest="a" * 64, suffix=".mp4", size_bytes=5)
        ledger.record(ledger.record_intent(intended), "done", Done(at=NOW, file=file, cost_usd=usd, cost_known=True))

    assert run_command(["jobs", "--json", "--home", str(tmp_path / "home")]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert run_command(["jobs", "--home", str(tmp_path / "home")]) == 0
    text = capsys.readouterr().out

    assert {row["host"]: row["rehearsal"] for row in listed["jobs"]} == {host: "api" not in host for host in hosts}
    assert (listed["cost_usd"], listed["rehearsal_cost_usd"]) == (2.0, 0.75)
    assert "1 jobs, $2.00\n2 rehearsals at a server on this machine, $0.75 not charged" in text
    assert "($0.50)" in text


def test_the_newest_calls_are_listed_and_all_are_summed(tmp_path, capsys, monkeypatch):
    """`--all` lists the others too; those in a segment are listed as before."""
    ledger, home = Ledger(tmp_path / "home"), ["--home", str(tmp_path / "home")]
    for number in range(3):
        intended = Intended(
            at=f"2026-11-0{number + 1}T10:00:00.000+00:00", call=CALL.model_copy(update={"video": f"{number}" * 64}),
            nonce="n", video_name="n.mp4", video_url="https://f.example/n.mp4", estimate_usd=1, segment="s01",
        )  # fmt: skip
        file = File(digest="a" * 64, suffix=".mp4", size_bytes=5)
        ledger.record(ledger.record_intent(intended), "done", Done(at=NOW, file=file, cost_usd=2, cost_known=True))
    assert run_command(["jobs", "--all", "--json", *home]) == 0
    every = json.loads(capsys.readouterr().out)
    compact(ledger, at_least=1)
    monkeypatch.setattr(jobs_command, "LISTED", 2)

    assert run_command(["jobs", "--json", *home]) == 0
    newest = json.loads(capsys.readouterr().out)
    assert run_command(["jobs", *home]) == 0
    text = capsys.readouterr().out
    assert run_command(["jobs", "--all", "--json", *home]) == 0

    assert (newest["jobs"], newest["count"], newest["cost_usd"]) == (every["jobs"][:2], 3, 6)
    assert text.endswith("the newest 2 of 3; --all lists all\n3 jobs, $6.00\n")
    assert json.loads(capsys.readouterr().out) == every


def test_a_call_is_settled_by_hand(react1, tmp_path):
    """Exactly one of the two options must be given."""
    entry = unknown(tmp_path)

    for wrong in ([], ["--accepted", "r1", "--resubmit"]):
        result = react1("jobs", "settle", entry.id, *wrong)
        assert (result.returncode, "exactly one of" in result.stderr) == (2, True)
    assert react1("jobs", "settle", "zzz", "--resubmit").returncode == 2
    assert "has request ID r9" in react1("jobs", "settle", entry.id, "--accepted", "r9").stdout
    assert Ledger(tmp_path / "home").latest(CALL).request_id == "r9"
    assert "is marked as never made" in react1("jobs", "settle", entry.id, "--resubmit").stdout
    assert Ledger(tmp_path / "home").latest(CALL).state == "void"


def test_a_failure_is_settled_as_billed_or_not(tmp_path, capsys):
    """The list says which ones count by their estimates, and how to say what was charged."""
    ledger, home = Ledger(tmp_path / "home"), ["--home", str(tmp_path / "home")]
    intended = Intended(
        at=NOW, call=CALL, nonce="n", video_name="n.mp4", video_url="https://f.example/n.mp4", estimate_usd=1.5
    )
    entry = ledger.record(ledger.record_intent(intended), "failed", Failed(at=NOW, error="no face"))

    def react1(*words):
        status = run_command(["jobs", *words, *home])
        return status, *capsys.readouterr()

    assert json.loads(react1("--json")[1])["jobs"][0]["cost_known"] is False
    assert "1 failed and count by their estimates" in (text := react1()[1]) and "1 jobs, $1.50" in text
    for wrong in (["--billed", "0"], ["--billed", "nan"], ["--billed", "inf"], ["--billed=-1"]):
        assert react1("settle", entry.id, *wrong)[0] == 2
    assert react1("settle", entry.id, "--billed", "1", "--not-billed")[0] == 2
    status, text, _ = react1("settle", entry.id, "--billed", "0.75")
    assert (status, "has cost $0.75; this counts" in text) == (0, True)
    row = json.loads(react1("settle", entry.id, "--not-billed", "--json")[1])
    assert (row["state"], row["cost_usd"], row["cost_known"], row["error"]) == ("failed", 0.0, True, "no face")
    assert "count by their estimates" not in (text := react1()[1]) and "1 jobs, $0.00" in text
    shown = react1("show", entry.id)[1]
    assert "no face; by hand: $0.75 billed" in shown and "no face; by hand: not billed" in shown
    paid = ledger.record_intent(intended.model_copy(update={"call": CALL.model_copy(update={"video": "b" * 64})}))
    take = File(digest="c" * 64, suffix=".mp4", size_bytes=1)
    ledger.record(paid, "done", Done(at=NOW, file=take, cost_usd=2, cost_known=False))
    row = json.loads(react1("settle", paid.id, "--billed", "0.5", "--json")[1])
    assert (row["state"], row["cost_usd"], row["cost_known"]) == ("done", 0.5, True)
    assert "done  by hand: $0.50 billed" in react1("show", paid.id)[1]
    rehearsed = CALL.model_copy(update={"host": "http://127.0.0.1:8000", "video": "d" * 64})
    rehearsal = ledger.record_intent(intended.model_copy(update={"call": rehearsed}))
    ledger.record(rehearsal, "failed", Failed(at=NOW, error="no face"))
    assert "a rehearsal counts in no sum and no budget" in react1("settle", rehearsal.id, "--billed", "1")[1]
    assert "2 jobs, $0.50" in react1()[1]


def test_a_plan_shows_the_cost_of_each_segment_and_the_total(react1, server, film, tmp_path):
    """Nothing is cut, written or sent for it; after the run the plan costs nothing."""
    server()
    job = run_arguments(film, tmp_path, "0.4-1:happy", "1.2-1.8:sad")

    plan = json.loads(react1("plan", *job, "--json").stdout)

    costs = {row["segment"]: row["cost_usd"] for row in plan["steps"] if row["step"] == "react1"}
    assert set(costs) == {"s01", "s02"}
    assert plan["cost_usd"] == pytest.approx(sum(costs.values()))
    assert all(0.1 < cost < 0.4 for cost in costs.values())
    assert not (tmp_path / "home").exists()
    assert "more than the budget of $0.10" in react1("plan", *job, "--max-cost", "0.1").stdout
    done = react1("run", *job, "--yes", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["cost_usd"] == pytest.approx(plan["cost_usd"], abs=0.02)
    assert json.loads(react1("plan", *job, "--json").stdout)["cost_usd"] == 0
    assert len(list(JobStore(tmp_path / "srv").jobs())) == 2


def test_a_run_without_approval_exits_with_5(react1, server, film, tmp_path):
    """It reports one line and one JSON object, and nothing is sent."""
    server()
    job = run_arguments(film, tmp_path, "0.6-1.4:happy")

    result = react1("run", *job, "--json")

    assert result.returncode == 5
    assert json.loads(result.stdout)["status"] == "failed"
    (line,) = result.stderr.splitlines()
    assert "are not approved; pass --pay" in line
    assert react1("run", *job, "--yes", "--max-cost", "0.01").returncode == 5
    react1.environ["REACT1_MAX_COST"] = "0.01"
    assert react1("run", *job, "--yes").returncode == 5
    assert list(JobStore(tmp_path / "srv").jobs()) == []


@pytest.mark.parametrize(("answer", "status", "jobs"), [("n", 5, 0), ("", 5, 0), ("y", 0, 1)])
def test_a_run_on_a_terminal_shows_the_estimate_and_asks(
    answer, status, jobs, react1, server, talking_clip, terminal_home, tmp_path
):
    """Only `y` starts the paid jobs."""
    server()
    react1.environ["REACT1_HOME"] = str(terminal_home)
    job = ["emotion-edit", "--set", f"source={talking_clip}", "--provider", "segmind", "--edit", "0.6-1.4:happy"]
    argv = [sys.executable, "-m", "react1", "run", *job, "--until", "react1"]
    master, slave = pty.openpty()
    process = subprocess.Popen(
        argv, stdin=slave, stderr=slave, stdout=subprocess.DEVNULL, env=react1.environ | {"TERM": "dumb"}
    )
    os.close(slave)
    seen = b""
    while b"Continue?" not in seen:
        seen += os.read(master, 4096)
    os.write(master, f"{answer}\n".encode())
    with contextlib.suppress(OSError):
        while part := os.read(master, 4096):
            seen += part

    assert process.wait(60) == status
    os.close(master)
    assert b"s01: " in seen
    assert b"This costs about $0.24" in seen
    assert len(list(JobStore(tmp_path / "srv").jobs())) == jobs


def test_a_run_with_a_lost_response_exits_with_4_and_can_be_settled(react1, server, film, tmp_path):
    """Without a history nothing is sent again until the job is settled by hand."""
    server(
        {"route": "submit", "do": "reset", "when": "after"},
        {"route": "history", "do": "status", "status": 400},
    )
    job = run_arguments(film, tmp_path, "0.6-1.4:happy")

    lost = react1("run", *job, "--yes")
    again = react1("resume")

    assert (lost.returncode, again.returncode) == (4, 4)
    assert "react1 jobs settle" in lost.stderr
    (job,) = JobStore(tmp_path / "srv").jobs()
    (row,) = json.loads(react1("jobs", "--json").stdout)["jobs"]
    assert row["state"] == "unknown"
    assert react1("jobs", "settle", row["id"], "--accepted", job.id).returncode == 0
    done = react1("resume", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["segments"][0]["request_id"] == job.id
    assert len(list(JobStore(tmp_path / "srv").jobs())) == 1


def test_a_failed_run_reports_its_cost(react1, server, film, tmp_path):
    """The first segment is paid, the second is refused; the JSON object, the run and the jobs agree on the cost."""
    server({"route": "submit", "do": "status", "status": 403, "call": 2})
    react1.environ["REACT1_CONCURRENCY"] = "1"

    result = react1("run", *run_arguments(film, tmp_path, "0.4-1:happy", "1.2-1.8:sad"), "--yes", "--json")

    failure = json.loads(result.stdout)
    assert (result.returncode, failure["status"]) == (4, "failed")
    jobs = json.loads(react1("jobs", "--json").stdout)
    assert sorted(row["state"] for row in jobs["jobs"]) == ["done", "void"]
    assert failure["cost_usd"] == jobs["rehearsal_cost_usd"] > 0
    assert json.loads(react1("runs", "--json").stdout)["runs"][0]["cost_usd"] == failure["cost_usd"]


def test_doctor_shows_the_providers_url(react1, server):
    """It reports an insecure URL."""
    client = server()

    assert f"{client.url}, a server on this machine" in react1("doctor").stdout
    react1.environ["REACT1_SEGMIND_URL"] = "http://example.com"
    assert "https only" in react1("doctor").stdout


@pytest.mark.parametrize("option", [("--home", "elsewhere"), ("--json",), ("--all",)])
def test_options_before_a_subcommand_are_refused(react1, tmp_path, option):
    """It would not get them: a call would be settled in the default home, not in the one that is given."""
    before = react1("jobs", *option, "settle", "3f2a", "--not-billed")
    after = react1("jobs", "settle", "3f2a", "--not-billed", "--home", tmp_path / "elsewhere")

    assert (before.returncode, after.returncode) == (2, 2)
    assert f"{option[0]}: give options of `settle` after it: react1 jobs settle …" in before.stderr
    assert "after it" not in after.stderr
