"""`react1 presets`: list or print the presets, shipped ones and those of plug-ins."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ...messages import out, out_json, report_failures
from ...options import AsJson, complete_presets

NAME = "presets"
EXAMPLES = (
    "react1 presets",
    "react1 presets emotion-edit > my.yaml",
)


def command(
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
