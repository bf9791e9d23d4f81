"""A plug-in's cutter, paid node and splicer get a plan, an estimate and refusals exactly as the shipped nodes do."""

from __future__ import annotations

import asyncio
import functools
import importlib
import sys
import threading
import time
from types import SimpleNamespace

import acme_nodes
import pytest

from react1.pipeline.config.load import load_job
from react1.pipeline.core.errors import InputMediaError, InternalError, Interrupted, OverBudget, StorageFailed
from react1.pipeline.core.nodes.node import Forecast
from react1.pipeline.core.nodes.registry import describe, load_registry
from react1.pipeline.executors.choose_executor import SharedExecutors
from react1.pipeline.jobs import manager
from react1.pipeline.jobs.budget import SpendingPolicy, month_usd
from react1.pipeline.jobs.connection import Hosts
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.jobs.settle import settle_resubmit
from react1.pipeline.runner import partial_run
from react1.pipeline.runner.execute import Options, Shared, execute
from react1.pipeline.runner.planning.plan import plan_job
from react1.pipeline.runner.run_records.housekeeping import prune_home
from react1.pipeline.runner.run_records.shared_housekeeping import prune_shared
from react1.pipeline.runner.scheduling.paid_steps import PaidSteps
from react1.pipeline.store.prune import PruneLimits
from react1.pipeline.store.store import Store

PRESET = """\
name: inked
inputs:
  source: {kind: file}
  edits: {kind: edits}
  out: {kind: path}
  refuse: {kind: text, default: ""}
  max_takes: {kind: number, default: 9}
steps:
  - reel: {uri: $source}
  - slice: {cuts: $edits}
  - ink: {refuse: $refuse}
  - weave: {out: $out, max_takes: $max_takes}
"""
EDITS = [{"in": 1, "out": 2, "name": "a"}, {"in": 3, "out": 4, "name": "b"}]


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """Install the plug-in as a distribution with entry points, and load all nodes again."""
    info = tmp_path / "site" / "acme_nodes-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-nodes\nVersion: 1.2\n")
    entries = ["reel = acme_nodes:Reel", "slice = acme_nodes:Slice", "ink = acme_nodes:Ink", "weave = acme_nodes:Weave"]
    (info / "entry_points.txt").write_text("\n".join(["[react1.nodes]", *entries]) + "\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    importlib.invalidate_caches()
    load_registry.cache_clear()
    acme_nodes.PAID.clear()
    yield load_registry()
    load_registry.cache_clear()


@pytest.fixture
def make_job(tmp_path, registry):
    """Return a function that loads the job; keyword arguments are inputs of the preset."""
    (tmp_path / "inked.yaml").write_text(PRESET)
    (tmp_path / "film.txt").write_text("film")

    def make(edits=EDITS, on_failure="stop", **inputs):
        sets = {
            "source": str(tmp_path / "film.txt"),
            "out": str(tmp_path / "film.woven"),
            "on_failure": on_failure,
            **{name: str(value) for name, value in inputs.items()},
        }
        return load_job(str(tmp_path / "inked.yaml"), registry=registry, sets=sets, edits=_edits(edits), base=tmp_path)

    return make


def run_single(*args):
    return asyncio.run(partial_run.run_single(*args))


def _edits(edits):
    from react1.pipeline.core.edits.edit import Edit

    return [Edit.model_validate(edit) for edit in edits]


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def _run(job, home, **options):
    return asyncio.run(execute(job, Options(home, **options)))


def _rows(job, home):
    return plan_job(job, Store(home, read_only=True))


def test_the_plugin_is_loaded_from_its_entry_points(registry):
    """Its nodes have the origin of their distribution."""
    assert {registry.get(name).origin for name in ("reel", "slice", "ink", "weave")} == {"acme-nodes 1.2"}


def test_a_plan_follows_the_forecasts(make_job, home):
    """Before the first run it has a row per segment, the cost, the notes, and how the film is made."""
    rows = _rows(make_job(), home)

    assert [(row.step, row.segment, row.why, row.cost_usd, row.remarks) for row in rows] == [
        ("reel", "", "no stored result", 0.0, ()),
        ("slice", "", "no stored result", 0.0, ("slice: 2 cuts",)),
        ("ink", "a", "after slice", 1.25, ("ink: a takes a day",)),
        ("ink", "b", "after slice", 1.25, ("ink: b takes a day",)),
        ("weave", "", "after ink", 0.0, ("weave: 2 takes",)),
    ]
    assert [row.splice for row in rows if row.splice] == [{"way": "append", "takes": 2}]
    assert acme_nodes.PAID == []
    assert not home.exists()


def test_a_plan_of_a_matrix_has_the_cost_of_every_take(make_job, home):
    """The paid node renders takes, so it runs once per combination; notes appear once per segment."""
    edits = [{"in": 1, "out": 2, "name": "a", "takes": {"prompt": ["sad", "happy"]}}, EDITS[1]]
    rows = [row for row in _rows(make_job(edits), home) if row.step == "ink"]

    assert [(row.segment, row.take, row.cost_usd, row.remarks) for row in rows] == [
        ("a", "sad", 1.25, ("ink: a takes a day",)),
        ("a", "happy", 1.25, ()),
        ("b", "", 1.25, ("ink: b takes a day",)),
    ]


def test_a_run_makes_the_film_and_pays_once(make_job, home, tmp_path):
    """The film has a suffix of its own, since the splicer delivers a `file`; a second run pays nothing."""
    result = _run(make_job(), home, approved=True)
    again = _run(make_job(), home)

    assert (tmp_path / "film.woven").read_text() == "film\nclip a inked\nclip b inked"
    assert (result.output, result.cost_usd, result.checks) == (tmp_path / "film.woven", 2.5, {"lines": 3})
    assert [(segment.name, segment.provider, segment.cost_usd) for segment in result.segments] == [
        ("a", "ink.example", 1.25),
        ("b", "ink.example", 1.25),
    ]
    assert (again.cost_usd, [segment.reused for segment in again.segments]) == (0, [True, True])
    assert sorted(acme_nodes.PAID) == ["a", "b"]
    assert all(row.stored and not row.cost_usd for row in _rows(make_job(), home))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "2 calls to ink"),
        ({"approved": True, "max_cost_usd": 2.0}, r"\$2\.50 is more than|\$2\.50 exceeds"),
        ({"confirm": lambda estimate: estimate.new_cost_usd != 2.5}, "declined"),
    ],
)
def test_a_run_stops_before_it_pays_without_approval_or_budget(make_job, home, options, message):
    """The estimate is the sum of the node's forecasts."""
    with pytest.raises(OverBudget, match=message):
        _run(make_job(), home, **options)

    assert acme_nodes.PAID == []


