"""The whole job of a film: a shipped preset with a film, edits and settings from boxes, run or planned.

The preset decides what the settings are: each is a parameter of a step that the preset makes an input, so its widget is
generated from that step. What a job adds to any preset, such as a signature, has widgets from its own model.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....config.checked_job import Job, Step, local_files, until_takes
from ....config.presets.raw_preset import VERBATIM, RawPreset, RawStep, parse_preset
from ....config.presets.shipped import shipped_names, shipped_path
from ....core.edits.edit import Consent, Edit
from ....core.errors import PresetError, Problem, not_one_of
from ....core.file import Deliver, is_marked
from ....core.nodes.node import delivery
from ....core.nodes.registry import Registry, load_registry
from ....core.settings import max_cost_usd
from ....core.values import Record
from ....interchange.entries import ListFile
from ....located_yaml.explain import is_url
from ....located_yaml.located import Problems, parse_yaml
from ....providers.choose_provider import hosted_provider, resolve_provider_name
from ....runner.run_records.outcome import RunResult
from ....store.store import Store
from .. import folders, host
from ..box import Input
from ..conversions.edit_values import EditList
from ..conversions.widgets import Widget, advanced, read_widgets, widgets_of
from ..work import BoxCall

if TYPE_CHECKING:  # boxes are listed without the libraries that a run needs
    from ....jobs.budget import Estimate

_OF_THE_BOX = ("source", "edits", "out")
"""Inputs of a preset that are no settings."""


@functools.cache
def film_presets() -> dict[str, RawPreset]:
    """Return the shipped presets that make a film from a film and edits, by name; `emotion-edit` first."""
    presets = {name: _read(name) for name in shipped_names()}
    registry = load_registry()
    films = {name: preset for name, preset in presets.items() if _makes_a_film(preset, registry)}
    return dict(sorted(films.items(), key=lambda item: (item[0] != "emotion-edit", item[0])))


def _read(name: str) -> RawPreset:
    path, problems = shipped_path(name), Problems()
    tree = parse_yaml(path.read_bytes(), path.name, path.parent, problems)
    problems.raise_if_any()
    assert tree is not None
    preset = parse_preset(tree, name, problems)
    problems.raise_if_any()
    return preset


def _makes_a_film(preset: RawPreset, registry: Registry) -> bool:
    steps = [registry.get(step.node) for step in preset.steps]
    companions = any(delivery(info.cls, info.ports) == "package" for info in steps)
    film = any(delivery(info.cls, info.ports) == "film" for info in steps)
    return film and not companions and set(_OF_THE_BOX) <= preset.inputs.keys()


@functools.cache
def setting_widgets() -> dict[str, tuple[Widget, ...]]:
    """Return the widgets of every setting of `emotion-edit`, by the name of the preset's input."""
    preset, registry = film_presets()["emotion-edit"], load_registry()
    settings: dict[str, tuple[Widget, ...]] = {}
    for step in preset.steps:
        params = registry.get(step.node).ports.params
        values = step.params.plain if isinstance(step.params.plain, Mapping) else {}
        for name, value in values.items():
            setting = str(value).removeprefix("$")
            if value != f"${setting}" or setting in _OF_THE_BOX or setting not in preset.inputs:
                continue
            others = [other for other in params.model_fields if other != name]
            settings[setting] = widgets_of(params, leave_out=others)
    return settings


@functools.cache
def job_widgets() -> dict[str, tuple[Widget, ...]]:
    """Return the widgets of the settings that are no parameter of a preset's own step, by the name of its input.

    A certificate and its key are named by the server's environment: a file in a folder of ComfyUI can be downloaded.
    """
    nodes = load_registry().nodes
    label, sign = (nodes[name].ports.params for name in ("disclose", "sign"))
    groups: dict[str, tuple[Widget, ...]] = {
        "timeline": widgets_of(ListFile, prefix=("timeline",)),
        "consent": widgets_of(Consent, prefix=("consent",)),
        "disclosure": widgets_of(label, prefix=("disclosure",)),
        "provenance": widgets_of(sign, leave_out=("certificate", "key", "out"), prefix=("provenance",)),
    }
    return {
        name: (*((_switch(name),) if name in _SWITCHES else ()), *map(advanced, widgets))
        for name, widgets in groups.items()
    }


_SWITCHES = {
    "disclosure": "draw a label, such as AI-edited, into the edited frames",
    "provenance": "sign the film (C2PA; MP4 and MOV) with REACT1_SIGN_CERTIFICATE and REACT1_SIGN_KEY of the server",
}
"""Settings that may be on with nothing but defaults."""


