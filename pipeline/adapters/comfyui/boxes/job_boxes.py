"""Boxes for the whole job: Re-express, its settings, and what it would cost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from ....config.checked_job import OnFailure
from ....core.errors import PresetError
from ....core.nodes.registry import load_registry
from ....store.store import Store
from .. import folders, host
from ..box import EDITS, TAKES, VIDEO, Box, BoxResult, Input, Output, read_number, read_socket
from ..conversions.edit_values import EditList
from ..conversions.media_values import FilmFile, film_file
from ..conversions.widgets import widgets_of
from ..folders import call_key, given_files
from ..previews import shown_films
from ..work import BoxCall, in_box_terms, summary
from .film_job import (
    FilmJob,
    FilmResult,
    film_presets,
    job_widgets,
    preset_provider,
    read_settings,
    require_budget,
    run_job,
    setting_files,
    setting_widgets,
)

if TYPE_CHECKING:
    from ....runner.planning.plan import PlannedStep

SETTINGS = "REACT1_SETTINGS"
_SPLICE = "off: make the takes only, in less time; Pick take splices them into the film"
_ON_FAILURE = "when a segment fails: stop, or keep its original footage and go on"


def job_inputs() -> tuple[Input, ...]:
    """Return the inputs that decide what a job does."""
    presets = film_presets()
    abouts = "\n".join(f"{name}: {preset.about}" for name, preset in presets.items())
    node = load_registry().get("react1").ports.params
    others = [name for name in node.model_fields if name != "provider"]
    (provider,) = widgets_of(node, leave_out=others)
    return (
        Input("video", VIDEO, {"tooltip": "the film; backed by a file, only packets around the edits change"}),
        Input("edits", EDITS, {"tooltip": "what to change: from Edit, or Edits from text or file"}),
        Input("preset", "COMBO", {"options": list(presets), "default": next(iter(presets)), "tooltip": abouts}),
        provider.input,
        Input(
            "on_failure",
            "COMBO",
            {"options": list(get_args(OnFailure)), "default": "stop", "tooltip": _ON_FAILURE},
            True,
        ),
        Input("settings", SETTINGS, {"tooltip": "from Settings; without it, the preset's defaults"}, optional=True),
    )


def film_job_of(values: Mapping[str, Any], film: FilmFile) -> FilmJob:
    """Return the job that the inputs describe.

    Raises:
        PresetError: there are no edits, or a socket has a value of another type.
    """
    edits = read_socket(values, "edits", EditList, "list of edits", "Edit or Edits from text")
    if edits is None:
        raise PresetError("edits: there are none; connect Edit or Edits from text")
    return FilmJob(
        preset=str(values.get("preset") or next(iter(film_presets()))),
        source=film.path,
        edits=edits,
        provider=str(values.get("provider") or "auto"),
        settings=read_socket(values, "settings", dict, "Settings", "Settings") or {},
        on_failure=str(values.get("on_failure") or "stop"),
        takes_only=values.get("splice") is False,
    )


class ReExpressBox(Box):
    """The whole job: a film and edits give the film with the segments changed."""

    id: ClassVar[str] = "react1_reexpress"
    title: ClassVar[str] = "React1 Re-express"
    about: ClassVar[str] = (
        "Changes the expression in the edited segments and splices them back; everything else stays as it is. "
        "provider local is a free preview; a hosted provider needs its key and REACT1_MAX_COST in the server's "
        "environment, and max_cost_usd here."
    )
    outputs: ClassVar[tuple[Output, ...]] = (
        Output(
            VIDEO, "video", "the new film, backed by its file; nothing without splice, or while takes wait for a choice"
        ),
        Output("STRING", "report", "what was done, the checks and the cost"),
        Output(TAKES, "takes", "for Contact sheet, Pick take and Take"),
    )
    checked: ClassVar[tuple[str, ...]] = ("preset", "provider", "max_cost_usd")
    has_fingerprint: ClassVar[bool] = True

    @classmethod
    def inputs(cls) -> tuple[Input, ...]:
        """Return what decides the job, and the most that it may cost."""
        about = "the most that this run may cost in USD; REACT1_MAX_COST of the server limits it (0: nothing)"
        limit = {"default": 0.0, "min": 0.0, "max": 10_000.0, "step": 0.1, "tooltip": about}
        *widgets, settings = job_inputs()
        splice = Input("splice", "BOOLEAN", {"default": True, "tooltip": _SPLICE}, optional=True)
        return (*widgets, Input("max_cost_usd", "FLOAT", limit), settings, splice)

    @classmethod
    def check(cls, values: Mapping[str, Any]) -> None:
        """Refuse a hosted provider without a key, or without a maximum cost."""
        preset = str(values.get("preset") or next(iter(film_presets())))
        provider = preset_provider(preset, str(values.get("provider") or "auto"))
        require_budget(provider, read_number(values, "max_cost_usd", 0.0))

    @classmethod
    def fingerprint(cls, values: Mapping[str, Any], node_id: str) -> str:
        """Return another text once the film is gone from the store."""
        return given_files.fingerprint(call_key(cls.id, node_id, values))

    @classmethod
    def run(cls, call: BoxCall, values: Mapping[str, Any]) -> BoxResult:
        """Run the job; takes alone, or takes that wait for a choice, block the film."""
        film = call.do(lambda progress: film_file(values["video"], progress), part=0.0)
        job = film_job_of(values, film)
        budget = require_budget(preset_provider(job.preset, job.provider), read_number(values, "max_cost_usd", 0.0))
        result = run_job(call, job, budget)
        return film_result(call, cls, result, values, [film.note] if film.note else [])


def film_result(
    call: BoxCall, box: type[Box], result: FilmResult, values: Mapping[str, Any], notes: list[str]
) -> BoxResult:
    """Return a film, the text of its report and its takes, and show film and text."""
    text = summary(result.run, notes)
    call.show(text)
    if result.film is None:
        message = "only takes were made: look at Contact sheet; Pick take splices them into the film"
        if result.run.status == "choose":
            message = "takes wait for a choice: look at Contact sheet and set Pick take, which gives the film"
        return BoxResult((host.block(message), text, result), {"text": [text]})
    given_files.record(call_key(box.id, call.node_id, values), [result.film])
    film_path = result.film
    shown = call.do(lambda progress: shown_films([film_path], text, progress, link=True))
    return BoxResult((host.video_from_file(film_path), text, result), shown)


class SettingsBox(Box):
    """Settings of a job that are seldom changed."""

    id: ClassVar[str] = "react1_settings"
    title: ClassVar[str] = "React1 Settings"
    about: ClassVar[str] = (
        "How takes are joined, checked and placed, who agreed, a label, and a signature; for the settings of "
        "Re-express and Cost."
    )
    outputs: ClassVar[tuple[Output, ...]] = (Output(SETTINGS, "settings", "for Re-express and Cost"),)
    has_fingerprint: ClassVar[bool] = True

    @classmethod
    def fingerprint(cls, values: Mapping[str, Any], node_id: str) -> str:
        """Return the state of the files that the widgets name."""
        settings = read_settings({name: value for name, value in values.items() if value is not None})
        return folders.file_states(setting_files(settings))

    @classmethod
    def inputs(cls) -> tuple[Input, ...]:
        """Return the widgets of the preset's settings, as the steps declare them, and those of the job."""
        groups = (*setting_widgets().values(), *job_widgets().values())
        widgets = [widget.input for widgets in groups for widget in widgets]
        return tuple(Input(each.name, each.type, each.options, optional=True) for each in widgets)

    @classmethod
    def run(cls, call: BoxCall, values: Mapping[str, Any]) -> BoxResult:
        """Return the settings that differ from the defaults."""
        del call
        return BoxResult((read_settings(values),))


