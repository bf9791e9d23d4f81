"""A job as a template for a render farm: its stages, for OpenJD and for OpenCue.

Each stage is one `react1 run` that ends at a step: what runs once, what runs once per segment, and what pays. A shared
store carries the results from one to the next, so that a stage computes only its own steps. A stage that pays has one
task, and every other one may not spend anything.

AWS Deadline Cloud and `openjd run` read OpenJD. OpenCue's own library, pyoutline, is not used for its specification
(CJSL 1.15): it needs protobuf 7, which the face models of the local engine exclude, and its layers run a wrapper of the
machine that submits. The order of the elements is that of the DTD.

Sources: Open Job Description, template schemas of 2023-09; OpenCue, cuebot's `public/dtd/cjsl-1.15.dtd`, and
`outline.backend.cue.serialize`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal
from xml.etree import ElementTree

from ..config.checked_job import Job, Step
from ..core.errors import PresetError
from ..core.nodes.node import Need, need_of
from ..runner.external_inputs import resolve_providers
from ..runner.planning.plan import PlannedStep
from ..runner.scheduling.paid_steps import costs_money

Kind = Literal["film", "segments", "takes"]
_NAMES: dict[Kind, str] = {"film": "Film", "segments": "Segments", "takes": "Takes"}


@dataclass(frozen=True)
class Stage:
    """Some steps of a job in a row, as one step of the farm."""

    name: str
    kind: Kind
    """`film`: one task; `segments`: one task per segment; `takes`: one task, which alone may pay."""
    until: str
    """The last step; empty for the complete job."""
    need: Need
    """What one task takes."""


@dataclass(frozen=True)
class FarmJob:
    """A job in stages, each of which waits for the one before."""

    name: str
    file: str
    """The absolute path of the job, the same on every machine."""
    stages: tuple[Stage, ...]
    segments: tuple[str, ...]
    store: str
    home: str
    """The home folder of the task that pays; a retry on another machine must find its ledger there."""
    max_cost_usd: float
    provider: str = ""
    """The provider that every task names; empty: the job's."""


def farm_job(
    job: Job, rows: Sequence[PlannedStep], *, file: str, store: str, home: str, max_cost: float, provider: str = ""
) -> FarmJob:
    """Divide a job into stages; `rows` is its plan.

    Raises:
        PresetError: the segments are not known, or the store is not one that machines share.
    """
    if not store:
        raise PresetError("the machines of a farm share a store: give --store s3://bucket/prefix or a folder")
    steps = resolve_providers(job).steps
    segments = tuple(dict.fromkeys(row.segment for row in rows if row.segment))
    if not segments and any(step.fanned for step in steps):
        raise PresetError(
            "the segments are not known before the film is fetched; run `react1 run JOB --until trim` first"
        )
    return FarmJob(job.name, file, tuple(_named(list(_stages(steps)))), segments, store, home, max_cost, provider)


def _stages(steps: Sequence[Step]) -> Iterator[Stage]:
    for kind, group in groupby(steps, _kind):
        members = list(group)
        needs = [need_of(step.info.cls) for step in members]
        need = Need(
            cores=max(1, *(need.cores for need in needs)),
            memory_mb=max(need.memory_mb for need in needs),
            scratch_mb=max(need.scratch_mb for need in needs),
            gpus=max(need.gpus for need in needs),
            labels=tuple(sorted({label for need in needs for label in need.labels})),
        )
        yield Stage("", kind, "" if members[-1] is steps[-1] else members[-1].id, need)


def _kind(step: Step) -> Kind:
    if costs_money(step):
        return "takes"
    return "segments" if step.fanned else "film"


def _named(stages: Sequence[Stage]) -> Iterator[Stage]:
    """Name the stages by their kind and number, such as `Segments2`."""
    for number, stage in enumerate(stages, 1):
        yield replace(stage, name=f"{_NAMES[stage.kind]}{number}")


def command(farm: FarmJob, stage: Stage, segment: str, job: str, max_cost: str) -> list[str]:
    """Return the command of one task; `segment`, `job` and `max_cost` may be variables of the farm."""
    argv = ["react1", "run", job, "--quiet", "--replace"]
    if farm.provider:
        argv += ["--provider", farm.provider]
    if stage.until:
        argv += ["--until", stage.until]
    if stage.kind == "segments":
        argv += ["--segment", segment]
    if stage.kind == "takes":
        return [*argv, "--pay", "--max-cost", max_cost]
    return [*argv, "--max-cost", "0"]


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
