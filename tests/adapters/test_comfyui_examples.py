"""The example workflows fit the boxes, run in the stand-in, and run in a real ComfyUI where there is one."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from comfyui_jobs import digest

from react1.pipeline.adapters.comfyui import all_boxes

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = sorted((ROOT / "examples" / "comfyui").glob("*.api.json"))
FOREIGN = {"LoadVideo", "SaveVideo"}
WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
TIMES = {"00:00:01.200": "10f", "00:00:02.400": "25f"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_fits_the_boxes(server, path):
    """Every widget that it sets exists and has the value among its choices; nothing that is required is missing."""
    boxes = all_boxes()
    for node in json.loads(path.read_text()).values():
        if node["class_type"] in FOREIGN:
            continue
        inputs = {item.name: item for item in boxes[node["class_type"]].inputs()}
        assert node["inputs"].keys() <= inputs.keys()
        assert {name for name, item in inputs.items() if not item.optional} <= node["inputs"].keys()
        for name, value in node["inputs"].items():
            if inputs[name].type == "COMBO" and name != "file":
                assert value in inputs[name].options["options"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_template_is_the_same_example(server, path):
    """The graph of the templates browser has the same nodes, links and values, which ComfyUI reads by position."""
    api = json.loads(path.read_text())
    graph = json.loads(template_of(path).read_text())
    boxes = all_boxes()

    assert {str(node["id"]): node["type"] for node in graph["nodes"]} == {
        name: node["class_type"] for name, node in api.items()
    }
    links = {(str(link[1]), link[2], str(link[3])) for link in graph["links"]}
    assert links == {
        (value[0], value[1], name)
        for name, node in api.items()
        for value in node["inputs"].values()
        if isinstance(value, list)
    }
    for node in graph["nodes"]:
        written = {name: v for name, v in api[str(node["id"])]["inputs"].items() if not isinstance(v, list)}
        values = node.get("widgets_values", [])
        if node["type"] in FOREIGN:
            assert values[: len(written)] == list(written.values())
            continue
        inputs = sorted(boxes[node["type"]].inputs(), key=lambda item: item.optional)
        widgets = {item.name: item.options.get("default") for item in inputs if item.type in WIDGETS}
        upload = ["image"] if any("video_upload" in item.options for item in inputs) else []
        assert values == [*(widgets | written).values(), *upload]


def test_a_template_has_a_picture_and_no_nulls_but_for_missing_links():
    """The interface shows a long warning for every other null."""
    for path in EXAMPLES:
        assert template_of(path).with_suffix(".jpg").read_bytes()[:2] == b"\xff\xd8"
        graph = json.loads(template_of(path).read_text())
        places = {name for name in null_places(graph) if name.rsplit("/", 1)[-1] not in ("link", "links")}
        assert not places


def null_places(value, place=""):
    """Yield where a value of JSON is null."""
    if value is None:
        yield place
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from null_places(child, f"{place}/{key}")


def template_of(path):
    """Return the graph of an example, in the folder that ComfyUI's templates browser lists."""
    return ROOT / "example_workflows" / path.name.replace(".api", "")


@pytest.mark.slow
def test_the_first_example_runs_in_the_stand_in(server):
    """With the times of the test's film."""
    job = json.loads((ROOT / "examples" / "comfyui" / "first-film.api.json").read_text())
    server.film.rename(server.film.with_name("interview.mp4"))
    job["2"]["inputs"] = {name: TIMES.get(value, value) for name, value in job["2"]["inputs"].items()}

    outcome = server.run(job)

    assert not outcome.errors
    assert server.renderer.rendered == [("sad", 0.7, "face")]


def checkouts():
    """Return the folders of COMFYUI_DIR, separated as in PATH."""
    return [Path(part) for part in os.environ.get("COMFYUI_DIR", "").split(os.pathsep) if part]