def test_the_splicer_refuses_before_the_paid_step(make_job, home):
    """It gets the film and the segments of the paid step; the error has its name."""
    with pytest.raises(InputMediaError, match=r"^weave: 2 takes are more than 1$"):
        _run(make_job(max_takes=1), home, approved=True)

    assert acme_nodes.PAID == []


def test_the_paid_node_refuses_before_it_pays(make_job, home):
    """One bad segment stops the run before any is paid."""
    with pytest.raises(InputMediaError, match=r"^ink: b cannot be inked$"):
        _run(make_job(refuse="b"), home, approved=True)

    assert acme_nodes.PAID == []


def test_a_refused_segment_keeps_its_footage_if_the_job_says_so(make_job, home, tmp_path):
    """Only the other segment is estimated and paid."""
    job = make_job(refuse="b", on_failure="keep-original")

    result = _run(job, home, approved=True, max_cost_usd=1.25)

    assert acme_nodes.PAID == ["a"]
    assert (result.status, result.cost_usd) == ("kept-original", 1.25)
    assert (tmp_path / "film.woven").read_text() == "film\nclip a inked\nclip b"


def test_a_single_paid_node_needs_approval(make_job, home, registry, tmp_path):
    """As for a shipped node in a node editor; the stored result is free."""
    store, (reel, slicer, ink) = Store(home), (registry.get(name) for name in ("reel", "slice", "ink"))
    film = run_single(reel, {"uri": str(tmp_path / "film.txt")}, {}, store)
    (segment,) = run_single(slicer, {"cuts": [{"in": 1, "out": 2, "name": "a"}]}, {"reel": film}, store)

    with pytest.raises(OverBudget):
        run_single(ink, {}, {"segment": segment}, store)
    paid = run_single(ink, {}, {"segment": segment}, store, SpendingPolicy(approved=True))
    again = run_single(ink, {}, {"segment": segment}, store)

    assert (paid, acme_nodes.PAID) == (again, ["a"])


