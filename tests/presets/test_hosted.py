"""The shipped presets run unchanged with `--provider segmind` against the local server with the local engine."""

from __future__ import annotations

import functools
import json
import logging
import os
import subprocess
import sys
import threading
import wave
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from numbered_clips import make_clip
from seen import gray_pictures
from server_client import open_server

from react1.pipeline.api import run
from react1.pipeline.core.errors import InputMediaError, OverBudget, PresetError, React1Error
from react1.pipeline.jobs import budget
from react1.pipeline.jobs.ledger import Ledger
from react1.pipeline.server.job_store import JobStore
from react1.pipeline.server.renderers import mark_source
from react1.pipeline.server.worker import render_take
from react1.pipeline.server.worker_protocol import failed_result

pytestmark = pytest.mark.slow

KEY = "SG_secret0123456789abcdef"
SPAN = "0.6-1.4"
FIRST, LAST = 15, 35
RAMP = 3
"""The frames of a dissolve in each handle."""


def render_here(request, folder, check, max_s):
    """Render a take in this process, which has the face models loaded; tests/server holds the server's own."""
    try:
        return render_take(request, folder)
    except React1Error as error:
        return failed_result(error)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    pytest.importorskip("ai_edge_litert", reason="the local engine is not installed")
    folder = tmp_path_factory.mktemp("hosted")
    with open_server(folder, renderer=render_here, key=KEY) as client:
        client.folder = folder
        yield client


@pytest.fixture
def made_film(tmp_path, monkeypatch):
    """Make a small film of 16 s; it has no face, so nothing looks for one."""
    monkeypatch.setattr(budget, "check_segment", lambda segment, store, limits: ((), None))
    return make_clip(tmp_path / "long.mp4", frames=400, size=(96, 64), audio_codec="aac", gop=50)


@pytest.fixture
def local_server(server, monkeypatch):
    """Set the environment for the local server."""
    monkeypatch.setenv("REACT1_SEGMIND_URL", server.url)
    monkeypatch.setenv("SEGMIND_API_KEY", KEY)
    return server


@pytest.fixture
def marking_server(tmp_path, monkeypatch):
    """Start local servers that mark what they receive, with faults."""
    import contextlib

    with contextlib.ExitStack() as stack:

        def start(*faults):
            plan = {"engine": "mark", "faults": list(faults)}
            client = stack.enter_context(open_server(tmp_path / "srv", plan, renderer=mark_source, key=KEY))
            monkeypatch.setenv("REACT1_SEGMIND_URL", client.url)
            monkeypatch.setenv("SEGMIND_API_KEY", KEY)
            return client

        yield start


def _frames(path):
    return gray_pictures(path).astype(np.int16)


def _changed(before, after):
    return [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if np.abs(a - b).max() > 40]


def _jobs(folder):
    return sorted(JobStore(folder).jobs(), key=lambda job: job.created_s)


@pytest.mark.parametrize("preset", ["emotion-edit", "lips-only"])
def test_a_preset_changes_the_span_through_the_provider(preset, local_server, talking_clip, home, tmp_path):
    """Frames and audio stay the same, the server has the request, and the result has the provider's cost."""
    out, before = tmp_path / "film.mp4", len(_jobs(local_server.folder))

    result = run(
        preset, source=talking_clip, edits=[f"{SPAN}:surprised:1"], out=out, home=home,
        provider="segmind", yes=True,
    )  # fmt: skip

    changed = _changed(_frames(talking_clip), _frames(out))
    (job,) = _jobs(local_server.folder)[before:]
    (segment,) = result.segments
    assert (segment.provider, segment.request_id, segment.status) == ("segmind", job.id, "done")
    assert result.cost_usd == segment.cost_usd == job.cost_usd > 0
    assert result.checks["frames_equal"] is True
    assert set(range(FIRST, LAST)) & set(changed)
    assert changed[0] >= FIRST - RAMP
    assert changed[-1] < LAST + RAMP
    assert job.sent["prompt"] == "surprised"
    assert "not React-1" in " ".join(result.notes)


