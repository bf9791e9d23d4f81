"""ComfyUI gets the same nodes, under whatever name it loads the folder."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import av
import pytest

from react1.pipeline.adapters.comfyui import comfy_class, mappings, wire
from react1.pipeline.core.file import OutPath
from react1.pipeline.core.node import NodeContext, Params
from react1.pipeline.core.registry import Registry, load_registry
from react1.pipeline.core.values import Media, Record, Report, Segment, Take

ROOT = Path(__file__).resolve().parent.parent.parent
HEAVY = {"av", "cv2", "moviepy", "mediapipe", "yt_dlp", "httpx", "jinja2", "skimage", "imageio_ffmpeg"}


class FanParams(Params):
    """How many."""

    count: int = 3


class Fan:
    """Cut a film into pieces."""

    name: ClassVar[str] = "fan"
    version: ClassVar[int] = 1
    workload: ClassVar[str] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: FanParams, source: Media) -> list[Segment]: ...


class GatherParams(Params):
    """Where."""

    out: OutPath | None = None


class Gather(Fan):
    """Put the pieces together."""

    name: ClassVar[str] = "gather"

    def run(
        self, context: NodeContext, params: GatherParams, source: Media, takes: list[Take], old: Media | None
    ) -> Media: ...


class Draw(Fan):
    """Draw the run."""

    name: ClassVar[str] = "draw"

    def run(self, context: NodeContext, params: FanParams, record: Record) -> Report: ...


REGISTRY = Registry.of(Fan, Gather, Draw)


@pytest.fixture
def ran(monkeypatch):
    """The calls of the one seam, which answers with their inputs."""
    calls = []

    def run_node(info, params, inputs, home=None):
        calls.append((info.name, dict(params), dict(inputs)))
        return "made"

    monkeypatch.setattr("react1.pipeline.api.run_node", run_node)
    return calls


def test_a_node_that_fans_out_gives_a_list():
    """ComfyUI then repeats what follows for each item."""
    made = comfy_class(REGISTRY.nodes["fan"])

    assert (made.RETURN_TYPES, made.OUTPUT_IS_LIST, made.INPUT_IS_LIST) == (("REACT1_SEGMENT",), (True,), False)
    assert (made.FUNCTION, made.CATEGORY, made.OUTPUT_NODE) == ("execute", "react1", False)
    assert made.DESCRIPTION == "Cut a film into pieces."
    assert made.INPUT_TYPES()["required"] == {"source": ("REACT1_MEDIA",)}
    assert made.INPUT_TYPES()["optional"]["count"][0] == "INT"


def test_a_node_that_gathers_takes_lists(ran):
    """All inputs come in lists then; only the gathered one stays a list."""
    made = comfy_class(REGISTRY.nodes["gather"])

    shown = made().execute(source=["film"], takes=["a", "b"], out=["x.mp4"])

    assert (made.INPUT_IS_LIST, made.OUTPUT_NODE) == (True, True)
    assert list(made.INPUT_TYPES()["required"]) == ["source", "takes"]
    assert list(made.INPUT_TYPES()["optional"]) == ["old", "out"]
    assert ran == [("gather", {"out": "x.mp4"}, {"source": "film", "takes": ["a", "b"], "old": None})]
    assert shown == {"ui": {"text": []}, "result": ("made",)}


def test_a_plain_node_runs_through_the_seam(ran):
    """With its parameters as they were typed."""
    assert comfy_class(REGISTRY.nodes["fan"])().execute(source="film", count=5) == ("made",)
    assert ran == [("fan", {"count": 5}, {"source": "film"})]


def test_what_draws_the_whole_run_is_left_out():
    """A box in a graph has no run to draw."""
    classes, titles = mappings(REGISTRY)

    assert list(classes) == list(titles) == ["react1_fan", "react1_gather"]
    assert titles["react1_fan"] == "Fan (react1)"


def test_every_shipped_node_has_its_box():
    """Its inputs can be read, and its wires have names."""
    classes, titles = mappings(load_registry())

    assert {"react1_fetch", "react1_react1", "react1_splice"} <= set(classes) == set(titles)
    for made in classes.values():
        json.dumps(made.INPUT_TYPES())
        assert made.DESCRIPTION
        assert list(made.RETURN_TYPES) == [wire(made.INFO.ports.output)]


def test_react_1_has_its_choices():
    """The API's own values, and what stands for leaving one out."""
    box = mappings(load_registry())[0]["react1_react1"].INPUT_TYPES()

    assert box["required"] == {"upload": ("REACT1_UPLOAD",)}
    assert box["optional"]["prompt"][0] == ["default", "happy", "sad", "angry", "disgusted", "surprised", "neutral"]
    assert "local" in box["optional"]["provider"][0]


