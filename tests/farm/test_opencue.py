"""The specification for OpenCue is what its own library writes for the same layers."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from xml.etree import ElementTree

import pytest

from react1.pipeline.core.nodes.node import Need
from react1.pipeline.farm.templates import FarmJob, Stage, opencue_spec

BY_ITS_LIBRARY = """
import sys
from xml.etree import ElementTree
import outline.cuerun, outline.modules.shell
from outline.backend import cue

spec = ElementTree.fromstring(sys.stdin.read())
job = outline.Outline(spec.find("job").get("name"), shot=spec.findtext("shot"),
                      show=spec.findtext("show"), user=spec.findtext("user"))
layers = {}
for layer in spec.findall("job/layers/layer"):
    options = {"cores": float(layer.findtext("cores"))}
    for name in ("memory", "tags"):
        if layer.findtext(name):
            options[name] = layer.findtext(name)
    made = outline.modules.shell.Shell(layer.get("name"), command=["true"], range=layer.findtext("range"), **options)
    job.add_layer(made)
    layers[layer.get("name")] = made
for item in spec.findall("depends/depend"):
    before = layers[item.findtext("onlayer")]
    layers[item.findtext("deplayer")].depend_on(before, outline.depend.DependType.LayerOnLayer)
print(cue.serialize(outline.cuerun.OutlineLauncher(job)))
"""


def test_the_library_of_opencue_writes_the_same_elements():
    """Names, ranges, cores, memory, tags, services and dependencies; only commands and the submitter's mail differ."""
    if find_spec("outline") is None:
        pytest.skip("OpenCue's library is not installed: pip install opencue_pyoutline")
    stages = (
        Stage("Film1", "film", "trim", Need(cores=1)),
        Stage("Segments2", "segments", "face", Need(cores=2, memory_mb=900, labels=("linux",))),
        Stage("Takes3", "takes", "react1", Need(cores=1)),
    )
    farm = FarmJob("night", "/mnt/job.yaml", stages, ("a", "b"), "/mnt/store", "/mnt/home", 5.0)
    text = opencue_spec(farm, show="nightly", shot="s010", user="ann")

    command = [sys.executable, "-c", BY_ITS_LIBRARY]
    written = subprocess.run(command, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout

    elements, expected = (_elements(ElementTree.fromstring(each)) for each in (text, written))
    assert elements == expected
    assert written.startswith(text[: text.index("<spec>")].replace("\n", ""))


def _elements(spec: ElementTree.Element) -> list[tuple[object, ...]]:
    """Return every element with its attributes and text, without what only one of the two writes or chooses."""
    left_out = ("email", "priority", "outputs", "cmd", "env", "key")
    return [
        (item.tag, *sorted(item.attrib.items()), (item.text or "").strip())
        for item in spec.iter()
        if item.tag not in left_out
    ]
