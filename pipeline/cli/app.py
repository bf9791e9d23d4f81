"""The verbs, put together; and what a failure looks like."""

from __future__ import annotations

import typer

from .commands import (
    conform_check,
    demo,
    doctor,
    edits,
    jobs,
    nodes,
    pick,
    plan,
    presets,
    resume,
    run,
    runs,
    schema,
    serve,
    show,
)
from .messages import err, internal_error_line, out, print_failed_object, report_failures
from .streams import separate_streams

app = typer.Typer(
    name="react1",
    help="Re-express segments of a film with React-1, and splice them back frame for frame.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (run, plan, edits, pick, conform_check, resume, runs, show, nodes, presets, schema, doctor, demo, serve):
    app.command(name=verb.NAME)(verb.command)
app.add_typer(jobs.app, name=jobs.NAME)


@app.callback(invoke_without_command=True)
def _top(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    if version:
        from ..core.version import version_text

        with report_failures():
            out(version_text())
        raise typer.Exit


def run_command(argv: list[str]) -> int:
    """Run one command line and give its exit status; usage errors are 2.

    With `--json` among the words, one object is printed whatever happens.
    """
    with separate_streams():
        status = _status(argv)
        if status:
            print_failed_object("--json" in argv)
    return status


def _status(argv: list[str]) -> int:
    try:
        app(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    except KeyboardInterrupt:
        return 130
    except OSError as error:  # the help could not be written
        err(f"react1: standard output: {error.strerror or error}")
        return 1
    except Exception as error:  # such as a part of the installation that cannot be imported
        err(internal_error_line(error))
        return 1
    return 0
