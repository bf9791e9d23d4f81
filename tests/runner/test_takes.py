"""A matrix of takes in a run: every combination is made, and nothing is spliced but the one that was chosen."""

from __future__ import annotations

import asyncio
import json

import pytest
import toys

from react1.pipeline.core.edit import Edit
from react1.pipeline.core.errors import InputMediaError, PresetError
from react1.pipeline.runner.events import StepEnded, StepStarted
from react1.pipeline.runner.execute import Options, execute
from react1.pipeline.runner.plan import plan_job
from react1.pipeline.runner.run_folder import all_runs
from react1.pipeline.runner.single_node import run_single
from react1.pipeline.runner.take_matrix import job_owner
from react1.pipeline.store.store import Store

NAMES = ["happy-0.4", "happy-0.8", "sad-0.4", "sad-0.8"]


class Listener:
    def __init__(self):
        self.told = []

    def on(self, event):
        if isinstance(event, (StepStarted, StepEnded)):
            self.told.append(f"{event.step} {event.segment} {'began' if isinstance(event, StepStarted) else 'ended'}")


@pytest.fixture
def made(tmp_path):
    """Run a toy job whose segment `a` has a matrix and whose segment `b` has none."""
    (tmp_path / "film.txt").write_text("film")
    toys.RUN_COUNTS.clear()

    def job(pick=None, temperature=(0.4, 0.8), **changes):
        matrix = {"prompt": ["happy", "sad"], "temperature": list(temperature), "pick": pick}
        edits = [Edit(in_=0, out=1, takes=matrix), Edit(in_=1, out=2)]
        return toys.toy_job(tmp_path / "film.txt", tmp_path / "out.txt", edits=edits, **changes)

    def run(pick=None, listener=None, **changes):
        options = Options(tmp_path / "home", watcher=listener or Listener())
        return asyncio.run(execute(job(pick, **changes), options))

    run.job, run.home, run.out = job, tmp_path / "home", tmp_path / "out.txt"
    return run


def test_every_combination_is_made_and_nothing_is_spliced(made):
    """Four takes of `a` and one of `b`; no film is made or delivered, and the page has all of them."""
    result = made()

    assert (result.status, result.exit_status, result.output, result.checks) == ("choose", 0, None, {})
    assert not made.out.exists()
    assert toys.RUN_COUNTS["join"] == 0
    assert [(s.name, s.status, s.cost_usd) for s in result.segments] == [("a", "choose", 2.0), ("b", "done", 0.5)]
    assert [(take.number, take.name) for take in result.segments[0].takes] == list(enumerate(NAMES, 1))
    assert result.report.read_text() == "b " + " ".join(f"a?{name}" for name in NAMES)
    assert all_runs(made.home)[0].state() == "choose"


def test_the_object_tells_the_takes_only_where_there_is_a_choice(made):
    """A segment without one has the keys of the contract and no others."""
    told = json.loads(json.dumps(made().to_json()))

    matrix, plain = told["segments"]
    assert list(plain) == [
        "name", "start_frame", "end_frame", "provider", "request_id", "status", "cost_usd", "reused",
    ]  # fmt: skip
    assert list(matrix) == [*plain, "takes"]
    assert matrix["takes"][2]["name"] == "sad-0.4"


def test_exactly_the_chosen_take_is_spliced_and_none_is_made_again(made):
    """The take comes from the store: it is the same call before and after it is chosen."""
    made()
    before = dict(toys.RUN_COUNTS)

    result = made("sad-0.4")

    assert made.out.read_text() == "film\ndone film:a:warm sad 0.4\ndone film:b:warm"
    assert {name: count - before.get(name, 0) for name, count in toys.RUN_COUNTS.items()} | {
        "join": 0,
        "summary": 0,
    } == dict.fromkeys(toys.RUN_COUNTS, 0)
    assert (result.status, result.cost_usd) == ("done", 0)
    assert [(s.status, s.reused, s.takes) for s in result.segments] == [("done", True, ()), ("done", True, ())]


def test_a_choice_that_is_there_at_once_makes_only_that_take(made):
    """By its values as well as by its name."""
    made({"prompt": "sad", "temperature": 0.8})

    assert {name for name in toys.RUN_COUNTS if name.startswith("shade a")} == {"shade a sad 0.8"}
    assert "warm sad 0.8" in made.out.read_text()


def test_a_second_run_and_a_longer_list_make_only_what_is_new(made):
    """Takes are kept by what they are, not by their place in the matrix."""
    made()
    toys.RUN_COUNTS.clear()

    again = made()
    longer = made(temperature=(0.1, 0.4, 0.8))

    assert again.segments[0].reused
    assert again.cost_usd == 0
    assert {name for name in toys.RUN_COUNTS if name.startswith("shade")} == {"shade a happy 0.1", "shade a sad 0.1"}
    assert longer.segments[0].cost_usd == 1.0
    assert [take.reused for take in longer.segments[0].takes] == [False, True, True, False, True, True]


