"""A farm job as an OpenJD template, which AWS Deadline Cloud runs, and `openjd run` without a farm.

Source: Open Job Description, template schemas of 2023-09.
"""

from __future__ import annotations

from typing import Any

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