@contextlib.contextmanager
def real_server(checkout, base, clip):
    """Start the ComfyUI of a checkout, with COMFYUI_PYTHON, on a folder of its own."""
    for name in ("custom_nodes", "input", "output", "temp", "user", "models"):
        (base / name).mkdir(parents=True)
    (base / "custom_nodes" / "react1-nodes").symlink_to(ROOT, target_is_directory=True)
    (base / "input" / "interview.mp4").write_bytes(clip.read_bytes())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    python = os.environ.get("COMFYUI_PYTHON", sys.executable)
    argv = [python, "main.py", "--cpu", "--disable-api-nodes", "--port", str(port), "--base-directory", str(base)]
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("REACT1_", "SEGMIND_", "SYNC_"))}
    with (base / "log.txt").open("w") as log:
        process = subprocess.Popen(argv, cwd=checkout, env=keep | {"NO_PROXY": "*"}, stdout=log, stderr=log)
    try:
        yield RealServer(f"http://127.0.0.1:{port}", base, process)
    finally:
        process.terminate()
        process.wait(30)


class RealServer:
    """A real ComfyUI, over its HTTP API."""

    def __init__(self, url, base, process):
        self.url, self.base, self._process = url, base, process

    def call(self, path, body=None):
        """Return the JSON of an answer; wait while the server starts."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        deadline = time.monotonic() + 180
        while True:
            try:
                with urllib.request.urlopen(request) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                return json.loads(error.read())
            except urllib.error.URLError:
                assert self._process.poll() is None, (self.base / "log.txt").read_text()[-2000:]
                assert time.monotonic() < deadline
                time.sleep(0.2)

    def run(self, workflow):
        """Queue a workflow and return its entry in the history."""
        queued = self.call("/prompt", {"prompt": workflow})
        assert "prompt_id" in queued, queued
        history = {}
        while queued["prompt_id"] not in history:
            time.sleep(0.1)
            history = self.call(f"/history/{queued['prompt_id']}")
        return history[queued["prompt_id"]]


def shown_films(server, entry):
    """Return the digests of the films that a run shows."""
    shown = [image for output in entry["outputs"].values() for image in output.get("images", ())]
    paths = [server.base / image["type"] / image["subfolder"] / image["filename"] for image in shown]
    return {digest(path) for path in paths if path.suffix == ".mp4"}


def run_examples(server):
    """Run the examples over HTTP, the first with two emotions; return the films that each shows."""
    films = {}
    for label, name, change in (
        ("sad", "first-film", {"in": "0.4", "out": "1.4", "prompt": "sad"}),
        ("happy", "first-film", {"in": "0.4", "out": "1.4", "prompt": "happy"}),
        ("takes", "takes", {"in": "0.4", "out": "1.4"}),
        ("text", "edits-from-text", {"text": "0.3-0.8:happy:0.6\n1.1-1.6:angry:0.4:model_mode=face"}),
        ("labelled", "first-film", {"in": "0.4", "out": "1.4", "prompt": "sad"}),
    ):
        job = json.loads((ROOT / "examples" / "comfyui" / f"{name}.api.json").read_text())
        job["2"]["inputs"] |= change
        if label == "labelled":
            settings = {"consent_performer": "Ada", "disclosure": True}
            job["5"] = {"class_type": "react1_settings", "inputs": settings}
            job["3"]["inputs"]["settings"] = ["5", 0]
        entry = server.run(job)
        assert entry["status"]["status_str"] == "success", entry["status"]
        assert entry["outputs"]["4"]["images"]
        films[label] = shown_films(server, entry)
    films["text"] -= {digest(path) for path in (server.base / "output" / "video").glob("*.mp4")}
    return films


@pytest.mark.slow
@pytest.mark.skipif(not checkouts(), reason="no ComfyUI: set COMFYUI_DIR to checkouts, COMFYUI_PYTHON to their Python")
def test_the_examples_run_in_a_real_comfyui(tmp_path, talking_clip):
    """Over HTTP: emotions change the film, takes are chosen, core nodes connect; V1 and V3 give the same bytes."""
    films = []
    for number, checkout in enumerate(checkouts()):
        with real_server(checkout, tmp_path / f"{number}", talking_clip) as server:
            films.append(run_examples(server))

    for of_checkout in films:
        sad, happy = of_checkout["sad"], of_checkout["happy"]
        assert len(sad) == len(happy) == 1 and sad != happy
        assert len(of_checkout["labelled"]) == 1 and of_checkout["labelled"] != sad
        assert of_checkout == films[0]