def _switch(name: str) -> Widget:
    return Widget((name,), "switch", Input(name, "BOOLEAN", {"default": False, "tooltip": _SWITCHES[name]}, True))


def known_preset(name: str) -> RawPreset:
    """Return a preset that makes a film.

    Raises:
        PresetError: there is none of that name, which a workflow of another version may have.
    """
    presets = film_presets()
    if name not in presets:
        raise PresetError(f"preset: {not_one_of(name, presets)}")
    return presets[name]


def check_settings(preset: str, settings: Mapping[str, Any]) -> None:
    """Refuse settings that a preset does not have.

    Raises:
        PresetError: one of them is none of the preset's.
    """
    inputs = known_preset(preset).inputs
    for name in settings:
        if name not in inputs:
            raise PresetError(f"settings: the preset {preset} has no {name}; set it to its default, or change preset")


@dataclass(frozen=True)
class FilmJob:
    """A film, its edits, and how they are carried out."""

    preset: str
    source: Path
    edits: EditList
    provider: str = "auto"
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Values of the preset's inputs, as read from the widgets."""
    on_failure: str = "stop"
    takes_only: bool = False
    """Whether the job ends with its takes, so that no film is spliced."""

    def load(self) -> Job:
        """Return the checked job; it writes to the store only.

        Raises:
            PresetError: it cannot run, or names files that no workflow may read; has the problems of all lists.
            InputMediaError: the film cannot be read, and a list of edits needs it.
        """
        edits, notes, problems = list(self.edits.edits), list[str](), list[Problem]()
        for listed in self.edits.files:
            try:
                of_list = self._load(edits_list=listed)
            except PresetError as error:
                problems += error.problems
                continue
            edits += edits_of(of_list)
            notes += of_list.notes  # the entries that are skipped
        if problems:
            raise PresetError(list(dict.fromkeys(problems)))
        job = _without_outputs(self._load(edits=edits))
        job = replace(job, notes=tuple(dict.fromkeys((*notes, *job.notes))))
        named = {path: step.id for step in job.steps for path in local_files(step)}
        for path, step_id in named.items():
            try:
                if path.resolve() != self.source.resolve():
                    folders.require_allowed(path, step_id)
            except PresetError as error:
                problems += error.problems
        if problems:
            raise PresetError(problems)
        return until_takes(job) if self.takes_only else job

    def _load(self, edits: list[Edit] | None = None, edits_list: Mapping[str, Any] | None = None) -> Job:
        from ....config.load import load_job
        from ....provenance.sign import EMBEDDED

        check_settings(self.preset, self.settings)
        if "provenance" in self.settings and self.source.suffix.lower() not in EMBEDDED:
            raise PresetError(
                f"provenance: the manifest of a {self.source.suffix} film is a file of its own, which a VIDEO does not "
                "carry; only MP4 and MOV hold it"
            )
        kinds = {name: item.kind for name, item in known_preset(self.preset).inputs.items()}
        sets = {
            name: str(value) if kinds[name] in VERBATIM else json.dumps(value) for name, value in self.settings.items()
        }
        if edits_list is not None:
            sets["edits"] = json.dumps(edits_list)
        return load_job(
            self.preset,
            registry=load_registry(),
            sets={"source": str(self.source), "on_failure": self.on_failure, **sets},
            edits=edits or (),
            provider=self._provider_option(),
            base=host.folder("input"),
        )

    def _provider_option(self) -> str | None:
        """Return the provider, or None for `auto`: a preset may have its own."""
        return None if self.provider == "auto" else self.provider


def _without_outputs(job: Job) -> Job:
    """Return a job that delivers nothing: its film stays in the store, and other boxes decide what becomes of it."""
    stored_steps: Any = job.document["steps"]
    steps, stored = list[Step](), list[Any]()
    for step, stored_step in zip(job.steps, stored_steps, strict=True):
        outs = {name for name, field in type(step.params).model_fields.items() if is_marked(field, Deliver)}
        steps.append(replace(step, params=step.params.model_copy(update=dict.fromkeys(outs))))
        params = {name: value for name, value in stored_step["params"].items() if name not in outs}
        stored.append({**stored_step, "params": params})
    return replace(job, steps=tuple(steps), document={**job.document, "steps": stored})


def edits_of(job: Job) -> list[Edit]:
    """Return the edits of a job, whatever they were read from."""
    edits: Any = job.inputs["edits"]
    return [Edit.model_validate(edit) for edit in edits]


