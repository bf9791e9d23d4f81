"""The verbs, put together; and what a failure looks like."""

from __future__ import annotations

import typer

from . import demo, doctor, nodes, plan, presets, resume, run, runs, schema, show

app = typer.Typer(
    name="react1",
    help="Re-express segments of a film with React-1, and splice them back frame for frame.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (run, plan, resume, runs, show, nodes, presets, schema, doctor, demo):
    app.command(name=verb.NAME)(verb.command)


@app.callback(invoke_without_command=True)
def _top(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    if version:
        from ..version import version_text

        print(version_text())
        raise typer.Exit


def run_command(argv: list[str]) -> int:
    """Run one command line and give its exit status; usage errors are 2."""
    try:
        app(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    return 0