LOAD = """
import importlib.util, json, sys, types
path = sys.argv[1]
sys.modules["nodes"] = types.ModuleType("nodes")
name = path.replace(".", "_x_")
spec = importlib.util.spec_from_file_location(name, path + "/__init__.py")
module = importlib.util.module_from_spec(spec)
sys.modules[name] = module
spec.loader.exec_module(module)
"""
LOOK = (
    LOAD
    + """
light = sorted({each.partition(".")[0] for each in sys.modules})
assert not hasattr(module, "WEB_DIRECTORY") and not hasattr(module, "comfy_entrypoint")
classes = {key: each.INPUT_TYPES() for key, each in module.NODE_CLASS_MAPPINGS.items()}
assert module.NODE_CLASS_MAPPINGS is module.NODE_CLASS_MAPPINGS
home = {each.INFO.cls.__module__ for each in module.NODE_CLASS_MAPPINGS.values()}
print(json.dumps({"light": light, "after": sorted({each.partition(".")[0] for each in sys.modules}),
                  "classes": sorted(classes), "titles": sorted(module.NODE_DISPLAY_NAME_MAPPINGS),
                  "react1": "react1" in sys.modules, "inside": all(each.startswith(name + ".") for each in home)}))
"""
)
WORK = (
    LOAD
    + """
boxes = module.NODE_CLASS_MAPPINGS
(film,) = boxes["react1_fetch"]().execute(uri=sys.argv[2], subtitles="false", max_size_mb=20000.0)
(segments,) = boxes["react1_trim"]().execute(source=film, edits="- {in: 5f, out: 12f, prompt: sad}", handles="2f")
print(json.dumps({"frames": film.video.frame_count, "kept": [list(each.frames) for each in segments],
                  "react1": "react1" in sys.modules}))
"""
)


def tracked(folder: Path) -> Path:
    """Copy what a clone would hold."""
    listing = ["git", "-C", ROOT, "ls-files", "-coz", "--exclude-standard"]
    listed = subprocess.run(listing, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout: what a clone would hold cannot be told")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def test_a_clone_in_comfyuis_folder_is_loaded_under_comfyuis_name(tmp_path):
    """A dash and a dot in the path, another module called `nodes`, another working folder, and nothing heavy."""
    clone = tracked(tmp_path / "Comfy.UI" / "custom_nodes" / "react1-nodes")

    ran = subprocess.run([sys.executable, "-c", LOOK, clone], cwd=tmp_path, capture_output=True, text=True)

    assert ran.returncode == 0, ran.stderr
    message = json.loads(ran.stdout)
    assert message["classes"] == message["titles"] == sorted(mappings(load_registry())[0])
    assert not message["react1"]
    assert message["inside"]
    assert not (HEAVY | {"numpy", "pydantic"}) & set(message["light"])
    assert not HEAVY & set(message["after"])


def test_boxes_run_under_comfyuis_name(tmp_path):
    """Through the one seam and a store, with what a user typed into the widgets."""
    clone = tracked(tmp_path / "custom_nodes" / "react1-nodes")
    film = made_film(tmp_path / "a film.mp4")
    home = {**os.environ, "REACT1_HOME": str(tmp_path / "home")}

    ran = subprocess.run(
        [sys.executable, "-c", WORK, clone, film], cwd=tmp_path, capture_output=True, text=True, env=home
    )

    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"frames": 20, "kept": [list(range(3, 14))], "react1": False}


def made_film(path: Path) -> Path:
    """Write 20 frames of a grey picture at 25 frames/s."""
    with av.open(path, "w") as made:
        stream = made.add_stream("libx264", 25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(20):
            made.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        made.mux(stream.encode(None))
    return path
