"""What is seen of a run from outside: its trace, its metrics and its log."""

from __future__ import annotations

import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from paid_preset import PAID_PRESET

from react1 import run
from react1.pipeline.core import tracing
from react1.pipeline.core.errors import MissingExtra, ProviderError
from react1.pipeline.executors import base, local_executor
from react1.testing import ClipRecipe, FakeProvider, make_clip

pytest.importorskip("opentelemetry.exporter.otlp.json.file", reason="the extra trace")
EDITS = ["0f-8f:sad", "9f-16f:happy"]
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A preset whose last step pays, and its film."""
    folder = tmp_path_factory.mktemp("seen")
    make_clip(folder / "film.mov", ClipRecipe(frames=20, size=(64, 48)))
    (folder / "paid.yaml").write_text(PAID_PRESET)
    return folder


def pay(job: Path, home: Path, **options):
    defaults = {"source": job / "film.mov", "edits": EDITS, "provider": "fake", "yes": True, "project": "spot"}
    return run(job / "paid.yaml", home=home, **{**defaults, **options})


@pytest.fixture(scope="module")
def observed(job):
    """A run, and one whose provider fails, with a trace and metrics; all spans by run."""
    with pytest.MonkeyPatch.context() as patch, FakeProvider(usd_per_s=1.0) as fake:
        patch.setenv("REACT1_TRACE", str(job / "trace.jsonl"))
        patch.setenv("REACT1_METRICS", str(job / "metrics"))
        calls = []
        real = base.execute_call

        def execute_call(call, *rest):
            calls.append(call)
            return real(call, *rest)

        patch.setattr(local_executor, "execute_call", execute_call)
        result = pay(job, job / "home")
        patch.setenv("TRACEPARENT", PARENT)
        again = pay(job, job / "home")
        patch.delenv("TRACEPARENT")
        fake.outcomes = ["failed", "failed"]
        with pytest.raises(ProviderError) as caught:
            pay(job, job / "home", edits=["0f-8f:angry"])
    return job, result, again, caught.value, calls


def spans(job: Path, run_id: str):
    """The spans of a run's trace by ID, each with its attributes as a dict."""
    every = [
        span
        for line in (job / "trace.jsonl").read_text().splitlines()
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    for span in every:
        values = {each["key"]: next(iter(each["value"].values())) for each in span.get("attributes", [])}
        span["values"] = values
    (root,) = [span for span in every if span["values"].get("react1.run.id") == run_id]
    return root, [span for span in every if span["traceId"] == root["traceId"]]


def test_a_run_is_one_trace_with_spans_of_steps_and_calls(observed):
    """Each call is below its step, each step below the run; what a worker executed is below the call."""
    job, result, *_ = observed
    root, trace = spans(job, result.run)
    by_id = {span["spanId"]: span for span in trace}
    parents = {span["spanId"]: by_id.get(span.get("parentSpanId"), {}).get("name") for span in trace}
    names = sorted((span["name"], parents[span["spanId"]]) for span in trace)

    assert (root["name"], root.get("parentSpanId", "")) == ("run paid", "")
    assert [name for name in names if name[0].startswith("step ")] == [
        (f"step {step}", "run paid") for step in ("fetch", "normalize_audio", "react1", "transcode", "trim", "upload")
    ]
    assert [name for name in names if name[0].startswith("call ")] == [
        ("call fetch", "step fetch"),
        *[("call normalize_audio", "step normalize_audio")] * 2,
        *[("call react1", "step react1")] * 2,
        *[("call transcode", "step transcode")] * 2,
        ("call trim", "step trim"),
        *[("call upload", "step upload")] * 2,
    ]
    executed = [parent for name, parent in names if name.startswith("execute ")]
    computed = ["call fetch", "call trim", *["call normalize_audio", "call transcode", "call upload"] * 2]
    assert sorted(executed) == sorted(computed)


def test_spans_have_the_attributes_of_the_conventions(observed):
    """The run its cost and project, a call its function and segment, a paid call its provider and host."""
    job, result, *_ = observed
    root, trace = spans(job, result.run)
    paid = next(span for span in trace if span["name"] == "call react1")
    trim = next(span for span in trace if span["name"] == "call trim")

    assert root["values"]["react1.cost_usd"] == pytest.approx(result.cost_usd)
    assert (root["values"]["react1.project"], root["values"]["react1.status"]) == ("spot", "done")
    assert trim["values"]["code.function.name"] == "react1.nodes.trim.Trim"
    assert paid["values"]["react1.provider"] == "fake" and paid["values"]["server.address"] == "fake.invalid"
    assert paid["values"]["react1.segment"] in ("s01", "s02") and paid["values"]["react1.reused"] is False
    assert paid["kind"] == 3 and trim["kind"] == 1  # client, internal


def test_a_run_joins_the_trace_of_its_caller(observed):
    """By TRACEPARENT; reused calls say so."""
    job, _, again, *_ = observed
    root, trace = spans(job, again.run)

    assert (root["traceId"], root["parentSpanId"]) == tuple(PARENT.split("-")[1:3])
    assert {span["values"]["react1.reused"] for span in trace if span["name"].startswith("call ")} == {True}


def test_the_context_of_a_call_goes_to_its_worker(observed):
    """As W3C Trace Context in the call, which is JSON wherever it is sent."""
    job, result, *_, calls = observed
    _, trace = spans(job, result.run)
    ids = {(span["traceId"], span["spanId"]) for span in trace if span["name"].startswith("call ")}
    sent = {tuple(call.traceparent.split("-")[1:3]) for call in calls[:8]}

    assert sent <= ids and len(sent) == 8


@pytest.mark.slow
def test_a_process_of_the_executor_joins_the_trace(job, tmp_path, monkeypatch):
    """What it executed is below the coordinator's call, in the same trace."""
    monkeypatch.setenv("REACT1_EXECUTOR", "processes:1")
    monkeypatch.setenv("REACT1_TRACE", str(tmp_path / "trace.jsonl"))
    (job / "cut.yaml").write_text(PAID_PRESET.partition("  - transcode")[0])

    result = run(job / "cut.yaml", source=job / "film.mov", edits=EDITS, home=tmp_path / "home")

    _, trace = spans(tmp_path, result.run)
    calls = {span["spanId"]: span["name"] for span in trace if span["name"].startswith("call ")}
    executed = {span["name"]: calls.get(span["parentSpanId"]) for span in trace if span["name"].startswith("execute ")}
    assert executed == {
        "execute react1.nodes.fetch:Fetch": "call fetch",
        "execute react1.nodes.trim:Trim": "call trim",
    }


def test_a_failed_run_has_the_error_in_its_trace_and_its_metrics(observed):
    """The call that failed, its step and the run have it; the others ended well."""
    job, _, _, error, _ = observed
    root, trace = spans(job, error.run)
    failed = sorted(span["name"] for span in trace if span["status"].get("code") == 2)
    metrics = json.loads((job / "metrics" / f"{error.run}.json").read_text())

    assert failed == ["call react1", "run paid", "step react1"]
    assert (root["values"]["error.type"], root["values"]["react1.exit_status"]) == ("ProviderError", "4")
    assert (metrics["status"], metrics["error"]) == ("failed", "ProviderError")
    assert metrics["steps"]["react1"]["unfinished"] == 1


def test_metrics_of_a_run_are_json_and_prometheus_text(observed):
    """Calls, reused ones, seconds and cost; every sample is a line of the text format."""
    job, result, again, *_ = observed
    first, second = (json.loads((job / "metrics" / f"{each.run}.json").read_text()) for each in (result, again))
    text = (job / "metrics" / f"{result.run}.prom").read_text()

    counts = {name: (step["calls"], step["reused"]) for name, step in first["steps"].items()}
    twice = dict.fromkeys(("transcode", "normalize_audio", "upload", "react1"), (2, 0))
    assert counts == {"fetch": (1, 0), "trim": (1, 0), **twice}
    assert second["steps"]["react1"]["reused"] == 2 and second["cost_usd"] == 0.0
    assert (first["cost_usd"], first["segments"], first["project"]) == (pytest.approx(result.cost_usd), 2, "spot")
    labels = f'run="{result.run}",preset="paid",project="spot"'
    assert f"react1_run_cost_usd{{{labels}}} {first['cost_usd']}\n" in text
    assert f'react1_step_calls{{{labels},step="transcode",node="transcode"}} 2\n' in text
    sample = re.compile(r'react1_[a-z_]+\{([a-z_]+="(?:[^"\\\n]|\\.)*",?)+\} -?[0-9.e+-]+')
    assert all(sample.fullmatch(line) for line in text.splitlines() if not line.startswith("# "))


def test_nothing_is_imported_for_a_trace_that_is_off(job, monkeypatch):
    """A run goes through although OpenTelemetry cannot be imported; else one line names the variable."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "opentelemetry"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.setattr(tracing, "_providers", {})
    with FakeProvider():
        assert pay(job, job / "home").status == "done"
        monkeypatch.setenv("REACT1_TRACE", "otlp")
        with pytest.raises(MissingExtra, match=r"\(REACT1_TRACE\): pip install 'react1-nodes\[trace\]'"):
            pay(job, job / "home")


@pytest.mark.slow
def test_spans_are_sent_by_otlp_over_http(job, monkeypatch):
    """To the endpoint of OpenTelemetry's own variable, as JSON."""
    bodies = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("REACT1_TRACE", "otlp")
    monkeypatch.setattr(tracing, "_providers", {})
    with FakeProvider():
        result = pay(job, job / "home")
    tracing.flush("otlp")
    server.shutdown()
    server.server_close()

    assert {path for path, _ in bodies} == {"/v1/traces"}
    assert result.run.encode() in b"".join(body for _, body in bodies)


@pytest.mark.slow
def test_the_log_of_a_command_is_json_lines(job, react1):
    """Every line has its time and its event; the run's name is the one that is printed."""
    with FakeProvider():
        done = react1(
            "run", str(job / "paid.yaml"), str(job / "film.mov"), "--edit", EDITS[0], "--provider", "fake", "--yes",
            "--log-json", "log.jsonl", "--json",
        )  # fmt: skip
    lines = [json.loads(line) for line in Path("log.jsonl").read_text().splitlines()]
    events = [line["event"] for line in lines if line["logger"] == "react1"]

    assert (events[0], events[-1]) == ("run_started", "run_ended")
    assert {line["step"] for line in lines if line["event"] == "step_ended"} == {
        "fetch", "trim", "transcode", "normalize_audio", "upload", "react1",
    }  # fmt: skip
    assert lines[-1]["run"] == done.json["run"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", line["time"]) for line in lines)


@pytest.mark.slow
def test_options_name_the_trace_and_the_metrics_of_one_command(job, react1, tmp_path, monkeypatch):
    """A file or a folder, for a run, its resume and a batch; the next command writes none."""
    words = (job / "paid.yaml", job / "film.mov", "--edit", "0f-8f:sad", "--until", "trim")
    trace, one_file, folder = tmp_path / "t.jsonl", tmp_path / "m.json", tmp_path / "m"

    ran = react1("run", *words, "--trace", trace, "--metrics", one_file, "--json")
    assert json.loads(one_file.read_text())["run"] == ran.json["run"]
    assert not (tmp_path / "m.prom").exists()
    assert '"run paid"' in trace.read_text()

    written = trace.read_bytes()
    resumed = react1("resume", ran.json["run"], "--metrics", tmp_path / "m.prom", "--json")
    assert f'react1_run_info{{run="{resumed.json["run"]}"' in (tmp_path / "m.prom").read_text()

    (tmp_path / "film.mov").write_bytes((job / "film.mov").read_bytes())
    (tmp_path / "list.csv").write_text("source,in,out,prompt\nfilm.mov,0f,8f,sad\nno.mov,0f,8f,sad\n")
    monkeypatch.setenv("REACT1_EXECUTOR", "local")
    batch = react1("batch", tmp_path / "list.csv", "--preset", "prepare", "--metrics", folder, "--json")
    assert {path.stem for path in folder.glob("*.json")} == {row["run"] for row in batch.json["jobs"]}
    assert trace.read_bytes() == written

    names = sorted(folder.iterdir())
    react1("run", *words)
    assert sorted(folder.iterdir()) == names
