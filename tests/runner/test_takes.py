"""A matrix of takes: every combination is rendered, and only the chosen one is spliced."""

from __future__ import annotations

import asyncio
import json

import pytest
import toys

from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.errors import InputMediaError, PresetError
from react1.pipeline.runner import partial_run
from react1.pipeline.runner.events import StepEnded, StepStarted
from react1.pipeline.runner.execute import Options, execute
from react1.pipeline.runner.planning.plan import plan_job
from react1.pipeline.runner.run_records.run_folder import all_runs
from react1.pipeline.runner.scheduling.take_matrix import job_owner
from react1.pipeline.store.store import Store

NAMES = ["happy-0.4", "happy-0.8", "sad-0.4", "sad-0.8"]


def run_single(*args):
    return asyncio.run(partial_run.run_single(*args))


class Listener:
    def __init__(self):
        self.lines = []

    def on(self, event):
        if isinstance(event, (StepStarted, StepEnded)):
            self.lines.append(
                f"{event.step} {event.segment} {'started' if isinstance(event, StepStarted) else 'ended'}"
            )


@pytest.fixture
def run_matrix(tmp_path):
    """Return a function that runs a toy job whose segment `a` has a matrix and whose segment `b` has none."""
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


def test_every_combination_is_rendered_and_nothing_is_spliced(run_matrix):
    """Four takes of `a` and one of `b`: the page shows all of them, and there is no film."""
    result = run_matrix()

    assert (result.status, result.exit_status, result.output, result.checks) == ("choose", 0, None, {})
    assert not run_matrix.out.exists()
    assert toys.RUN_COUNTS["join"] == 0
    assert [(s.name, s.status, s.cost_usd) for s in result.segments] == [("a", "choose", 2.0), ("b", "done", 0.5)]
    assert [(take.number, take.name) for take in result.segments[0].takes] == list(enumerate(NAMES, 1))
    assert result.report.read_text() == "b " + " ".join(f"a?{name}" for name in NAMES)
    assert all_runs(run_matrix.home)[0].state() == "choose"


def test_the_json_has_takes_only_if_there_is_a_choice(run_matrix):
    """A segment without a choice has the keys of the contract and no others."""
    result = json.loads(json.dumps(run_matrix().to_json()))

    matrix, plain = result["segments"]
    assert list(plain) == [
        "name", "start_frame", "end_frame", "provider", "request_id", "status", "cost_usd", "reused", "face",
    ]  # fmt: skip
    assert list(matrix) == [*plain, "takes"]
    assert matrix["takes"][2]["name"] == "sad-0.4"


@pytest.mark.slow
def test_exactly_the_chosen_take_is_spliced_and_none_is_rendered_again(run_matrix):
    """A take is the same call before and after it is chosen."""
    run_matrix()
    before = dict(toys.RUN_COUNTS)

    result = run_matrix("sad-0.4")

    assert run_matrix.out.read_text() == "film\ndone film:a:warm sad 0.4\ndone film:b:warm"
    assert {name: count - before.get(name, 0) for name, count in toys.RUN_COUNTS.items()} | {
        "join": 0,
        "summary": 0,
    } == dict.fromkeys(toys.RUN_COUNTS, 0)
    assert (result.status, result.cost_usd) == ("done", 0)
    assert [(s.status, s.reused, s.takes) for s in result.segments] == [("done", True, ()), ("done", True, ())]


def test_a_pick_in_the_first_run_renders_only_that_take(run_matrix):
    """A pick may be written as values or as a name."""
    run_matrix({"prompt": "sad", "temperature": 0.8})

    assert {name for name in toys.RUN_COUNTS if name.startswith("shade a")} == {"shade a sad 0.8"}
    assert "warm sad 0.8" in run_matrix.out.read_text()


@pytest.mark.slow
def test_a_longer_list_renders_only_new_takes(run_matrix):
    """Takes are stored by content, not by their position in the matrix."""
    run_matrix()
    toys.RUN_COUNTS.clear()

    again = run_matrix()
    longer = run_matrix(temperature=(0.1, 0.4, 0.8))

    assert again.segments[0].reused
    assert again.cost_usd == 0
    assert {name for name in toys.RUN_COUNTS if name.startswith("shade")} == {"shade a happy 0.1", "shade a sad 0.1"}
    assert longer.segments[0].cost_usd == 1.0
    assert [take.reused for take in longer.segments[0].takes] == [False, True, True, False, True, True]


def test_the_first_take_runs_before_the_others(run_matrix):
    """The others use what it caches about the clip."""
    listener = Listener()

    run_matrix(listener=listener)

    takes = [line for line in listener.lines if line.startswith("shade a")]
    assert takes[:2] == ["shade a happy-0.4 started", "shade a happy-0.4 ended"]
    assert sorted(takes) == sorted(f"shade a {name} {what}" for name in NAMES for what in ("started", "ended"))


