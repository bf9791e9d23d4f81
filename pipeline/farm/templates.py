"""A farm job as a template: for OpenJD, which AWS Deadline Cloud and `openjd run` read, and for OpenCue (CJSL 1.15).

OpenCue's own library, pyoutline, is not used: it needs protobuf 7, which the face models of the local engine exclude,
and its layers run a wrapper of the machine that submits. The order of the elements is that of the DTD.

Sources: Open Job Description, template schemas of 2023-09; OpenCue, cuebot's `public/dtd/cjsl-1.15.dtd`, and
`outline.backend.cue.serialize`.
"""

from __future__ import annotations

import shlex
from typing import Any
from xml.etree import ElementTree

from .stages import FarmJob, Stage, command

Json = dict[str, Any]


def openjd_template(farm: FarmJob) -> Json:
    """Return the template, as JSON."""
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "name": f"react1 {farm.name}",
        "parameterDefinitions": [
            _text("Job", farm.file, "the job file, on a disk that every machine sees"),
            _text("PayingHome", farm.home, "the home folder of the task that pays; it has the ledger"),
            _text("Store", farm.store, "REACT1_STORE: a bucket or a folder that every machine sees"),
            {
                "name": "MaxCost",
                "type": "FLOAT",
                "minValue": 0,
                "default": farm.max_cost_usd,
                "description": "the most that the takes may cost, in USD",
            },
        ],
        "jobEnvironments": [{"name": "react1", "variables": {"REACT1_STORE": "{{Param.Store}}"}}],
        "steps": [_step(farm, number) for number in range(len(farm.stages))],
    }


def _text(name: str, default: str, description: str) -> Json:
    """Return a parameter; a PATH may have no absolute default, so paths are texts too."""
    return {"name": name, "type": "STRING", "default": default, "description": description}


def _step(farm: FarmJob, number: int) -> Json:
    stage = farm.stages[number]
    argv = command(farm, stage, "{{Task.Param.Segment}}", "{{Param.Job}}", "{{Param.MaxCost}}")
    argv += ["--map", "{{Session.PathMappingRulesFile}}"]
    if stage.kind == "takes":
        argv += ["--home", "{{Param.PayingHome}}"]
    step: Json = {
        "name": stage.name,
        "script": {"actions": {"onRun": {"command": argv[0], "args": argv[1:]}}},
        "hostRequirements": _requirements(stage),
    }
    if number:
        step["dependencies"] = [{"dependsOn": farm.stages[number - 1].name}]
    if stage.kind == "segments":
        segments = {"name": "Segment", "type": "STRING", "range": list(farm.segments)}
        step["parameterSpace"] = {"taskParameterDefinitions": [segments]}
    return step


def _requirements(stage: Stage) -> Json:
    amounts = [{"name": "amount.worker.vcpu", "min": stage.need.cores}]
    if stage.need.memory_mb:
        amounts.append({"name": "amount.worker.memory", "min": stage.need.memory_mb})
    if stage.need.gpus:
        amounts.append({"name": "amount.worker.gpu", "min": stage.need.gpus})
    requirements: Json = {"amounts": amounts}
    if stage.need.labels:
        requirements["attributes"] = [{"name": f"attr.{label}", "anyOf": ["true"]} for label in stage.need.labels]
    return requirements


DOCTYPE = '<!DOCTYPE spec PUBLIC "SPI Cue  Specification Language" "http://localhost:8080/spcue/dtd/cjsl-1.15.dtd">'
_FRAME = "@#IFRAME#"
"""The segment of a frame, by its number from 1."""


def opencue_spec(farm: FarmJob, *, show: str, shot: str, user: str) -> str:
    """Return the specification as XML; `show` and `shot` are OpenCue's, `user` is who submits."""
    spec = ElementTree.Element("spec")
    for name, text in {"facility": "local", "show": show, "shot": shot, "user": user, "uid": "0"}.items():
        _add(spec, name, text)
    job = ElementTree.SubElement(spec, "job", name=f"react1_{farm.name}".replace("-", "_"))
    for name, text in {"paused": "False", "maxretries": "2", "autoeat": "False"}.items():
        _add(job, name, text)
    _add_variables(job, {"REACT1_STORE": farm.store})
    layers = ElementTree.SubElement(job, "layers")
    for stage in farm.stages:
        _add_layer(layers, farm, stage)
    depends = ElementTree.SubElement(spec, "depends")
    for before, after in zip(farm.stages, farm.stages[1:], strict=False):
        depend = ElementTree.SubElement(depends, "depend", type="LAYER_ON_LAYER", anyframe="False")
        for name, text in {
            "depjob": job.get("name", ""),
            "deplayer": after.name,
            "onjob": job.get("name", ""),
            "onlayer": before.name,
        }.items():
            _add(depend, name, text)
    ElementTree.indent(spec)
    return f'<?xml version="1.0"?>\n{DOCTYPE}\n{ElementTree.tostring(spec, encoding="unicode")}\n'


def _add_layer(layers: ElementTree.Element, farm: FarmJob, stage: Stage) -> None:
    layer = ElementTree.SubElement(layers, "layer", name=stage.name, type="Render")
    argv = command(farm, stage, _FRAME, farm.file, f"{farm.max_cost_usd:g}")
    if stage.kind == "takes":
        argv += ["--home", farm.home]
    count = len(farm.segments) if stage.kind == "segments" else 1
    _add(layer, "cmd", shlex.join(argv).replace(f"'{_FRAME}'", _FRAME))
    _add(layer, "range", f"1-{count}")
    _add(layer, "chunk", "1")
    _add(layer, "cores", f"{stage.need.cores:.1f}")
    if stage.need.memory_mb:
        _add(layer, "memory", f"{stage.need.memory_mb}m")
    if stage.need.labels:
        _add(layer, "tags", " | ".join(stage.need.labels))
    _add_variables(layer, {})
    _add(ElementTree.SubElement(layer, "services"), "service", "shell")


def _add_variables(parent: ElementTree.Element, variables: dict[str, str]) -> None:
    env = ElementTree.SubElement(parent, "env")
    for name, value in variables.items():
        ElementTree.SubElement(env, "key", name=name).text = value


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = text
