"""`react1 schema`: JSON Schema that editors use for presets and jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..messages import err, out_json, report_failures

NAME = "schema"


def command(
    what: Annotated[str, typer.Argument(metavar="[preset|job]", help="Which of the two to print.")] = "preset",
    into: Annotated[Path | None, typer.Option("--into", metavar="DIR", help="Write both files into a folder.")] = None,
) -> None:
    """Print the JSON Schema of presets or jobs, or write both into a folder."""
    import json

    from ...config.json_schema import job_schema, preset_schema
    from ...core.errors import PresetError
    from ...core.registry import load_registry
    from ...core.suggest import not_one_of
    from ...store.atomic import write_text

    with report_failures():
        makers = {"preset": preset_schema, "job": job_schema}
        if what not in makers:
            raise PresetError(f"schema: {not_one_of(what, makers)}")
        registry = load_registry()
        if into is None:
            out_json(makers[what](registry))
            return
        for name, make in makers.items():
            place = into / f"{name}.schema.json"
            write_text(place, json.dumps(make(registry), indent=2, ensure_ascii=False) + "\n")
            err(f"wrote {place}")