@pytest.mark.slow
def test_takes_that_are_all_stored_are_not_checked_before_paying(make_job, home, monkeypatch):
    """Nothing is paid then; one take that is missing brings the check of all segments back."""
    checked = []
    check = acme_nodes.Weave.check_before_paying

    def counting(cls, context, params, inputs):
        checked.append(len(inputs["takes"]))
        check(context, params, inputs)

    monkeypatch.setattr(acme_nodes.Weave, "check_before_paying", classmethod(counting))
    _run(make_job(), home, approved=True)
    _run(make_job(), home)

    assert checked == [2]

    other = [EDITS[0] | {"prompt": "happy"}, EDITS[1]]
    _run(make_job(other), home, approved=True, replace=True)

    assert checked == [2, 2]


@pytest.mark.parametrize("member", ["forecast", "check_before_paying"])
def test_an_unexpected_error_of_a_plugin_has_its_name(make_job, home, monkeypatch, member):
    """The message names the step, the node and the distribution."""

    def broken(cls, context, params, inputs):
        raise KeyError("x")

    monkeypatch.setattr(acme_nodes.Ink, member, classmethod(broken))

    with pytest.raises(InternalError, match=r"^ink: the node ink \(acme-nodes 1\.2\) failed: KeyError: 'x'$"):
        _run(make_job(), home, approved=True)

    assert acme_nodes.PAID == []


def test_a_forecast_must_be_a_forecast(make_job, home, monkeypatch):
    """Another type is an error of the node."""
    monkeypatch.setattr(acme_nodes.Weave, "forecast", classmethod(lambda cls, context, params, inputs: None))

    with pytest.raises(InternalError, match="must return a Forecast, not NoneType"):
        _rows(make_job(), home)


def test_without_a_forecast_a_cutter_is_planned_as_one_step(make_job, home, monkeypatch):
    """The segments are then unknown before the first run."""
    monkeypatch.delattr(acme_nodes.Slice, "forecast")

    assert [(row.step, row.segment, row.cost_usd) for row in _rows(make_job(), home)][2:] == [
        ("ink", "", 0.0),
        ("weave", "", 0.0),
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"forecast": lambda context, params, inputs: Forecast()}, "forecast must be a classmethod"),
        ({"check_before_paying": 1}, "check_before_paying must be a classmethod"),
        ({"cache_salt": lambda params: ""}, "cache_salt must be a classmethod"),
        (
            {"forecast": classmethod(lambda cls, params, segment: Forecast())},
            r"forecast must take \(context, params, inputs\)",
        ),
        ({"cache_salt": classmethod(lambda cls: "")}, r"cache_salt must take \(params\)"),
        ({"makes_takes": "yes"}, "makes_takes must be True or False"),
        ({"expression_blind": 1}, "expression_blind must be True or False"),
        ({"delivers": "somewhere"}, "delivers is 'somewhere'; expected one of film, file, package, page, folder"),
        ({"forecast": None}, "is paid, so it needs a classmethod `forecast`"),
    ],
)
def test_a_node_with_a_wrong_optional_member_is_refused(changes, message):
    """The message names the member."""
    members = {
        name: value
        for name, value in vars(acme_nodes.Ink).items()
        if name != "forecast" or changes != {"forecast": None}
    }
    node = type("Wrong", (), {**members, **{name: value for name, value in changes.items() if value is not None}})

    with pytest.raises(TypeError, match=message):
        describe(node, "acme-nodes 1.2")


def test_calls_that_bill_by_themselves_are_in_the_ledger(make_job, home, react1):
    """With their run, project and cost; they count for the month, and the second run adds none."""
    _run(make_job(project="spot"), home, approved=True)
    _run(make_job(project="spot"), home)

    rows = list(Ledger(home).summaries())
    assert [(row.provider, row.state, row.cost_usd, row.project, row.rehearsal) for row in rows] == [
        ("ink", "done", 1.25, "spot", False)
    ] * 2
    store = Store(home)
    assert {store.path(row.take).read_text() for row in rows} == {"clip a inked", "clip b inked"}
    assert month_usd(Ledger(home), rows[0].at[:7]) == 2.5


