"""`react1 nodes`, `react1 presets` and `react1 schema`: what jobs are made of, with that of plug-ins."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ....core.errors import PresetError, not_one_of
from ...messages import err, out, out_json, report_failures
from ...options import AsJson, complete_nodes, complete_presets

if TYPE_CHECKING:
    from ....core.nodes.registry import NodeInfo

NODES_EXAMPLES = (
    "react1 nodes",
    "react1 nodes splice",
)


def nodes(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The node to describe.", autocompletion=complete_nodes)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List nodes with inputs, output, parameters and origin, or describe one; broken plug-ins too."""
    from ....core.nodes.registry import load_registry

    with report_failures(as_json):
        registry = load_registry()
        listed = {known: info for known, info in registry.nodes.items() if name in (None, known)}
        broken = [
            {"name": item.name, "origin": item.origin, "why": item.why}
            for item in registry.broken
            if name in (None, item.name)
        ]
        if name is not None and not listed and not broken:
            raise PresetError(f"nodes: {not_one_of(name, registry.nodes)}")
        rows = [_node_row(info) for info in listed.values()]
        if as_json:
            out_json({"nodes": rows, "broken": broken})
            return
        for row in rows:
            inputs = ", ".join(row["takes"].values()) or "—"
            out(f"{row['name']:<16} {inputs} → {row['gives']}   [{row['origin']}]")
            out(f"{'':<16} {row['about']}")
            for param, about in row["params"].items():
                out(f"{'':<18}{param}: {about}")
        for item in broken:
            out(f"{item['name']:<16} broken [{item['origin']}]: {item['why']}")


def _node_row(info: NodeInfo) -> dict[str, Any]:
    output = info.ports.output.__name__
    return {
        "name": info.name,
        "takes": {port.name: str(port) for port in info.ports.inputs},
        "gives": f"list[{output}]" if info.ports.fans_out else output,
        "origin": info.origin,
        "about": info.about,
        "params": {name: str(field.description or "") for name, field in info.ports.params.model_fields.items()},
    }


PRESETS_EXAMPLES = (
    "react1 presets",
    "react1 presets emotion-edit > my.yaml",
)


def presets(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The preset to print.", autocompletion=complete_presets)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List presets, their inputs and their origin, or print one; broken plug-ins too."""
    from ....config.presets.shipped import list_plugin_presets, list_presets, preset_text
    from ....core.nodes.plugins import printable
    from ....core.nodes.registry import SHIPPED

    with report_failures(as_json):
        if name is not None:
            text = preset_text(name)
            if as_json:
                out_json({"name": name, "yaml": text})
            else:
                out(text.rstrip("\n"))
            return
        from_plugins, broken = list_plugin_presets()
        presets_list = [*list_presets(), *from_plugins]
        if as_json:
            rows = [
                {"name": p.name, "about": printable(p.about), "inputs": p.inputs, "origin": p.origin}
                for p in presets_list
            ]
            out_json({"presets": rows, "broken": [asdict(item) for item in broken]})
            return
        for preset in presets_list:
            origin = "" if preset.origin == SHIPPED else f"   [{preset.origin}]"
            out(f"{printable(preset.name):<14} {printable(preset.about)}{origin}")
            for input_name, spec in preset.inputs.items():
                default = f" (default {spec['default']})" if spec.get("default") is not None else ""
                about = spec.get("about", spec.get("kind", ""))
                out(f"{'':<16}{printable(str(input_name))}: {printable(f'{about}{default}')}")
        for item in broken:
            out(f"{item.name:<14} broken [{item.origin}]: {item.why}")


SCHEMA_EXAMPLES = (
    "react1 schema job > job.schema.json",
    "react1 schema --into presets",
)


def schema(
    kind: Annotated[str, typer.Argument(metavar="[preset|job]", help="The schema to print.")] = "preset",
    into: Annotated[
        Path | None, typer.Option("--into", metavar="DIR", help="Write both schemas into a folder.")
    ] = None,
) -> None:
    """Print the JSON Schema of presets or jobs, or write both into a folder."""
    from ....config.presets.json_schema import job_schema, preset_schema
    from ....core.nodes.registry import load_registry
    from ....store.atomic import write_text

    with report_failures():
        builders = {"preset": preset_schema, "job": job_schema}
        if kind not in builders:
            raise PresetError(f"schema: {not_one_of(kind, builders)}")
        registry = load_registry()
        if into is None:
            out_json(builders[kind](registry))
            return
        for name, build in builders.items():
            path = into / f"{name}.schema.json"
            write_text(path, json.dumps(build(registry), indent=2, ensure_ascii=False) + "\n")
            err(f"wrote {path}")