def test_adr_replace_sends_the_new_line(local_server, talking_clip, home, tmp_path):
    """The provider gets the new line, and the film has it."""
    line, out = tmp_path / "line.wav", tmp_path / "film.mp4"
    samples = (np.sin(2 * np.pi * 1000 * np.arange(int(0.8 * 48000)) / 48000) * 12000).astype("<i2")
    with wave.open(str(line), "wb") as sound:
        sound.setparams((1, 2, 48000, 0, "NONE", ""))
        sound.writeframes(samples.tobytes())
    edit = {"in": "0.6", "out": "1.4", "prompt": "neutral", "audio": str(line)}

    run("adr-replace", source=talking_clip, edits=[edit], out=out, home=home, provider="segmind", yes=True)

    sent = _jobs(local_server.folder)[-1].sent
    assert sent["sync_mode"] == "silence"
    voice = local_server.get(sent["audio_url"]).content
    (tmp_path / "heard.wav").write_bytes(voice)
    with wave.open(str(tmp_path / "heard.wav")) as heard:
        samples = np.frombuffer(heard.readframes(heard.getnframes()), "<i2").reshape(-1, heard.getnchannels())[:, 0]
    middle = samples[len(samples) // 2 - 4800 : len(samples) // 2 + 4800].astype(float)
    power = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) ** 2
    assert power[195:206].sum() / power.sum() > 0.8
    assert len(_frames(out)) == len(_frames(talking_clip))


