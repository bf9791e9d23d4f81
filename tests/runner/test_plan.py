"""A plan says what a run would do, writes nothing, and refuses what a run would refuse."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
import toys

from react1.pipeline.core.errors import InputMediaError, PresetError
from react1.pipeline.runner.execute import Options, execute
from react1.pipeline.runner.plan import plan_job
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
    """Drop a stored result, as a hand that tidies up would."""
    for place in (home / "results").rglob("*.json"):
        told = json.loads(place.read_text())
        value = told["value"]
        named = value["segment"]["name"] if isinstance(value, dict) and "segment" in value else ""
        if told["parts"]["node"] == node and named == segment:
            place.unlink()


def test_before_the_first_run_everything_is_to_be_made(source, out, home):
    """The source is looked at, so that the first cut is known to be new; nothing is written."""
    assert _plan(toys.toy_job(source, out), home) == {
        "open": "no stored result",
        "cut": "no stored result",
        "shade": "after cut",
        "join": "after shade",
        "summary": "after cut",
    }
    assert not home.exists()


def test_after_a_run_everything_is_stored_the_page_too(source, out, home):
    """A page tells of the same film whenever it was drawn."""
    job = toys.toy_job(source, out)
    _run(job, home)

    assert set(_plan(job, home).values()) == {"stored"}
    _run(job, home)
    assert not toys.RUN_COUNTS


def test_a_changed_parameter_is_named_and_what_follows_comes_after_it(source, out, home):
    """What is in front of the change is stored."""
    _run(toys.toy_job(source, out), home)

    assert _plan(toys.toy_job(source, out, tone="cold"), home) == {
        "open": "stored",
        "cut": "stored",
        "shade a": "changed: tone warm → cold",
        "shade b": "changed: tone warm → cold",
        "join": "after shade",
        "summary": "after shade",
    }


def test_each_segment_is_followed_by_itself(source, out, home):
    """The take of b is gone: its row waits by its name, and a's go on from the store."""
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
    """Shade each take's clip once more."""

    class Again:
        """Give the take on."""

        name, version, kind, tools = "again", 1, "cpu", ()

        def run(self, context, params: toys.SummarizeParams, take: toys.Take) -> toys.Take:
            return take

    Again.run.__annotations__ = {"params": toys.SummarizeParams, "take": toys.Take, "return": toys.Take}
    toys.Again = Again
    Again.__module__, Again.__qualname__ = "toys", "Again"
    info = toys.Registry.of(Again).get("again")
    again = replace(job.steps[2], id="again", info=info, params=toys.SummarizeParams(), wires={"take": ("shade",)})
    join = replace(job.steps[3], wires={"source": ("open",), "takes": ("again",)})
    return replace(job, steps=(*job.steps[:3], again, join, job.steps[4]))


def test_a_stored_result_that_cannot_be_read_back_is_to_be_made_again(source, out, home):
    """As a run would do."""
    job = toys.toy_job(source, out)
    _run(job, home)
    for place in (home / "results").rglob("*.json"):
        told = json.loads(place.read_text())
        if told["parts"]["node"] == "join":
            place.write_text(json.dumps({**told, "value": {"odd": 1}}))

    assert _plan(job, home)["join"] == "its stored result was removed"


def test_what_a_run_would_refuse_a_plan_refuses(source, out, home):
    """A file where the film goes; it may be looked past with --yes, and nothing is written."""
    out.parent.mkdir()
    out.write_text("precious")
    job = toys.toy_job(source, out)

    with pytest.raises(PresetError, match="exists; give --yes"):
        _plan(job, home)

    assert _plan(job, home, replace_existing=True)["cut"] == "no stored result"
    assert (out.read_text(), home.exists()) == ("precious", False)


def test_the_film_of_the_last_run_does_not_stand_in_the_way_of_a_plan(source, out, home):
    """It is the job's own."""
    _run(toys.toy_job(source, out), home)

    assert _plan(toys.toy_job(source, out), home)["join"] == "stored"


def test_media_that_cannot_be_used_are_told_by_the_plan(source, out, home, monkeypatch):
    """With the step's name, as the run tells it."""

    def run(self, context, params: toys.OpenParams) -> toys.Media:
        raise InputMediaError(f"{context.path(params.uri).name} is no film")

    monkeypatch.setattr(toys.Open, "run", run)

    with pytest.raises(InputMediaError, match=r"^open: film\.txt is no film$"):
        _plan(toys.toy_job(source, out), home)


def test_a_source_that_has_to_write_is_left_to_the_run(source, out, home, monkeypatch):
    """A plan has no room for files."""

    def run(self, context, params: toys.OpenParams) -> toys.Media:
        return toys.text_media(context, "copied")

    monkeypatch.setattr(toys.Open, "run", run)

    assert _plan(toys.toy_job(source, out), home)["cut"] == "after open"
    assert not home.exists()
