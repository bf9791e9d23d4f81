"""Paid takes of a matrix: the budget covers all of them, and each is paid for once."""

from __future__ import annotations

import contextlib
import json

import av
import pytest
from job_runner import no_precheck
from numbered_clips import make_clip
from server_client import open_server

from react1.pipeline.api import run
from react1.pipeline.cli.app import run_command
from react1.pipeline.core.errors import InputMediaError, OverBudget, ProviderError
from react1.pipeline.jobs import budget
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.server.job_store import JobStore
from react1.pipeline.server.renderers import copy_source, mark_source

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_precheck")]
__all__ = ["no_precheck"]
KEY = "SG_secret0123456789abcdef"


@pytest.fixture
def matrix_job(tmp_path, monkeypatch):
    """Write a job with a matrix, and start a local server that marks; its second call fails."""
    clip = make_clip(tmp_path / "film.mp4", frames=30, size=(160, 90), audio_codec="aac")
    job, folder = tmp_path / "job.yaml", tmp_path / "srv"

    def start(prompts, pick=""):
        job.write_text(
            f"preset: emotion-edit\nsource: {clip}\nout: {tmp_path / 'out.mp4'}\nedits:\n"
            f"  - {{in: 10f, out: 20f, takes: {{prompt: {prompts}{pick}}}}}  # which?\n"
        )
        return lambda **more: run(job, home=tmp_path / "home", provider="segmind", yes=True, **more)

    faults = [{"route": "submit", "do": "fail", "error": "content blocked", "call": [2]}]
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(
            open_server(folder, {"engine": "mark", "faults": faults}, renderer=mark_source, key=KEY)
        )
        monkeypatch.setattr(
            budget, "check_segment", lambda segment, store, limits: (("a cut",), None)
        )  # a made clip has no face
        monkeypatch.setenv("REACT1_SEGMIND_URL", client.url)
        monkeypatch.setenv("SEGMIND_API_KEY", KEY)
        monkeypatch.setenv("REACT1_POLL_S", "0.05")
        start.job, start.home, start.film = job, tmp_path / "home", tmp_path / "out.mp4"
        start.sent = lambda: [
            job.sent["prompt"] for job in sorted(JobStore(folder).jobs(), key=lambda job: job.created_s)
        ]
        start.uploaded = lambda: len(list((folder / "server" / "assets").iterdir()))
        yield start


def test_takes_are_paid_once_each_and_within_the_budget(matrix_job, capsys):
    """Over budget nothing is sent; after a failure, a longer list or a choice, only missing takes are made."""

    def planned():
        capsys.readouterr()
        run_command(
            ["plan", str(matrix_job.job), "--provider", "segmind", "--home", str(matrix_job.home), "--yes", "--json"]
        )
        plan = json.loads(capsys.readouterr().out)
        rows = [row for row in plan["steps"] if row["step"] == "react1"]
        return plan["cost_usd"], [(row["take"], row["remarks"], row["cost_usd"]) for row in rows]

    with pytest.raises(OverBudget, match=r"about \$0\.\d\d is more than the budget of \$0.20") as stopped:
        matrix_job("[sad, angry]")(max_cost=0.2)
    before, plan = (matrix_job.sent(), matrix_job.uploaded()), planned()
    with pytest.raises(ProviderError, match="content blocked"):
        matrix_job("[sad, angry]")()
    first = matrix_job("[sad, angry]")()
    waiting = matrix_job.film.exists()
    longer = matrix_job("[sad, angry, neutral]")()
    status = run_command(["pick", longer.run, "s01", "angry", "--home", str(matrix_job.home)])
    plan_of_choice = planned()
    chosen = run(matrix_job.job, home=matrix_job.home, provider="segmind", yes=True, max_cost=0)

    assert stopped.value.exit_status == 5
    assert before == ([], 0)
    assert [row[:2] for row in plan[1]] == [("sad", ["a cut"]), ("angry", [])]
    assert plan[0] == pytest.approx(sum(row[2] for row in plan[1]))
    assert min(row[2] for row in plan[1]) > 0.1
    assert plan_of_choice == (0, [("angry", [], 0)])
    assert sorted(matrix_job.sent()) in (["angry", "angry", "neutral", "sad"], ["angry", "neutral", "sad", "sad"])
    assert (first.status, first.output, waiting) == ("choose", None, False)
    assert [take.name for take in longer.segments[0].takes if not take.reused] == ["neutral"]
    assert longer.cost_usd == longer.segments[0].takes[2].cost_usd > 0
    assert status == 0
    assert (chosen.status, chosen.cost_usd, chosen.output) == ("done", 0, matrix_job.film)
    assert chosen.segments[0].request_id == longer.segments[0].takes[1].request_id
    assert len([job for job in Ledger(matrix_job.home).entries() if job.state == "done"]) == 3
    with av.open(str(matrix_job.film)) as film:
        assert sum(1 for _ in film.decode(video=0)) == 30
    assert json.loads(chosen.report.with_name("report.json").read_text())["segments"][0]["status"] == "done"


def test_a_take_that_changes_nothing_is_a_failure_and_is_kept(tmp_path, monkeypatch):
    """Exit 3, or 6 where the original footage may be kept; the call is in the ledger and is not made again."""
    clip = make_clip(tmp_path / "film.mp4", frames=30, size=(160, 90), audio_codec="aac")
    monkeypatch.setattr(budget, "check_segment", lambda segment, store, limits: ((), None))
    with open_server(tmp_path / "srv", {"engine": "copy"}, renderer=copy_source, key=KEY) as client:
        for name, value in (("REACT1_SEGMIND_URL", client.url), ("SEGMIND_API_KEY", KEY), ("REACT1_POLL_S", "0.05")):
            monkeypatch.setenv(name, value)

        def edited(**more):
            options = {"source": clip, "edits": ["10f-20f:sad"], "out": tmp_path / "out.mp4", "provider": "segmind"}
            return run("emotion-edit", home=tmp_path / "home", yes=True, **options, **more)

        with pytest.raises(InputMediaError, match=r"\(request .*changes no frame .*not paid for again") as first:
            edited()
        with pytest.raises(InputMediaError, match="changes no frame") as second:
            edited()
        third = edited(on_failure="keep-original")

    assert (first.value.cost_usd > 0, second.value.cost_usd, third.cost_usd) == (True, 0, 0)
    assert (third.exit_status, [segment.status for segment in third.segments]) == (6, ["original"])
    assert len(list(JobStore(tmp_path / "srv").jobs())) == 1
    (entry,) = Ledger(tmp_path / "home").entries()
    assert entry.state == "done"
