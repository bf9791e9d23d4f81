"""Options that several commands share, in groups; the job that they describe, and the settings that they make."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.errors import PresetError, Problem, not_one_of
from ..core.settings import PATH_MAP, RULE_SEPARATOR
from .messages import err, open_home

if TYPE_CHECKING:
    from ..config.checked_job import Job


def examples_text(commands: Iterable[str]) -> str:
    """Return the examples at the end of a command's help, one per line."""
    return "\n\n".join(("Examples:", *commands))


def complete_presets(incomplete: str) -> list[str]:
    """Return the presets that start with this text, for shell completion."""
    from ..config.presets.shipped import preset_names

    return [name for name in preset_names() if name.startswith(incomplete)]


def complete_nodes(incomplete: str) -> list[str]:
    """Return the nodes that start with this text, for shell completion."""
    from ..core.nodes.registry import load_registry

    return [name for name in load_registry().nodes if name.startswith(incomplete)]


def complete_providers(incomplete: str) -> list[str]:
    """Return the providers that start with this text, for shell completion."""
    from ..providers.choose_provider import provider_names

    return [name for name in provider_names() if name.startswith(incomplete)]


What = Annotated[
    str,
    typer.Argument(
        metavar="WHAT",
        help="The path of a preset or a job, or the name of a shipped preset.",
        autocompletion=complete_presets,
    ),
]
ListPreset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="PRESET",
        help="The preset of jobs of a list that name none.",
        autocompletion=complete_presets,
    ),
]
Film = Annotated[
    str | None,
    typer.Argument(metavar="[FILM]", help="The film, for a preset with an input `source`.", show_default=False),
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set an input of the preset; repeatable.")
]
Edits = Annotated[
    list[str] | None,
    typer.Option(
        "--edit",
        metavar="IN-OUT:PROMPT[:TEMPERATURE][@FACE][:KEY=VALUE…]",
        help="A segment to re-express; repeatable.",
    ),
]
EditsFile = Annotated[
    Path | None,
    typer.Option("--edits", metavar="FILE", help="Read edits from an EDL, OTIO, FCPXML, CSV, SRT, VTT or transcript."),
]
Online = Annotated[
    Path | None,
    typer.Option(
        "--online", metavar="FOLDER", help="Place the takes on the camera originals there; the source is the proxy."
    ),
]
StartTc = Annotated[
    str | None, typer.Option("--start-tc", metavar="TC", help="The timecode of the film's first frame.")
]
ProviderOption = Annotated[
    str | None,
    typer.Option(
        "--provider",
        metavar="auto|local|segmind|sync|fal|replicate|NAME",
        help="The provider of React-1, or the local engine; a plug-in's by its name.",
        autocompletion=complete_providers,
    ),
]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The path of the new film.")]
Home = Annotated[
    str | None, typer.Option("--home", metavar="DIR", help="The folder of store and runs (default: REACT1_HOME).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print failures only.")]
Verbose = Annotated[
    int, typer.Option("--verbose", "-v", count=True, help="Log steps and notes on standard error; -vv: progress too.")
]
LogJson = Annotated[
    str | None, typer.Option("--log-json", metavar="FILE", help="Append the log as JSON lines; - for standard error.")
]
Trace = Annotated[
    str | None,
    typer.Option(
        "--trace",
        metavar="FILE|otlp",
        help="Write OpenTelemetry spans to a file, or send them (default: REACT1_TRACE).",
    ),
]
Metrics = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="FILE|FOLDER",
        help="Write the run's metrics to FILE.json or FILE.prom, or both into a folder (default: REACT1_METRICS).",
    ),
]
PathMap = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="OLD=NEW|FILE.json",
        help="Where a folder of another machine is on this one, or rules of a farm; repeatable (default: "
        "REACT1_PATH_MAP).",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="The same as --pay --replace.")]
Pay = Annotated[bool, typer.Option("--pay", help="Make calls that cost money without asking.")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace existing files that this job did not write.")]
AllowOutside = Annotated[
    bool, typer.Option("--allow-outside", help="Let a job file choose to write outside its own folder.")
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="STEP", help="End after this step, such as conform; a later run goes on from it."),
]
OnlySegment = Annotated[
    str | None,
    typer.Option(
        "--segment", metavar="NAME|@N", help="With --until: run the steps for this segment only, or for the N-th."
    ),
]
MaxCost = Annotated[
    float | None, typer.Option("--max-cost", metavar="USD", min=0, help="Stop before the run costs more than this.")
]
Project = Annotated[
    str | None,
    typer.Option("--project", metavar="NAME", help="The project that paid calls count for in `react1 spend`."),
]
Scripts = Annotated[
    list[Path] | None,
    typer.Option("--script", metavar="FILE", help="A Python file with functions for `script` steps."),
]


