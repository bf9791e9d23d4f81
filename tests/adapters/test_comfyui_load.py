"""ComfyUI loads the pack from its folder, whatever the folder's name, through either of its interfaces."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import comfyui
import pytest

from react1.pipeline.adapters.comfyui import all_boxes, comfy_entrypoint, host, node_class_mappings
from react1.pipeline.adapters.comfyui.interfaces import v1_class, v1_input

ROOT = Path(__file__).resolve().parent.parent.parent
HEAVY = {"av", "cv2", "moviepy", "ai_edge_litert", "yt_dlp", "httpx", "jinja2", "skimage", "imageio_ffmpeg"}
LOAD = """
import importlib.util, json, pathlib, sys, types
path, folder = sys.argv[1:]
sys.modules["nodes"] = types.ModuleType("nodes")
paths = sys.modules["folder_paths"] = types.ModuleType("folder_paths")
for each in ("input", "output", "temp", "user"):
    setattr(paths, f"get_{each}_directory", lambda: folder)
name = path.replace(".", "_x_")
spec = importlib.util.spec_from_file_location(name, path + "/__init__.py")
module = importlib.util.module_from_spec(spec)
sys.modules[name] = module
spec.loader.exec_module(module)
light = sorted({each.partition(".")[0] for each in sys.modules})
assert callable(module.comfy_entrypoint) and list(pathlib.Path(path, module.WEB_DIRECTORY).glob("*.js"))
classes = {key: each.INPUT_TYPES() for key, each in module.NODE_CLASS_MAPPINGS.items()}
assert module.NODE_CLASS_MAPPINGS is module.NODE_CLASS_MAPPINGS
homes = {each.BOX.__module__ for each in module.NODE_CLASS_MAPPINGS.values()}
print(json.dumps({"light": light, "after": sorted({each.partition(".")[0] for each in sys.modules}),
                  "classes": sorted(classes), "titles": sorted(module.NODE_DISPLAY_NAME_MAPPINGS),
                  "react1": "react1" in sys.modules, "inside": all(each.startswith(name + ".") for each in homes)}))
"""


@pytest.mark.slow
def test_a_clone_in_comfyuis_folder_loads_under_comfyuis_name(tmp_path):
    """The path has a dash and a dot, another module is called `nodes`, and no heavy package is imported."""
    clone = tracked(tmp_path / "Comfy.UI" / "custom_nodes" / "react1-nodes")

    process = subprocess.run([sys.executable, "-c", LOAD, clone, tmp_path], capture_output=True, text=True)

    assert process.returncode == 0, process.stderr
    report = json.loads(process.stdout)
    assert report["classes"] == report["titles"] == sorted(all_boxes())
    assert not report["react1"]
    assert report["inside"]
    assert not (HEAVY | {"numpy", "pydantic"}) & set(report["light"])
    assert not HEAVY & set(report["after"])


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


def test_both_interfaces_describe_the_same_boxes(monkeypatch, tmp_path):
    """V1 is only offered where there is no V3, which ComfyUI would not ask for otherwise."""
    comfyui.install(monkeypatch, tmp_path / "1")
    v1 = node_class_mappings()
    comfyui.install(monkeypatch, tmp_path / "3", v3=True)
    v3 = {cls.define_schema().node_id: cls for cls in asyncio.run(_v3_nodes())}

    assert node_class_mappings() is None
    assert v1 is not None
    assert list(v1) == list(v3) == list(all_boxes())
    for name, box in all_boxes().items():
        schema, old = v3[name].define_schema(), v1[name]
        described = {each.args[0]: _v3_options(each) for each in schema.inputs}
        assert described == {each.name: _v1_options(each) for each in box.inputs()}
        assert [each.kind for each in schema.outputs] == list(old.RETURN_TYPES)
        assert [each.is_output_list for each in schema.outputs] == list(old.OUTPUT_IS_LIST)
        assert (schema.is_output_node, schema.is_input_list) == (old.OUTPUT_NODE, old.INPUT_IS_LIST)
        assert (schema.display_name, schema.category, schema.description) == (box.title, box.category, box.about)
        assert hasattr(old, "IS_CHANGED") == hasattr(v3[name], "fingerprint_inputs")
        assert hasattr(old, "VALIDATE_INPUTS") == hasattr(v3[name], "validate_inputs")
        assert box.about
        json.dumps(old.INPUT_TYPES())


async def _v3_nodes():
    return await (await comfy_entrypoint()).get_node_list()


def _v3_options(item):
    named = {"display_name": item.display_name, "tooltip": item.tooltip}
    options = {**item.extra_dict, **{name: text for name, text in named.items() if text}}
    kind = options.pop("options") if item.kind == "COMBO" else item.kind
    options.pop("multiselect", None)
    return kind, options, item.optional


def _v1_options(item):
    return (*v1_input(item), item.optional)


def test_a_v3_class_runs_its_box(monkeypatch, tmp_path):
    """Its outputs and what the interface shows are the box's; the check's message is ComfyUI's to show."""
    comfyui.install(monkeypatch, tmp_path / "3", v3=True)
    nodes = {cls.BOX.id: cls for cls in asyncio.run(_v3_nodes())}
    edit, matrix = nodes["react1_edit"], nodes["react1_takes_to_try"]
    for cls in (edit, matrix):
        cls.hidden = type("Hidden", (), {"unique_id": "7"})

    async def in_an_event_loop():
        (takes,) = matrix.execute(prompt="happy, sad").args
        return edit.execute(**{"in": "1", "out": "2", "prompt": "angry", "takes_to_try": takes})

    shown = asyncio.run(in_an_event_loop())

    assert shown.args[0].edits[0].takes.prompt == ("happy", "sad")
    assert shown.ui == {"text": ["prompt come from takes_to_try; the widgets here do nothing"]}
    assert edit.validate_inputs(**{"in": "1", "out": "2"}) is True
    assert "is not after" in edit.validate_inputs(**{"in": "3", "out": "2"})
    assert inspect.getfullargspec(edit.validate_inputs).args == ["cls", "in", "out"]


@pytest.mark.parametrize("v3", [True, False])
def test_an_output_is_blocked_where_this_comfyui_has_the_class(monkeypatch, tmp_path, v3):
    """It moved to another module with the V3 interface."""
    comfyui.install(monkeypatch, tmp_path / "ComfyUI", v3=v3)

    blocked = host.block("choose a take")

    assert isinstance(blocked, comfyui.ExecutionBlocker) and blocked.message == "choose a take"


def test_v1_validators_name_the_inputs_that_they_want():
    """ComfyUI reads the names from the signature, also where one is a keyword of Python."""
    names = inspect.getfullargspec(v1_class(all_boxes()["react1_edit"]).VALIDATE_INPUTS).args
    assert names == ["in", "out"]


def test_the_registry_and_the_manager_find_what_they_need():
    """`[tool.comfy]` has a name and a publisher, and requirements.txt installs the pack with its local engine.

    The Manager looks in the source for a literal dictionary of boxes, and where there is none, in node_list.json.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    comfy = project["tool"]["comfy"]
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    extra = project["project"]["optional-dependencies"]["local"]

    assert {"PublisherId", "DisplayName"} <= comfy.keys()
    icon = (ROOT / comfy["Icon"].partition("/main/")[2]).read_text("utf-8")
    assert re.search(r'<svg [^>]*viewBox="0 0 (\d+) \1"', icon)  # the registry takes square ones only
    assert lines == [*project["project"]["dependencies"], *extra]
    assert json.loads((ROOT / "node_list.json").read_text()) == {name: box.title for name, box in all_boxes().items()}
