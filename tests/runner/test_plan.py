"""A plan lists what a run would do, writes nothing, and refuses what a run would refuse."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
import toys

from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.runner.deliveries import existing_outputs
from react1.pipeline.runner.execute import Options, execute
from react1.pipeline.runner.planning.plan import plan_job
from react1.pipeline.store.store import Store


@pytest.fixture
def source(tmp_path):
    place = tmp_path / "film.txt"
    place.write_text("film")
    return place


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out" / "film.react1.txt"


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def _run(job, home):
    toys.RUN_COUNTS.clear()
    return asyncio.run(execute(job, Options(home)))


def _plan(job, home, **options):
    rows = plan_job(job, Store(home, read_only=True), **options)
    return {f"{row.step} {row.segment}".strip(): "stored" if row.stored else row.why for row in rows}


def _forget(home, node, segment=""):
    """Delete a stored result."""
    for path in (home / "results").rglob("*.json"):
        record = json.loads(path.read_text())
        value = record["value"]
        name = value["segment"]["name"] if isinstance(value, dict) and "segment" in value else ""
        if record["parts"]["node"] == node and name == segment:
            path.unlink()


def test_before_the_first_run_nothing_is_stored(source, out, home):
    """The source is probed, so the plan knows that the cut is new; nothing is written."""
    assert _plan(toys.toy_job(source, out), home) == {
        "open": "no stored result",
        "cut": "no stored result",
        "shade": "after cut",
        "join": "after shade",
        "summary": "after cut",
    }
    assert not home.exists()


def test_after_a_run_everything_is_stored(source, out, home):
    """The report too, because the times of a run are not part of its key."""
    job = toys.toy_job(source, out)
    _run(job, home)

    assert set(_plan(job, home).values()) == {"stored"}
    _run(job, home)
    assert not toys.RUN_COUNTS


def test_a_changed_parameter_is_named(source, out, home):
    """Steps before the change are stored, steps after it wait for it."""
    _run(toys.toy_job(source, out), home)

    assert _plan(toys.toy_job(source, out, tone="cold"), home) == {
        "open": "stored",
        "cut": "stored",
        "shade a": "changed: tone warm → cold",
        "shade b": "changed: tone warm → cold",
        "join": "after shade",
        "summary": "after shade",
    }


@pytest.mark.slow
def test_each_segment_is_planned_separately(source, out, home):
    """If the take of b is deleted, only the rows of b have to run."""
    job = _with_a_second_shade(toys.toy_job(source, out))
    _run(job, home)
    _forget(home, "shade", "b")

    assert _plan(job, home) == {
        "open": "stored",
        "cut": "stored",
        "shade a": "stored",
        "shade b": "its stored result was removed",
        "again a": "stored",
        "again b": "after shade",
        "join": "after again",
        "summary": "after shade",
    }
    _run(job, home)
    assert dict(toys.RUN_COUNTS) == {"shade b": 1}


def _with_a_second_shade(job):
    """Add a second step after shade."""

    class Again:
        """Return the take."""

        name, version, workload, tools = "again", 1, "cpu", ()

        def run(self, context, params: toys.SummarizeParams, take: toys.Take) -> toys.Take:
            return take

    Again.run.__annotations__ = {"params": toys.SummarizeParams, "take": toys.Take, "return": toys.Take}
    toys.Again = Again
    Again.__module__, Again.__qualname__ = "toys", "Again"
    info = toys.Registry.of(Again).get("again")
    again = replace(job.steps[2], id="again", info=info, params=toys.SummarizeParams(), wires={"take": ("shade",)})
    join = replace(job.steps[3], wires={"source": ("open",), "takes": ("again",)})
    return replace(job, steps=(*job.steps[:3], again, join, job.steps[4]))


def test_an_unreadable_stored_result_is_made_again(source, out, home):
    """The plan treats it as missing, as a run does."""
    job = toys.toy_job(source, out)
    _run(job, home)
    for path in (home / "results").rglob("*.json"):
        record = json.loads(path.read_text())
        if record["parts"]["node"] == "join":
            path.write_text(json.dumps({**record, "value": {"odd": 1}}))

    assert _plan(job, home)["join"] == "its stored result was removed"


def test_a_plan_goes_past_a_file_where_the_film_goes(source, out, home):
    """A file where the film goes is no reason to refuse a plan: it is named, and nothing is written."""
    out.parent.mkdir()
    out.write_text("precious")
    job = toys.toy_job(source, out)

    assert _plan(job, home)["cut"] == "no stored result"
    assert existing_outputs(job, Store(home, read_only=True), "another job") == [out]
    assert (out.read_text(), home.exists()) == ("precious", False)


def test_the_film_of_the_last_run_may_be_replaced(source, out, home):
    """It belongs to the same job."""
    _run(toys.toy_job(source, out), home)

    assert _plan(toys.toy_job(source, out), home)["join"] == "stored"


def test_a_plan_refuses_an_unusable_source(source, out, home, monkeypatch):
    """With the name of the step, as in a run."""

    def run(self, context, params: toys.OpenParams) -> toys.Media:
        raise InputMediaError(f"{context.path(params.uri).name} is not a film")

    monkeypatch.setattr(toys.Open, "run", run)

    with pytest.raises(InputMediaError, match=r"^open: film\.txt is not a film$"):
        _plan(toys.toy_job(source, out), home)


def test_a_plan_stores_nothing_for_a_forecast(source, out, home, monkeypatch):
    """A source that must store a file is unknown until the run."""

    def run(self, context, params: toys.OpenParams) -> toys.Media:
        return toys.write_text_media(context, "copied")

    monkeypatch.setattr(toys.Open, "run", run)

    assert _plan(toys.toy_job(source, out), home)["cut"] == "after open"
    assert not home.exists()