class CostBox(Box):
    """What Re-express would do and cost with the same inputs."""

    id: ClassVar[str] = "react1_cost"
    title: ClassVar[str] = "React1 Cost"
    about: ClassVar[str] = "Estimates what Re-express would cost with the same inputs; spends and sends nothing."
    is_output: ClassVar[bool] = True
    outputs: ClassVar[tuple[Output, ...]] = (
        Output("FLOAT", "cost_usd", "the estimate in USD"),
        Output("STRING", "plan", "what would run, and why"),
    )
    has_fingerprint: ClassVar[bool] = True

    @classmethod
    def fingerprint(cls, values: Mapping[str, Any], node_id: str) -> str:
        """Return another text after every run, since what is stored costs nothing."""
        return folders.file_states([folders.react1_home() / "runs"])

    @classmethod
    def inputs(cls) -> tuple[Input, ...]:
        """Return what decides the job."""
        return job_inputs()

    @classmethod
    def run(cls, call: BoxCall, values: Mapping[str, Any]) -> BoxResult:
        """Plan the job."""
        film = call.do(lambda progress: film_file(values["video"], progress), part=0.0)
        job = film_job_of(values, film)

        from ....runner.planning.plan import plan_job

        async def work() -> list[PlannedStep]:
            store = Store(folders.react1_home(), read_only=True)
            return await asyncio.to_thread(lambda: plan_job(job.load(), store))

        rows = call.wait_for(work)
        cost_usd = round(sum(row.cost_usd for row in rows), 6)
        text = "\n".join([*map(_plan_line, rows), f"cost: ${cost_usd:.2f}"])
        call.show(text)
        return BoxResult((cost_usd, text), {"text": [text]})


def _plan_line(row: PlannedStep) -> str:
    label = " ".join(filter(None, (row.step, row.segment, row.take)))
    price = f" ${row.cost_usd:.2f}" if row.cost_usd else ""
    state = "stored" if row.stored else f"runs: {row.why}" if row.known else row.why
    remarks = "".join(f"\n  {in_box_terms(remark)}" for remark in row.remarks)
    return f"{label}: {state}{price}{remarks}"