def test_takes_are_delivered_after_the_choice(run_matrix):
    """A folder of takes stays empty until each segment has one."""
    folder = run_matrix.out.with_name("takes")

    run_matrix(takes=str(folder))
    waiting = folder.exists()
    run_matrix("sad-0.4", takes=str(folder))

    assert not waiting
    assert sorted(path.name for path in folder.iterdir()) == ["a.take.txt", "b.take.txt"]


def test_a_failed_take_is_reported_and_the_others_are_offered(run_matrix):
    """With keep-original; else the run stops with the node's error and the take's name."""
    result = run_matrix(fail_on="sad", on_failure="keep-original")
    with pytest.raises(InputMediaError) as stopped:
        run_matrix(fail_on="sad")

    assert [take.status for take in result.segments[0].takes] == ["done", "done", "original", "original"]
    assert result.status == "choose"
    assert "a sad-0." in stopped.value.where


def test_if_every_take_fails_there_is_no_choice(run_matrix):
    """The original footage stays, as for any failed segment."""
    result = run_matrix(fail_on="a", on_failure="keep-original")

    assert (result.status, result.exit_status) == ("kept-original", 6)
    assert [(s.name, s.status, s.takes) for s in result.segments] == [("a", "original", ()), ("b", "done", ())]
    assert run_matrix.out.read_text() == "film\noriginal film:a\ndone film:b:warm"


def test_the_run_stores_the_choices(run_matrix):
    """`react1 pick` needs the edit and the take names of each segment."""
    run_matrix("sad-0.4")

    (choice,) = all_runs(run_matrix.home)[0].read()["choices"]
    assert (choice["segment"], choice["takes"], choice["pick"]) == ("a", NAMES, "sad-0.4")
    assert choice["edit"]["takes"] == {"prompt": ["happy", "sad"], "temperature": [0.4, 0.8]}


def test_a_plan_has_a_row_for_every_requested_take(run_matrix):
    """The join waits for the choice; with a choice, the other takes are not planned."""
    store = Store(run_matrix.home, read_only=True)
    run_matrix()

    waiting = {(row.step, row.segment, row.take): row for row in plan_job(run_matrix.job(), store)}
    assert waiting["summary", "", ""].stored
    chosen = [
        (row.step, row.take, row.stored) for row in plan_job(run_matrix.job("happy-0.8"), store) if row.segment == "a"
    ]

    assert [place[2] for place in waiting if place[:2] == ("shade", "a")] == NAMES
    assert all(waiting["shade", "a", name].stored for name in NAMES)
    assert (waiting["join", "", ""].why, waiting["join", "", ""].known) == ("after a choice of takes for a", False)
    assert chosen == [("shade", "happy-0.8", True)]


def test_a_job_with_other_edits_may_replace_its_film():
    """Another source, preset or job file is another job."""

    def document(prompt="sad", **changes):
        inputs = {"source": "/a.mp4", "edits": [{"in": 1, "prompt": prompt}]}
        return {"name": "preview", "files": ["/p.yaml"], "inputs": inputs, **changes}

    assert job_owner(document("happy")) == job_owner(document("sad"))
    assert job_owner(document(inputs={"source": "/b.mp4"})) != job_owner(document())
    assert job_owner(document(name="other")) != job_owner(document())
    assert job_owner(document(files=["/job.yaml", "/p.yaml"])) != job_owner(document())
    assert job_owner({"pick": "a"}) != job_owner({})


def test_a_single_node_renders_the_chosen_take(run_matrix):
    """Without a choice the error says what to write, since a node editor shows no contact sheet."""
    store, (film, cut, shade) = Store(run_matrix.home), (toys.REGISTRY.get(name) for name in ("open", "cut", "shade"))
    source = run_single(film, {"uri": str(run_matrix.out.with_name("film.txt"))}, {}, store)
    edit = run_matrix.job().steps[1].params.edits[0]
    chosen = edit.model_copy(update={"takes": edit.takes.model_copy(update={"pick": "sad-0.8"})})
    plain, picked = (
        run_single(cut, {"names": ["a"], "edits": [item]}, {"source": source}, store)[0] for item in (edit, chosen)
    )

    take = run_single(shade, {}, {"segment": picked}, store)

    assert store.path(take.media.file).read_text() == "film:a:warm sad 0.8"
    with pytest.raises(PresetError, match=r"has no pick; set it to one of happy-0\.4, happy-0\.8, sad"):
        run_single(shade, {}, {"segment": plain}, store)
