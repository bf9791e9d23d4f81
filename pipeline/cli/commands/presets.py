"""`react1 presets`: the recipes that ship."""

from __future__ import annotations

from typing import Annotated

import typer

from ..messages import out, out_json, report_failures
from ..options import AsJson

NAME = "presets"


def command(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Print this preset.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the shipped presets and their inputs, or print one."""
    from ...config.shipped import list_presets, shipped_preset

    with report_failures(as_json):
        if name is not None:
            text = shipped_preset(name)
            if as_json:
                out_json({"name": name, "yaml": text})
            else:
                out(text.rstrip("\n"))
            return
        found = list_presets()
        if as_json:
            out_json({"presets": [{"name": p.name, "about": p.about, "inputs": p.inputs} for p in found]})
            return
        for preset in found:
            out(f"{preset.name:<14} {preset.about}")
            for input_name, told in preset.inputs.items():
                default = f" (default {told['default']})" if told.get("default") is not None else ""
                out(f"{'':<16}{input_name}: {told.get('about', told.get('kind', ''))}{default}")