def test_the_month_s_budget_holds_for_calls_of_the_past(make_job, home, monkeypatch):
    """Two calls of 1.25 fit into 3.00, a third does not, and it is not made."""
    monkeypatch.setenv("REACT1_BUDGET_MONTH", "3")
    _run(make_job(), home, approved=True)

    with pytest.raises(OverBudget, match=r"\$2\.50 of \$3\.00 \(REACT1_BUDGET_MONTH\)"):
        _run(make_job([*EDITS, {"in": 5, "out": 6, "name": "c"}]), home, approved=True)

    assert sorted(acme_nodes.PAID) == ["a", "b"]


def test_a_call_that_was_cut_short_counts_until_it_is_settled(make_job, home, monkeypatch):
    """Its forecast is part of the month; the next run says so and calls the node again."""
    real = acme_nodes.Ink.run

    @functools.wraps(real)
    def die(self, context, params, segment):
        raise RuntimeError("the connection broke")

    monkeypatch.setattr(acme_nodes.Ink, "run", die)
    with pytest.raises(InternalError, match="the connection broke"):
        _run(make_job(EDITS[:1]), home, approved=True)
    (entry,) = Ledger(home).open_entries()
    assert month_usd(Ledger(home), entry.intended.at[:7]) == 1.25

    monkeypatch.setattr(acme_nodes.Ink, "run", real)
    messages = []
    watcher = SimpleNamespace(on=lambda event: messages.append(getattr(event, "text", "")))
    _run(make_job(EDITS[:1]), home, approved=True, watcher=watcher)

    assert any(f"job {entry.id} of ink a was cut short and may have been charged" in text for text in messages)
    assert [row.state for row in Ledger(home).summaries()] == ["done", "intended"]
    assert month_usd(Ledger(home), entry.intended.at[:7]) == 2.5
    settle_resubmit(Ledger(home), entry.id)  # as the message says, although there is a later attempt
    assert month_usd(Ledger(home), entry.intended.at[:7]) == 1.25


def test_a_take_of_a_node_that_bills_by_itself_is_made_again_if_its_job_is_settled(make_job, home):
    """A person wants another one; both calls have cost something."""
    job = make_job(EDITS[:1])
    _run(job, home, approved=True)
    (entry,) = Ledger(home).entries()
    settle_resubmit(Ledger(home), entry.id)

    assert [row.stored for row in plan_job(job, Store(home, read_only=True)) if row.step == "ink"] == [False]
    with pytest.raises(OverBudget, match="not approved"):
        _run(job, home)
    _run(job, home, approved=True)
    _run(job, home)

    assert acme_nodes.PAID == ["a", "a"]
    assert Ledger(home).sums().cost_usd == 2.5


def test_another_machine_may_not_call_a_node_that_bills_by_itself_meanwhile(make_job, tmp_path, monkeypatch):
    """In a shared store a call has a lease, which stays with the ledger of its home until it is known how it ended."""
    (tmp_path / "mounted").mkdir()
    monkeypatch.setenv("REACT1_STORE", str(tmp_path / "mounted"))
    refused = []
    real = acme_nodes.Ink.run

    @functools.wraps(real)
    def ask_again(self, context, params, segment):
        monkeypatch.setattr(acme_nodes.Ink, "run", real)
        with pytest.raises(StorageFailed, match="this take is being paid for by"):
            _run(make_job(EDITS[:1], out=tmp_path / "other.woven"), tmp_path / "other", approved=True)
        refused.append(segment.name)
        return real(self, context, params, segment)

    monkeypatch.setattr(acme_nodes.Ink, "run", ask_again)
    _run(make_job(EDITS[:1]), tmp_path / "home", approved=True)

    assert refused == ["a"]
    assert acme_nodes.PAID == ["a"]
    assert _run(make_job(EDITS[:1], out=tmp_path / "third.woven"), tmp_path / "third").cost_usd == 0


