"""`react1 schema`: print the JSON Schema of presets and jobs, for editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...messages import err, out_json, report_failures

NAME = "schema"
EXAMPLES = (
    "react1 schema job > job.schema.json",
    "react1 schema --into presets",
)


def command(
    kind: Annotated[str, typer.Argument(metavar="[preset|job]", help="The schema to print.")] = "preset",
    into: Annotated[
        Path | None, typer.Option("--into", metavar="DIR", help="Write both schemas into a folder.")
    ] = None,
) -> None:
    """Print the JSON Schema of presets or jobs, or write both into a folder."""
    import json

    from ....config.presets.json_schema import job_schema, preset_schema
    from ....core.errors import PresetError, not_one_of
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
