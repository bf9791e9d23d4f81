"""Every node file keeps the contract; a new one is read here without being named."""

import ast
import json
import re
import subprocess
import sys

import pytest
from layers import ROOT
from pydantic import ValidationError

from react1.pipeline.core.nodes.node import Params, ports
from react1.pipeline.core.nodes.registry import load_registry, shipped_modules

NODES = {module: info for info in load_registry().nodes.values() if (module := info.cls.__module__.split(".")[-1])}
HEAVY = {
    "av",
    "cv2",
    "moviepy",
    "ai_edge_litert",
    "yt_dlp",
    "httpx",
    "jinja2",
    "skimage",
    "imageio_ffmpeg",
    "ffmpeg",
    "scipy",
}
NAMES = shipped_modules()
OPTIONAL_METHODS = {"cache_salt", "forecast", "check_before_paying"}
PARTS = ("Takes   ", "Gives   ", "Raises  ")

each_node = pytest.mark.parametrize("name", NAMES)


def source(name: str) -> ast.Module:
    return ast.parse((ROOT / "nodes" / f"{name}.py").read_text(encoding="utf-8"))


@each_node
def test_a_node_is_loaded(name):
    """Its file is named as the node is, and nothing keeps it from being used."""
    broken = {item.name: item.why for item in load_registry().broken}

    assert name not in broken, broken.get(name)
    assert NODES[name].name == name
    assert NODES[name].origin == "react1"


@each_node
def test_its_header_has_its_parts(name):
    """One line that says what it does, then Takes, Gives, Raises at the start of lines, in this order."""
    header = ast.get_docstring(source(name))
    first, blank, *rest = header.splitlines()
    matches = [line[:8] for line in rest if line.startswith(PARTS)]

    assert first.endswith(".")
    assert blank == ""
    assert tuple(matches) == PARTS


@each_node
def test_its_wires_can_be_read(name):
    """Inputs, result, and a class that says what kind of work it is."""
    info = NODES[name]

    assert ports(info.cls) == info.ports
    assert info.cls.version >= 1
    assert info.about.endswith(".")


@each_node
def test_its_parameters_are_frozen_and_refuse_unknown_keys(name):
    """A typing error in a preset is never ignored."""
    params = NODES[name].ports.params

    assert issubclass(params, Params)
    assert params.model_config["frozen"]
    with pytest.raises(ValidationError, match="extra_forbidden"):
        params.model_validate({"no_such_parameter": 1})


@each_node
def test_its_parameters_are_described(name):
    """The schema, the command line and ComfyUI all show these lines."""
    params = NODES[name].ports.params
    schema = params.model_json_schema()["properties"]

    assert [key for key in params.model_fields if not schema[key].get("description")] == []


@each_node
def test_its_defaults_are_valid_and_survive_json(name):
    """What is left out means the same on the far side of a wire."""
    params = NODES[name].ports.params
    needed = {key for key, field in params.model_fields.items() if field.is_required()}
    output = params.model_validate(EXAMPLES.get(name, {}))

    assert needed <= set(EXAMPLES.get(name, {})), "give its required parameters in EXAMPLES"
    assert params.model_validate_json(output.model_dump_json(by_alias=True)) == output
    assert params.model_validate(output.model_dump(by_alias=True)) == output
    json.dumps(params.model_json_schema())


EXAMPLES = {
    "fetch": {"uri": "https://example.com/film.mp4"},
    "relink": {"original": "/shoot/A001.mov"},
    "trim": {"edits": [{"in": "1f", "out": "25f", "prompt": "sad", "name": "a"}]},
    "script": {"function": "grade:warm"},
    "script_take": {"function": "grade:warm"},
}


@each_node
def test_it_has_one_public_method(name):
    """Apart from the optional members of the contract; the implementation is in `pipeline`."""
    classes = [matches for matches in source(name).body if isinstance(matches, ast.ClassDef)]
    node = next(matches for matches in classes if matches.name == NODES[name].cls.__name__)
    methods = [matches.name for matches in node.body if isinstance(matches, ast.FunctionDef)]

    assert {method for method in methods if not method.startswith("_")} - OPTIONAL_METHODS == {"run"}


@each_node
def test_it_has_tests(name):
    """Some test file imports it, to run it."""
    tests = [file.read_text(encoding="utf-8") for file in ROOT.glob("tests/**/test_*.py")]

    assert any(re.search(rf"^from react1\.nodes\.{name} import", text, re.MULTILINE) for text in tests)


@pytest.mark.slow
def test_reading_all_nodes_imports_nothing_heavy():
    """`react1 nodes` and ComfyUI's start wait for this."""
    code = "import sys; import react1.pipeline.core.nodes.registry as r; r.load_registry(); print(*sys.modules)"

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = {module.partition(".")[0] for module in ran.stdout.split()}
    assert not HEAVY & loaded


def test_the_documentation_names_every_node():
    """The generated page has a section for each; only its function is loaded, since `docs/hooks.py` needs mkdocs."""
    hooks = ast.parse((ROOT / "docs" / "hooks.py").read_text(encoding="utf-8"))
    function = next(item for item in hooks.body if isinstance(item, ast.FunctionDef) and item.name == "nodes_page")
    namespace = {}
    exec(compile(ast.Module([function], []), "hooks.py", "exec"), namespace)

    assert set(NAMES) <= set(re.findall(r"^## (\w+)$", namespace["nodes_page"](), re.MULTILINE))
