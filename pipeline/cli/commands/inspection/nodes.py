"""`react1 nodes`: list the nodes for presets, and the packages that they come from."""

from __future__ import annotations

from typing import Any

from ...messages import out, out_json, report_failures
from ...options import AsJson

NAME = "nodes"
EXAMPLES = ("react1 nodes",)


def command(as_json: AsJson = False) -> None:
    """List nodes with inputs, output, parameters and origin; broken plug-ins too."""
    from ....core.nodes.registry import load_registry

    with report_failures(as_json):
        registry = load_registry()
        rows: list[dict[str, Any]] = [
            {
                "name": info.name,
                "takes": {port.name: str(port) for port in info.ports.inputs},
                "gives": f"list[{info.ports.output.__name__}]" if info.ports.fans_out else info.ports.output.__name__,
                "origin": info.origin,
                "about": info.about,
                "params": {
                    name: str(field.description or "") for name, field in info.ports.params.model_fields.items()
                },
            }
            for info in registry.nodes.values()
        ]
        broken = [{"name": item.name, "origin": item.origin, "why": item.why} for item in registry.broken]
        if as_json:
            out_json({"nodes": rows, "broken": broken})
            return
        for row in rows:
            inputs = ", ".join(row["takes"].values()) or "—"
            out(f"{row['name']:<16} {inputs} → {row['gives']}   [{row['origin']}]")
            out(f"{'':<16} {row['about']}")
            for name, about in row["params"].items():
                out(f"{'':<18}{name}: {about}")
        for item in broken:
            out(f"{item['name']:<16} broken [{item['origin']}]: {item['why']}")
