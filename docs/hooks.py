"""Generate the reference pages that the code knows best: nodes, shipped presets, the command line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "site-package"
"""An installed copy of the package: the documentation tool cannot read a package whose folder is the checkout."""


def on_pre_build(config: Any) -> None:
    """Install a copy of the package to read docstrings from."""
    shutil.rmtree(COPY, ignore_errors=True)
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-compile"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", str(COPY), str(ROOT)], check=True)


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    for name, text in (
        ("reference/nodes.md", nodes_page()),
        ("reference/shipped-presets.md", presets_page()),
        ("reference/command-line.md", commands_page()),
    ):
        files.append(File.generated(config, name, content=text))
    return files


def nodes_page() -> str:
    """Return the page of all shipped nodes, with their wires and parameters."""
    from react1.pipeline.core.nodes.registry import load_registry

    page = ["# Nodes\n", "Generated from the code. `react1 nodes` prints the same, with the nodes of plug-ins.\n"]
    for name, info in sorted(load_registry().nodes.items()):
        if info.origin != "react1":
            continue
        inputs = ", ".join(f"`{port.name}: {port}`" for port in info.ports.inputs) or "none"
        output = info.ports.output.__name__
        page += [f"## {name}\n", f"{info.about}\n", f"Inputs: {inputs}. "]
        page += [f"Output: `{f'list[{output}]' if info.ports.fans_out else output}`. Workload: {info.cls.workload}.\n"]
        fields = info.ports.params.model_fields
        if fields:
            page += ["| parameter | default | meaning |", "|---|---|---|"]
        for key, field in fields.items():
            default = "required" if field.is_required() else f"`{field.get_default(call_default_factory=True)!r}`"
            page.append(f"| `{key}` | {default} | {(field.description or '').replace('|', '/')} |")
        page.append("")
    return "\n".join(page)


def presets_page() -> str:
    """Return the page of all shipped presets: their header, inputs and text."""
    page = [
        "# Shipped presets\n",
        "Generated from `presets/`. `react1 presets NAME` prints one to start your own from.\n",
    ]
    for path in sorted((ROOT / "presets").glob("*.yaml")):
        page += [f"## {path.stem}\n", "```yaml", path.read_text("utf-8").rstrip(), "```\n"]
    return "\n".join(page)


def commands_page() -> str:
    """Return the page of the command line: each command's own help."""
    import typer

    from react1.pipeline.cli.app import app

    page = ["# Command line\n", "Generated from `react1 COMMAND --help`.\n"]
    group: Any = typer.main.get_command(app)
    context = typer.Context(group, info_name="react1")
    for name in group.list_commands(context):
        page += _command(group.get_command(context, name), f"react1 {name}", context)
    return "\n".join(page)


def _command(command: Any, name: str, parent: Any) -> list[str]:
    context = type(parent)(command, info_name=name.rpartition(" ")[2], parent=parent)
    about = (command.help or "").replace("\b", "").split("\f")[0].strip()
    page = [f"## {name}\n", f"{about}\n"]
    rows = []
    for option in command.params:
        if getattr(option, "hidden", False):
            continue
        names = ", ".join(f"`{text}`" for text in option.opts)
        if option.param_type_name == "argument":
            names = f"`{(option.metavar or option.name or '').upper()}`"
        rows.append(f"| {names} | {(getattr(option, 'help', '') or '').replace('|', '/')} |")
    if rows:
        page += ["| argument or option | meaning |", "|---|---|", *rows, ""]
    for sub in getattr(command, "commands", {}):
        page += _command(command.commands[sub], f"{name} {sub}", context)
    return page
