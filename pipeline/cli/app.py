"""The command `react1`: all commands in groups, and the exit status of failures."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from .messages import err, internal_error_line, out, print_failed_object, report_failures, separate_streams
from .options import examples_text


@dataclass(frozen=True)
class Entry:
    """A command: its module below `commands`, and its line in `react1 --help`, the first of its own help."""

    name: str
    module: str
    about: str
    has_subcommands: bool = False
    function: str = "command"
    """The function of the module; one of several in it is named as the command, and its examples too."""

    def load(self) -> Any:
        """Import the module and return the command."""
        module = importlib.import_module(f".commands.{self.module}", __package__)
        if self.has_subcommands:
            command: Any = typer.main.get_group(module.app)
        else:
            single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            prefix = "" if self.function == "command" else f"{self.function.upper()}_"
            examples = examples_text(getattr(module, f"{prefix}EXAMPLES"))
            single.command(self.name, epilog=examples)(getattr(module, self.function))
            command = typer.main.get_command(single)
        command.name = self.name
        return command


PANELS = {
    "Run": (
        Entry("run", "films.run", "Run a preset or a job."),
        Entry(
            "take",
            "films.takes",
            "Make the takes of a job and a page to look at them; `react1 run` of the same job splices them.",
            function="take",
        ),
        Entry(
            "batch",
            "films.batch",
            "Run a list of films: one budget over all, and a film that fails does not stop the others.",
        ),
        Entry("plan", "films.plan", "Show what a run would do and cost; nothing is written and nothing is spent."),
        Entry(
            "resume",
            "films.run",
            "Continue a run from its last finished step, or the films of a batch that are not done.",
            function="resume",
        ),
        Entry(
            "pick",
            "films.takes",
            "Choose a take: write the choice into the job file, so that the next run splices it.",
            function="pick",
        ),
        Entry(
            "farm", "films.farm", "Write a job as a template for a render farm: tasks per segment, and one that pays."
        ),
        Entry(
            "studio",
            "films.studio",
            "Open a page on which a film is edited: find the moment, see expressions, make takes, finish.",
        ),
        Entry("demo", "films.demo", "Run the preset `emotion-edit` on a generated clip: no key, no network, no cost."),
    ),
    "Inspect": (
        Entry("runs", "inspection.runs", "List runs, newest first.", function="runs"),
        Entry("show", "inspection.runs", "Show a run: its status, its results and its checks.", function="show"),
        Entry(
            "spend",
            "inspection.jobs",
            "Sum what paid calls have cost; rehearsals against a server on this machine are counted apart.",
            function="spend",
        ),
        Entry(
            "faces",
            "inspection.faces",
            "Show which faces each shot of a span shows, and write a sheet of thumbnails; nothing is sent.",
        ),
        Entry(
            "presets",
            "inspection.catalog",
            "List presets, their inputs and their origin, or print one; broken plug-ins too.",
            function="presets",
        ),
        Entry(
            "nodes",
            "inspection.catalog",
            "List nodes with inputs, output, parameters and origin, or describe one; broken plug-ins too.",
            function="nodes",
        ),
        Entry("jobs", "inspection.jobs", "List paid calls, newest first; or show or settle one.", has_subcommands=True),
    ),
    "Editing systems": (
        Entry(
            "edits",
            "editing.edits",
            "Print the edits in a list, the ignored entries, and the entries that cannot be edited, with reasons.",
        ),
        Entry(
            "conform-check",
            "editing.edits",
            "Compare a returned clip with its segment: frames, rate, timecode, size, pictures, lag.",
            function="conform_check",
        ),
        Entry(
            "verify",
            "editing.provenance",
            "Check the signature of a film and show what was changed in it; exits with 3 unless it is valid.",
        ),
    ),
    "Store": (
        Entry(
            "store",
            "upkeep.store",
            "Show what the store contains: sizes by kind, by film and by age.",
            function="store",
        ),
        Entry("prune", "upkeep.store", "Remove stored results that were not used for longest.", function="prune"),
    ),
    "Set up": (
        Entry(
            "doctor",
            "upkeep.doctor",
            "Check Python, ffmpeg, the local engine, the extras, the home folder, the shared store and the keys.",
        ),
        Entry(
            "schema",
            "inspection.catalog",
            "Print the JSON Schema of presets or jobs, or write both into a folder.",
            function="schema",
        ),
        Entry(
            "serve",
            "upkeep.serve",
            "Serve Segmind's API on this machine with the local engine: free, but not React-1.",
        ),
        Entry(
            "new-node",
            "upkeep.new_node",
            "Write a package with a node of your own, registered, and with tests that pass.",
        ),
        Entry("provenance", "editing.provenance", "Certificates that sign films.", has_subcommands=True),
    ),
}
"""Panels of `react1 --help` and their commands."""


class CommandGroup(TyperGroup):
    """All commands; one is imported when it is used, and none for `react1 --help`."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self._entries = {entry.name: entry for entries in PANELS.values() for entry in entries}
        for entry in self._entries.values():
            self.add_command(TyperCommand(entry.name, help=entry.about))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, imported."""
        entry = self._entries.get(cmd_name)
        return entry.load() if entry is not None else super().get_command(ctx, cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help without `rich`, which takes longer to import than all the rest."""
        super(TyperGroup, self).format_help(ctx, formatter)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands from their lines, group by group."""
        width = max(map(len, self._entries))
        for panel, entries in PANELS.items():
            with formatter.section(panel):
                formatter.write_dl([(entry.name.ljust(width), entry.about) for entry in entries])


app = typer.Typer(
    name="react1",
    cls=CommandGroup,
    help="Re-express segments of a film with React-1, and splice them back frame for frame.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