def test_two_films_of_a_batch_call_a_node_that_bills_by_itself_once(make_job, home, tmp_path, monkeypatch):
    """The film that comes second waits, and gets the take of the first; the ledger has one call."""
    monkeypatch.setattr(manager, "LOCK_RETRY_S", 0.001)
    other_waits = threading.Event()
    real = acme_nodes.Ink.run

    @functools.wraps(real)
    def run_slowly(self, context, params, segment):
        other_waits.wait(10)
        return real(self, context, params, segment)

    def hear(event):
        if "another process is already running this job" in getattr(event, "text", ""):
            other_waits.set()

    async def play():
        executors = SharedExecutors(Store(home))
        async with Hosts() as hosts:
            options = Options(home, approved=True, watcher=SimpleNamespace(on=hear), shared=Shared(hosts, executors))
            jobs = [make_job(EDITS[:1], out=tmp_path / f"{name}.woven") for name in ("one", "two")]
            results = await asyncio.gather(*(execute(job, options) for job in jobs))
        await executors.aclose()
        return sorted(result.cost_usd for result in results)

    monkeypatch.setattr(acme_nodes.Ink, "run", run_slowly)
    costs_usd = asyncio.run(play())

    assert (acme_nodes.PAID, costs_usd) == (["a"], [0, 1.25])
    assert [row.state for row in Ledger(home).summaries()] == ["done"]
    assert (tmp_path / "one.woven").read_bytes() == (tmp_path / "two.woven").read_bytes()


def test_the_budget_of_a_batch_counts_what_a_node_has_really_billed(make_job, home, tmp_path, monkeypatch):
    """A take that cost 3.00 instead of the forecast 1.25 leaves too little of 4.00; a refused one that is free, all."""
    real = acme_nodes.Ink.run

    @functools.wraps(real)
    def bill_more(self, context, params, segment):
        return real(self, context, params, segment).model_copy(update={"cost_usd": 3.0})

    @functools.wraps(real)
    def refuse(self, context, params, segment):
        error = InputMediaError("the service refuses it")
        error.billed = False
        raise error

    async def play():
        executors = SharedExecutors(Store(home))
        async with Hosts() as hosts:
            options = Options(home, approved=True, max_cost_usd=4.0, shared=Shared(hosts, executors))
            monkeypatch.setattr(acme_nodes.Ink, "run", refuse)
            with pytest.raises(InputMediaError, match="refuses"):
                await execute(make_job(EDITS[:1], out=tmp_path / "one.woven"), options)
            assert list(hosts.committed_usd.values()) == [0]
            monkeypatch.setattr(acme_nodes.Ink, "run", bill_more)
            await execute(make_job(EDITS[:1], out=tmp_path / "one.woven"), options)
            with pytest.raises(OverBudget):
                await execute(make_job(EDITS[1:], out=tmp_path / "two.woven"), options)
        await executors.aclose()

    asyncio.run(play())
    assert acme_nodes.PAID == ["a"]


def test_a_run_that_another_process_displaces_says_so(make_job, home, monkeypatch):
    """Not only that it was stopped, as by its user."""

    async def displace(*_):
        raise Interrupted("another process goes on with this paid call: resumed")

    monkeypatch.setattr(PaidSteps, "run_own", displace)
    with pytest.raises(Interrupted, match=r"another process goes on .*; resume with: react1 resume "):
        _run(make_job(EDITS[:1]), home, approved=True)


@pytest.mark.slow
def test_prune_keeps_what_a_node_has_billed(make_job, home):
    """Only its result says what was paid for, so it stays until `--paid`; the next run makes the rest again."""
    limits = PruneLimits(older_than_s=86400.0, now=time.time() + 40 * 86400)
    _run(make_job(EDITS[:1]), home, approved=True)

    assert prune_home(home, limits).results
    assert _run(make_job(EDITS[:1]), home).cost_usd == 0
    assert acme_nodes.PAID == ["a"]

    prune_home(home, limits, paid=True)
    with pytest.raises(OverBudget):
        _run(make_job(EDITS[:1]), home)


def test_prune_keeps_in_a_shared_store_what_another_machine_s_node_has_billed(make_job, tmp_path, monkeypatch):
    """The ledger of the machine that prunes does not know it; the take says that it cost something."""
    (tmp_path / "mounted").mkdir()
    monkeypatch.setenv("REACT1_STORE", str(tmp_path / "mounted"))
    _run(make_job(EDITS[:1]), tmp_path / "home", approved=True)

    pruned = prune_shared(tmp_path / "other", PruneLimits(older_than_s=86400.0, now=time.time() + 40 * 86400))

    assert pruned.results
    assert _run(make_job(EDITS[:1], out=tmp_path / "other.woven"), tmp_path / "other").cost_usd == 0
    assert acme_nodes.PAID == ["a"]
