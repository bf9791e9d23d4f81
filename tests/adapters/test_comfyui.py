"""ComfyUI loads the nodes from the folder, whatever the folder's name."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import av
import pytest

from react1.pipeline.adapters.comfyui import comfy_class, mappings, wire_type
from react1.pipeline.core.file import OutPath
from react1.pipeline.core.node import NodeContext, Params
from react1.pipeline.core.registry import Registry, load_registry
from react1.pipeline.core.values import Media, Record, Report, Segment, Take

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent.parent
HEAVY = {"av", "cv2", "moviepy", "mediapipe", "yt_dlp", "httpx", "jinja2", "skimage", "imageio_ffmpeg"}


class FanParams(Params):
    """The number of pieces."""

    count: int = 3


class Fan:
    """Cut a film into pieces."""

    name: ClassVar[str] = "fan"
    version: ClassVar[int] = 1
    workload: ClassVar[str] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ()

    def run(self, context: NodeContext, params: FanParams, source: Media) -> list[Segment]: ...


class GatherParams(Params):
    """The output."""

    out: OutPath | None = None


class Gather(Fan):
    """Join the pieces."""

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
def calls(monkeypatch):
    """Record the calls of `run_node`, which returns a constant."""
    calls = []

    def run_node(info, params, inputs, home=None):
        calls.append((info.name, dict(params), dict(inputs)))
        return "made"

    monkeypatch.setattr("react1.pipeline.api.run_node", run_node)
    return calls


def test_a_node_that_fans_out_returns_a_list():
    """ComfyUI then repeats the following nodes for each item."""
    node_class = comfy_class(REGISTRY.nodes["fan"])

    assert (node_class.RETURN_TYPES, node_class.OUTPUT_IS_LIST, node_class.INPUT_IS_LIST) == (
        ("REACT1_SEGMENT",),
        (True,),
        False,
    )
    assert (node_class.FUNCTION, node_class.CATEGORY, node_class.OUTPUT_NODE) == ("execute", "react1", False)
    assert node_class.DESCRIPTION == "Cut a film into pieces."
    assert node_class.INPUT_TYPES()["required"] == {"source": ("REACT1_MEDIA",)}
    assert node_class.INPUT_TYPES()["optional"]["count"][0] == "INT"


def test_a_node_that_gathers_takes_lists(calls):
    """ComfyUI passes all its inputs as lists; only the gathered one stays a list."""
    node_class = comfy_class(REGISTRY.nodes["gather"])

    shown = node_class().execute(source=["film"], takes=["a", "b"], out=["x.mp4"])

    assert (node_class.INPUT_IS_LIST, node_class.OUTPUT_NODE) == (True, True)
    assert list(node_class.INPUT_TYPES()["required"]) == ["source", "takes"]
    assert list(node_class.INPUT_TYPES()["optional"]) == ["old", "out"]
    assert calls == [("gather", {"out": "x.mp4"}, {"source": "film", "takes": ["a", "b"], "old": None})]
    assert shown == {"ui": {"text": []}, "result": ("made",)}


def test_a_simple_node_runs_through_run_node(calls):
    """It gets the parameters as typed."""
    assert comfy_class(REGISTRY.nodes["fan"])().execute(source="film", count=5) == ("made",)
    assert calls == [("fan", {"count": 5}, {"source": "film"})]


def test_nodes_with_a_record_input_are_omitted():
    """A ComfyUI graph has no run record."""
    classes, titles = mappings(REGISTRY)

    assert list(classes) == list(titles) == ["react1_fan", "react1_gather"]
    assert titles["react1_fan"] == "Fan (react1)"


def test_every_shipped_node_has_a_comfyui_class():
    """Its inputs are JSON, and its output type has a name."""
    classes, titles = mappings(load_registry())

    assert {"react1_fetch", "react1_react1", "react1_splice"} <= set(classes) == set(titles)
    for node_class in classes.values():
        json.dumps(node_class.INPUT_TYPES())
        assert node_class.DESCRIPTION
        assert list(node_class.RETURN_TYPES) == [wire_type(node_class.INFO.ports.output)]


def test_react_1_has_its_choices():
    """The widgets have the API's values, and a choice for no value."""
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
    """Copy the files that a clone would have."""
    listing = ["git", "-C", ROOT, "ls-files", "-coz", "--exclude-standard"]
    listed = subprocess.run(listing, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout: what a clone would hold cannot be told")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def test_a_clone_in_comfyuis_folder_loads_under_comfyuis_name(tmp_path):
    """The path has a dash and a dot, another module is called `nodes`, and no heavy package is imported."""
    clone = tracked(tmp_path / "Comfy.UI" / "custom_nodes" / "react1-nodes")

    process = subprocess.run([sys.executable, "-c", LOOK, clone], cwd=tmp_path, capture_output=True, text=True)

    assert process.returncode == 0, process.stderr
    report = json.loads(process.stdout)
    assert report["classes"] == report["titles"] == sorted(mappings(load_registry())[0])
    assert not report["react1"]
    assert report["inside"]
    assert not (HEAVY | {"numpy", "pydantic"}) & set(report["light"])
    assert not HEAVY & set(report["after"])


def test_comfyui_nodes_run_under_comfyuis_name(tmp_path):
    """They run through the store with the values of the widgets."""
    clone = tracked(tmp_path / "custom_nodes" / "react1-nodes")
    film = made_film(tmp_path / "a film.mp4")
    home = {**os.environ, "REACT1_HOME": str(tmp_path / "home")}

    process = subprocess.run(
        [sys.executable, "-c", WORK, clone, film], cwd=tmp_path, capture_output=True, text=True, env=home
    )

    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout) == {"frames": 20, "kept": [list(range(3, 14))], "react1": False}


def made_film(path: Path) -> Path:
    """Write 20 frames of a grey picture at 25 frames/s."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", 25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(20):
            container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode(None))
    return path