@dataclass(frozen=True)
class FilmResult:
    """What a run of a job has given."""

    job: FilmJob
    run: RunResult
    record: Record
    film: Path | None
    """None while takes wait for a choice, or if only takes were to be made."""


def run_job(call: BoxCall, film_job: FilmJob, budget: float) -> FilmResult:
    """Run a job in another thread; a hosted provider may cost up to `budget` USD.

    Raises:
        BoxError: it failed.
        InterruptProcessingException: the user has pressed Stop.
    """
    from ....runner.execute import Options, execute

    home = folders.react1_home()

    def show(estimate: Estimate) -> bool:
        call.show("\n".join([*estimate.lines(), f"estimate: ${estimate.new_cost_usd:.2f} of at most ${budget:.2f}"]))
        return True

    async def work() -> RunResult:
        job = film_job.load()
        call.progress.expect(tuple(step.id for step in job.steps))
        options = Options(home, replace=True, approved=False, confirm=show, max_cost_usd=budget, watcher=call.progress)
        return await execute(job, options)

    result = call.wait_for(work)
    assert call.progress.ended is not None
    record = call.progress.ended.record
    has_film = result.status != "choose" and not film_job.takes_only
    film = result.output if has_film else None
    if film is None and has_film:
        film = Store(home).path(record.film.file) if record.film else film_job.source
    return FilmResult(film_job, result, record, film)


def preset_provider(preset: str, provider: str) -> str:
    """Return the provider of the widget, or for `auto` the one that the preset always uses, such as `local`.

    Raises:
        PresetError: there is no such preset.
    """
    own = {str(step.params.members["provider"].plain) for step in known_preset(preset).steps if _names_provider(step)}
    return own.pop() if provider == "auto" and len(own) == 1 else provider


def _names_provider(step: RawStep) -> bool:
    named = step.params.members.get("provider")
    return named is not None and isinstance(named.value, str) and not named.value.startswith("$")


def require_budget(provider: str, max_cost: float) -> float:
    """Return what a run may cost in USD: the widget's amount, limited by REACT1_MAX_COST of the server.

    A workflow file alone, which may come from somebody else, can spend nothing.

    Raises:
        PresetError: the provider has no key, or costs money and nothing may be spent.
    """
    allowed = max_cost_usd(None)
    name = resolve_provider_name(provider)
    hosted = hosted_provider(name)
    if hosted is None:
        return 0.0
    hosted.require()
    if not max_cost > 0:
        raise PresetError(f"max_cost_usd is {max_cost:g}, and {name} costs money: set what this run may cost")
    if allowed is None:
        raise PresetError(
            f"{name} costs money, and this server allows none: start ComfyUI with REACT1_MAX_COST=USD, the most that "
            "one run may cost"
        )
    return min(max_cost, allowed)


def setting_files(settings: Mapping[str, Any]) -> list[Path]:
    """Return the local files that settings name."""
    single = [settings.get(name) for name, widgets in setting_widgets().items() if _is_file(widgets[0])]
    groups = [settings.get(name, {}).get(widget.path[-1]) for name, widget in _grouped_files()]
    return [Path(str(path)) for path in (*single, *groups) if path and not is_url(str(path))]


def _is_file(widget: Widget) -> bool:
    return widget.kind == "path"


def _grouped_files() -> list[tuple[str, Widget]]:
    return [(name, widget) for name, widgets in job_widgets().items() for widget in widgets if _is_file(widget)]


def read_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the widgets of Settings set, by the names of the preset's inputs.

    Raises:
        PresetError: a file may not be read.
    """
    settings: dict[str, Any] = {}
    for name, widgets in setting_widgets().items():
        fields = read_widgets(widgets, values) if any(_is_changed(widget, values) for widget in widgets) else {}
        for value in fields.values():
            settings[name] = folders.input_file_or_url(str(value), name) if _is_file(widgets[0]) else value
    for name, widgets in job_widgets().items():
        changed = [widget for widget in widgets if _is_changed(widget, values)]
        is_off = name in _SWITCHES and values.get(name) is False  # a workflow for the API may leave the switch out
        if changed and not is_off:
            settings[name] = read_widgets((w for w in changed if len(w.path) > 1), values).get(name, {})
    for name, widget in _grouped_files():
        members, key = settings.get(name, {}), widget.path[-1]
        if key in members:
            members[key] = folders.input_file_or_url(str(members[key]), widget.input.name)
    return settings


def _is_changed(widget: Widget, values: Mapping[str, Any]) -> bool:
    usual = widget.input.options.get("default")
    return bool(values.get(widget.input.name, usual) != usual)