def test_from_web_downloads_a_url_and_sends_only_the_segment(local_server, talking_clip, home, tmp_path):
    """The provider never gets the film's URL."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(talking_clip.parent))
    handler.log_message = lambda *_: None
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{web.server_port}/{talking_clip.name}"
        out = tmp_path / "film.mp4"
        run(
            "from-web", source=address, edits=[f"{SPAN}:sad:1"], out=out, home=home,
            provider="segmind", yes=True,
        )  # fmt: skip
        web.shutdown()

    sent = _jobs(local_server.folder)[-1].sent
    assert str(web.server_port) not in json.dumps(sent)
    assert _changed(_frames(talking_clip), _frames(out))


def test_preview_is_always_local(local_server, talking_clip, home, tmp_path):
    """It ignores keys, and another provider is refused before anything runs."""
    options = {"source": talking_clip, "edits": [f"{SPAN}:surprised:1"], "out": tmp_path / "f.mp4", "home": home}
    before = len(_jobs(local_server.folder))

    result = run("preview", **options)
    with pytest.raises(PresetError, match="always uses 'local'"):
        run("preview", provider="segmind", yes=True, **options)

    assert [segment.provider for segment in result.segments] == ["local"]
    assert len(_jobs(local_server.folder)) == before


def test_prepare_sends_nothing(local_server, talking_clip, home, tmp_path):
    """It has no paid step."""
    before = len(_jobs(local_server.folder))

    run("prepare", source=talking_clip, edits=[f"{SPAN}:happy"], out=tmp_path / "segments", home=home)

    assert len(_jobs(local_server.folder)) == before


def test_a_take_is_reused_for_its_own_provider_only(marking_server, talking_clip, own_home, tmp_path, monkeypatch):
    """A local take, or one of another server, is not reused for the model."""
    marking_server()
    options = {"source": talking_clip, "edits": [f"{SPAN}:happy"], "home": own_home, "yes": True, "until": "react1"}
    run("emotion-edit", provider="local", **options)
    first = run("emotion-edit", provider="segmind", **options)
    with open_server(tmp_path / "other", {"engine": "mark"}, renderer=mark_source) as other:
        monkeypatch.setenv("REACT1_SEGMIND_URL", other.url)
        second = run("emotion-edit", provider="segmind", **options)

    assert (first.segments[0].reused, second.segments[0].reused) == (False, False)
    assert first.segments[0].request_id != second.segments[0].request_id
    assert len(list(Ledger(own_home).entries())) == 2


def test_a_segment_over_15_s_is_sent_in_parts(marking_server, made_film, tmp_path):
    """Each part is within the limit, and every frame of the film is there once."""
    marking_server()
    clip, out = made_film, tmp_path / "film.mp4"
    options = {"source": clip, "edits": ["0.2-15.8:sad"], "out": out, "home": tmp_path / "home"}

    result = run("emotion-edit", provider="segmind", yes=True, **options)

    parts = result.segments
    lasts_s = [entry.intended.seconds for entry in Ledger(tmp_path / "home").entries()]
    assert [part.name for part in parts] == ["s01-1", "s01-2"]
    assert (parts[0].start_frame, parts[0].end_frame, parts[1].end_frame) == (5, parts[1].start_frame, 395)
    assert max(lasts_s) <= 15
    assert len(_jobs(tmp_path / "srv")) == 2
    before, after = _frames(clip), _frames(out)
    assert before.shape == after.shape
    assert _changed(before, after) == []
    assert result.checks["frames_equal"] is True
    assert result.checks["timestamps_equal"] is True


def test_a_failed_segment_keeps_its_footage_with_keep_original(marking_server, talking_clip, own_home, tmp_path):
    """The exit status is 6, and the report and the result show the error."""
    marking_server(
        {"route": "submit", "do": "fail", "error": "content blocked", "call": [1]},
        {"route": "submit", "do": "take", "take": {"colour_shift": 0}},
    )
    job = tmp_path / "job.yaml"
    job.write_text(
        f"preset: emotion-edit\nsource: {talking_clip}\nout: {tmp_path / 'film.mp4'}\non_failure: keep-original\n"
        "edits:\n  - {in: 0.6, out: 1.4, prompt: sad}\n"
    )

    result = run(job, home=own_home, provider="segmind", yes=True)

    (segment,) = result.segments
    assert (result.exit_status, segment.status, segment.cost_usd) == (6, "original", 0.0)
    assert _changed(_frames(talking_clip), _frames(tmp_path / "film.mp4")) == []
    page = result.report.read_text()
    assert "content blocked" in page
    assert "content blocked" in " ".join(result.notes)


def test_nothing_is_sent_if_a_run_is_refused(marking_server, talking_clip, own_home, tmp_path, monkeypatch):
    """It is refused without approval, over budget, with a storage that sends nothing, and without a key."""
    client = marking_server()
    options = {"source": talking_clip, "edits": [f"{SPAN}:happy"], "out": tmp_path / "f.mp4", "home": own_home}
    with pytest.raises(OverBudget, match="yes=True"):
        run("emotion-edit", provider="segmind", **options)
    with pytest.raises(OverBudget, match="budget"):
        run("emotion-edit", provider="segmind", yes=True, max_cost=0.01, **options)
    silent = tmp_path / "silent.yaml"
    silent.write_text(_with_upload("upload: {storage: none}"))
    with pytest.raises(PresetError, match="storage none uploads nothing"):
        run(silent, provider="segmind", yes=True, **options)
    monkeypatch.delenv("SEGMIND_API_KEY")
    with pytest.raises(PresetError, match="SEGMIND_API_KEY"):
        run("emotion-edit", provider="segmind", yes=True, **options)

    assert _jobs(tmp_path / "srv") == []
    assert list((tmp_path / "srv" / "server" / "assets").iterdir()) == []
    headers = {"x-api-key": KEY}
    assert client.get("/v1/get-user-credits", headers=headers).json()["credits"] == 10_000


def _with_upload(upload):
    steps = ["fetch: {uri: $source}", "trim: {edits: $edits}", "transcode:", "normalize_audio:", upload, "react1:"]
    lines = "".join(f"  - {step}\n" for step in [*steps, "conform:", "splice: {out: $out}"])
    return (
        "name: silent\ninputs:\n  source: {kind: media}\n  edits: {kind: edits}\n  out: {kind: path}\nsteps:\n" + lines
    )


def test_faces_are_checked_before_anything_is_paid(marking_server, tmp_path):
    """A span without a face is refused, and nothing reaches the provider."""
    pytest.importorskip("ai_edge_litert", reason="the local engine is not installed")
    marking_server()
    clip = make_clip(tmp_path / "clip.mp4", frames=25, size=(320, 240))

    with pytest.raises(InputMediaError, match="no face"):
        run(
            "emotion-edit", source=clip, edits=["5f-20f:happy"], out=tmp_path / "f.mp4", home=tmp_path / "home",
            provider="segmind", yes=True,
        )  # fmt: skip
    assert list((tmp_path / "srv" / "server" / "assets").iterdir()) == []


def test_the_key_appears_nowhere(marking_server, talking_clip, own_home, tmp_path):
    """It is in no file, debug log, report or message of a run, a failed run, a plan, jobs or doctor."""
    client = marking_server(
        {"route": "status", "do": "status", "status": 500, "error": f"bad key {KEY}", "call": 1},
        {"route": "submit", "do": "status", "status": 403, "error": f"no rights for {KEY}", "call": 2},
        {"route": "upload", "do": "status", "status": 500, "error": f"key {KEY}", "call": 1},
    )
    home, film = own_home, tmp_path / "film.mp4"
    job = ["emotion-edit", "--set", f"source={talking_clip}", "--out", str(film), "--provider", "segmind"]
    commands = {
        "plan": ["plan", *job, "--edit", f"{SPAN}:happy"],
        "done": ["run", *job, "--edit", f"{SPAN}:happy", "--yes"],
        "failed": ["run", *job, "--edit", f"{SPAN}:sad", "--yes"],
        "jobs": ["jobs"],
        "jobs as JSON": ["jobs", "--json"],
        "doctor": ["doctor"],
        "runs": ["runs"],
        "show": ["show", "2"],
    }
    script = tmp_path / "debugging.py"
    script.write_text(
        "import json, logging, sys\nlogging.basicConfig(level=logging.DEBUG, filename=sys.argv[1])\n"
        "import react1.pipeline.net.http_pool, react1.pipeline.net.download\n"
        "from react1.pipeline.cli.app import run_command\n"
        "for name in ('httpx', 'httpcore', 'asyncio', 'react1'):\n"
        "    logging.getLogger(name).setLevel(logging.DEBUG)\n"
        "statuses = {name: run_command(words) for name, words in json.load(sys.stdin).items()}\n"
        "open(sys.argv[2], 'w').write(json.dumps(statuses))\n"
    )
    ran = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "debug.log"), str(tmp_path / "statuses.json")],
        input=json.dumps(commands), capture_output=True, text=True,
        env={**os.environ, "REACT1_HOME": str(home), "REACT1_DEBUG": "1"},
    )  # fmt: skip
    statuses = json.loads((tmp_path / "statuses.json").read_text())
    assert (statuses["plan"], statuses["done"], statuses["failed"]) == (0, 0, 4), ran.stderr
    assert "no rights for …" in ran.stderr

    logged = (tmp_path / "debug.log").read_text(errors="replace")
    assert "send_request_headers" in logged, "the log holds nothing of the wire, so it proves nothing"
    assert KEY not in logged
    assert KEY not in ran.stdout + ran.stderr
    with_key = [
        path
        for root in (home, tmp_path)
        for path in Path(root).rglob("*")
        if path.is_file() and KEY.encode() in path.read_bytes()
    ]
    assert with_key == []
    assert client.url


def test_takes_are_downloaded_without_the_key(marking_server, talking_clip, own_home, tmp_path, monkeypatch):
    """Output URLs are public; only API calls have the key."""
    requests = []
    from react1.pipeline.server.fault_middleware import FaultMiddleware

    original = FaultMiddleware.__call__

    async def record_and_call(self, scope, receive, send):
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            requests.append((scope["method"], scope["path"].split("/")[1], headers.get(b"x-api-key", b"").decode()))
        await original(self, scope, receive, send)

    monkeypatch.setattr(FaultMiddleware, "__call__", record_and_call)
    marking_server()
    run(
        "emotion-edit", source=talking_clip, edits=[f"{SPAN}:happy"], out=tmp_path / "f.mp4", home=own_home,
        provider="segmind", yes=True,
    )  # fmt: skip

    assert {key for _, place, key in requests if place == "outputs"} == {""}
    assert {key for method, place, key in requests if place == "v2" or method == "PUT"} == {KEY}
    assert logging.getLogger("httpcore").level >= logging.WARNING