@dataclass(frozen=True)
class JobOptions:
    """The options that describe a job, the same for all commands that load one."""

    what: What
    film: Film = None
    sets: Sets = None
    edit: Edits = None
    provider: ProviderOption = None
    script: Scripts = None
    edits_file: EditsFile = None
    start_tc: StartTc = None
    online: Online = None
    outside: AllowOutside = False

    def load(
        self,
        *,
        out: Path | None = None,
        until: str | None = None,
        project: str | None = None,
        segment: str | None = None,
    ) -> Job:
        """Load the job, and print its notes.

        Raises:
            PresetError: the job is invalid; has all problems.
        """
        from ..config.checked_job import until_step
        from ..config.load import load_job
        from ..core.nodes.registry import load_registry
        from ..providers.choose_provider import provider_names

        base = _current_folder()
        if self.provider is not None and self.provider not in provider_names():
            raise PresetError(f"--provider: {not_one_of(self.provider, provider_names())}")
        allow_scripts(self.script)
        job = load_job(
            self.what,
            registry=load_registry(),
            sets=self._all_sets() | ({} if project is None else {"project": project}),
            edits=self.edit or [],
            edits_file=str(self.edits_file) if self.edits_file else None,
            provider=self.provider,
            out=str(out) if out else None,
            online=str(self.online) if self.online else None,
            allow_outside=self.outside,
            base=base,
        )
        if self.script and not any(
            step.id.startswith("script") or step.info.name.startswith("script") for step in job.steps
        ):
            err(f"note: --script has no effect: {job.name} has no step `script` or `script_take`")
        for line in job.notes:
            err(line)
        if segment is not None:
            check_segment_option(segment, until)
        if not until:
            return job
        job = until_step(job, until, page=not segment, out=str(out) if out else None)
        if segment and not any(step.fanned or step.info.ports.fans_out for step in job.steps):
            problem = f"--until {until} ends before the film is cut into segments"
            raise PresetError(f"--segment {segment}: {problem}; name a later step, or leave --segment out")
        return job

    def _all_sets(self) -> dict[str, str]:
        values = _parse_sets(self.sets or [])
        if self.film is not None and "source" in values:
            raise PresetError(f"the film is given twice, as {self.film!r} and by --set source; keep one of them")
        values |= {"start_tc": self.start_tc} if self.start_tc else {}
        return values | ({"source": self.film} if self.film is not None else {})


@dataclass(frozen=True)
class BatchOptions:
    """The options that say how films are run: what they may pay and replace, what is printed, where results go."""

    max_cost: MaxCost = None
    yes: Yes = False
    pay: Pay = False
    replace: Replace = False
    as_json: AsJson = False
    quiet: Quiet = False
    home: Home = None
    trace: Trace = None
    metrics: Metrics = None
    path_map: PathMap = None

    @property
    def may_pay(self) -> bool:
        """Whether calls that cost money need no approval."""
        return self.yes or self.pay

    @property
    def may_replace(self) -> bool:
        """Whether existing files are replaced."""
        return self.yes or self.replace

    @contextmanager
    def opened(self) -> Iterator[Path]:
        """Apply the settings among them for the block, and return the home folder; failures are reported."""
        with command_settings(self.trace, self.metrics, self.path_map), open_home(self.home, self.as_json) as folder:
            yield folder


@dataclass(frozen=True)
class RunOptions(BatchOptions):
    """The options that say how a single job is run."""

    verbose: Verbose = 0
    log_json: LogJson = None

    @contextmanager
    def opened(self) -> Iterator[Path]:
        """As for a batch, and write the log where they say."""
        from .progress import log_output

        with super().opened() as folder, log_output(self.verbose, self.log_json):
            yield folder


def expand_options(command: Callable[..., None]) -> Callable[..., None]:
    """Show typer the fields of a command's dataclass parameters as options of the command itself."""
    groups: dict[str, type] = {}
    shown: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        group = parameter.annotation
        if isinstance(group, type) and is_dataclass(group):
            groups[parameter.name] = group
            shown += inspect.signature(group, eval_str=True).parameters.values()
        else:
            shown.append(parameter)

    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{option: values.pop(option) for option in inspect.signature(group).parameters})
        command(**values)

    run.__doc__ = command.__doc__
    signature = inspect.Signature([option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in shown])
    run.__signature__ = signature  # type: ignore[attr-defined]
    return run


def check_segment_option(segment: str, until: str | None) -> None:
    """Check the value of `--segment`.

    Raises:
        PresetError: it has no form of a segment, or the run would not end before the segments are joined.
    """
    if not until:
        raise PresetError("--segment needs --until STEP: a film is made of all its segments")
    if not segment or (segment.startswith("@") and not segment[1:].isdecimal()):
        raise PresetError(f"--segment {segment!r} is no segment; write its name, or @1 for the first")


def allow_scripts(scripts: list[Path] | None) -> None:
    """Allow `script` steps to load functions from these files, in addition to those in REACT1_SCRIPT."""
    paths = [str(path.absolute()) for path in scripts or []]
    if paths:
        earlier = os.environ.get("REACT1_SCRIPT", "")
        os.environ["REACT1_SCRIPT"] = os.pathsep.join([*paths, *([earlier] if earlier else [])])


@contextmanager
def command_settings(
    trace: str | None = None, metrics: str | None = None, path_map: list[str] | None = None
) -> Iterator[None]:
    """Let options replace settings of the environment for one command and its worker processes."""
    options = {"REACT1_TRACE": trace, "REACT1_METRICS": metrics, PATH_MAP: RULE_SEPARATOR.join(path_map or ()) or None}
    values = {name: value for name, value in options.items() if value is not None}
    earlier = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in earlier.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise PresetError("the current folder does not exist any more; change to another one") from error


def _parse_sets(sets: list[str]) -> dict[str, str]:
    pairs, problems = {}, []
    for text in sets:
        name, equals, value = text.partition("=")
        if equals and name.strip():
            pairs[name.strip()] = value
        else:
            problems.append(Problem(f"--set: {text!r} is not NAME=VALUE"))
    if problems:
        raise PresetError(problems)
    return pairs