def test_the_first_take_goes_ahead_of_the_others(made):
    """What it learns of the clip is there for the others."""
    listener = Listener()

    made(listener=listener)

    takes = [line for line in listener.told if line.startswith("shade a")]
    assert takes[:2] == ["shade a happy-0.4 began", "shade a happy-0.4 ended"]
    assert sorted(takes) == sorted(f"shade a {name} {what}" for name in NAMES for what in ("began", "ended"))


def test_what_a_step_delivers_waits_for_the_choice_too(made):
    """A folder of takes is only filled when each segment has one."""
    folder = made.out.with_name("takes")

    made(takes=str(folder))
    waiting = folder.exists()
    made("sad-0.4", takes=str(folder))

    assert not waiting
    assert sorted(path.name for path in folder.iterdir()) == ["a.take.txt", "b.take.txt"]


def test_a_take_that_fails_is_told_and_the_others_are_offered(made):
    """With keep-original; else the run stops with what the node said, and where."""
    result = made(fail_on="sad", on_failure="keep-original")
    with pytest.raises(InputMediaError) as stopped:
        made(fail_on="sad")

    assert [take.status for take in result.segments[0].takes] == ["done", "done", "original", "original"]
    assert result.status == "choose"
    assert "a sad-0." in stopped.value.where


def test_where_every_take_fails_there_is_nothing_to_choose(made):
    """The original footage is kept once, as for any segment that fails."""
    result = made(fail_on="a", on_failure="keep-original")

    assert (result.status, result.exit_status) == ("kept-original", 6)
    assert [(s.name, s.status, s.takes) for s in result.segments] == [("a", "original", ()), ("b", "done", ())]
    assert made.out.read_text() == "film\noriginal film:a\ndone film:b:warm"


def test_the_run_remembers_what_there_is_to_choose(made):
    """For `react1 pick`: by segment, the edit and the names."""
    made("sad-0.4")

    (told,) = all_runs(made.home)[0].read()["choices"]
    assert (told["segment"], told["takes"], told["pick"]) == ("a", NAMES, "sad-0.4")
    assert told["edit"]["takes"] == {"prompt": ["happy", "sad"], "temperature": [0.4, 0.8]}


def test_a_plan_has_a_row_for_every_take_and_none_that_is_not_wanted(made):
    """What joins them waits for the choice; with a choice, the other takes are not looked at."""
    store = Store(made.home, read_only=True)
    made()

    waiting = {(row.step, row.segment, row.take): row for row in plan_job(made.job(), store)}
    assert waiting["summary", "", ""].stored
    chosen = [(row.step, row.take, row.stored) for row in plan_job(made.job("happy-0.8"), store) if row.segment == "a"]

    assert [place[2] for place in waiting if place[:2] == ("shade", "a")] == NAMES
    assert all(waiting["shade", "a", name].stored for name in NAMES)
    assert (waiting["join", "", ""].why, waiting["join", "", ""].known) == ("after a choice of takes for a", False)
    assert chosen == [("shade", "happy-0.8", True)]


def test_a_choice_may_be_changed_without_asking():
    """Whichever take was chosen, it is the same job, and its film may be replaced; another list is another job."""

    def document(**takes):
        return {"steps": [{"params": {"edits": [{"in": 1, "takes": takes}], "pick": "kept"}}]}

    assert job_owner(document(prompt=["sad"], pick="sad")) == job_owner(document(prompt=["sad"]))
    assert job_owner(document(prompt=["sad"])) != job_owner(document(prompt=["happy"]))
    assert job_owner({"pick": "kept"}) != job_owner({})


def test_a_node_by_itself_makes_the_chosen_take(made):
    """In a node editor nobody is shown a sheet: without a choice it says what to write."""
    store, (film, cut, shade) = Store(made.home), (toys.REGISTRY.get(name) for name in ("open", "cut", "shade"))
    source = run_single(film, {"uri": str(made.out.with_name("film.txt"))}, {}, store)
    edit = made.job().steps[1].params.edits[0]
    chosen = edit.model_copy(update={"takes": edit.takes.model_copy(update={"pick": "sad-0.8"})})
    plain, picked = (
        run_single(cut, {"names": ["a"], "edits": [one]}, {"source": source}, store)[0] for one in (edit, chosen)
    )

    take = run_single(shade, {}, {"segment": picked}, store)

    assert store.path(take.media.file).read_text() == "film:a:warm sad 0.8"
    with pytest.raises(PresetError, match=r"has no pick; give it one of happy-0\.4, happy-0\.8, sad"):
        run_single(shade, {}, {"segment": plain}, store)
