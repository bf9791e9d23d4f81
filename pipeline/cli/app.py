"""The command `react1`: all commands with their help panels, and the exit status of failures."""

from __future__ import annotations

import typer

from .commands.editing import conform_check, edits, provenance
from .commands.films import batch, demo, pick, plan, resume, run, studio, take
from .commands.inspection import faces, jobs, nodes, presets, runs, show, spend
from .commands.upkeep import doctor, new_node, prune, schema, serve, store
from .messages import err, internal_error_line, out, print_failed_object, report_failures
from .options import examples_text
from .streams import separate_streams

PANELS = {
    "Run": (run, take, batch, plan, resume, pick, studio, demo),
    "Inspect": (runs, show, spend, faces, presets, nodes),
    "Editing systems": (edits, conform_check, provenance),
    "Store": (store, prune),
    "Set up": (doctor, schema, serve, new_node),
}
"""Panels of `react1 --help` and their commands; `jobs` and `provenance` have subcommands and are added below."""

app = typer.Typer(
    name="react1",
    help="Re-express segments of a film with React-1, and splice them back frame for frame.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for panel, modules in PANELS.items():
    for module in modules:
        app.command(module.NAME, rich_help_panel=panel, epilog=examples_text(module.EXAMPLES))(module.command)
app.add_typer(provenance.app, name=provenance.APP_NAME, rich_help_panel="Set up")
app.add_typer(jobs.app, name=jobs.NAME, rich_help_panel="Inspect")


@app.callback(invoke_without_command=True)
def _show_version(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    if version:
        from ..core.version import version_text

        with report_failures():
            out(version_text())
        raise typer.Exit


def run_command(argv: list[str]) -> int:
    """Run a command line and return its exit status; usage errors are 2.

    With `--json`, one object is printed also for a failure.
    """
    with separate_streams():
        status = _status(argv)
        if status:
            print_failed_object("--json" in argv)
    return status


def _status(argv: list[str]) -> int:
    try:
        app(argv)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(bool(exit_.code))
    except KeyboardInterrupt:
        return 130
    except OSError as error:  # the help text cannot be written
        err(f"react1: standard output: {error.strerror or error}")
        return 1
    except Exception as error:  # for example a broken installation
        err(internal_error_line(error))
        return 1
    return 0
