"""`react1 presets`: list or print the shipped presets."""

from __future__ import annotations

from typing import Annotated

import typer

from ..messages import out, out_json, report_failures
from ..options import AsJson, complete_presets

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
    """List shipped presets and their inputs, or print one."""
    from ...config.shipped import list_presets, shipped_preset

    with report_failures(as_json):
        if name is not None:
            text = shipped_preset(name)
            if as_json:
                out_json({"name": name, "yaml": text})
            else:
                out(text.rstrip("\n"))
            return
        presets_list = list_presets()
        if as_json:
            out_json({"presets": [{"name": p.name, "about": p.about, "inputs": p.inputs} for p in presets_list]})
            return
        for preset in presets_list:
            out(f"{preset.name:<14} {preset.about}")
            for input_name, spec in preset.inputs.items():
                default = f" (default {spec['default']})" if spec.get("default") is not None else ""
                out(f"{'':<16}{input_name}: {spec.get('about', spec.get('kind', ''))}{default}")
