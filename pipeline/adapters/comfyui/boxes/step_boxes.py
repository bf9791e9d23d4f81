"""The nodes of the registry as single boxes, and the function that runs one.

ComfyUI repeats a box for each item of a list, so steps run once per segment as in a preset. Nodes with a `Record`
input, which need a run, have no box.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ValidationError

from ....core.edits.edit import Edit
from ....core.errors import PresetError
from ....core.file import Ingest, is_marked
from ....core.nodes.node import VALUE_TYPES, Port, delivery
from ....core.nodes.registry import NodeInfo, Registry
from ....core.settings import max_cost_usd
from ....core.values import Media, Record, Value
from ....store.store import Store
from .. import folders
from ..box import EDITS, STEPS, Box, BoxResult, Input, Output
from ..conversions.edit_values import EditList
from ..conversions.widgets import Widget, read_widgets, widgets_of
from ..folders import call_key, given_files
from ..previews import shown_films
from ..work import BoxCall

if TYPE_CHECKING:  # it loads an HTTP client, which boxes do not need to be listed
    from ....jobs.budget import Estimate, SpendingPolicy

_LOCAL_ADVICE = "leave it empty if the server's environment names the file"
_OUT_TOOLTIP = "name in ComfyUI's output folder (empty: nothing is written; connect it to Media to video)"


def wire_type(value_type: type[Value]) -> str:
    """Return ComfyUI's name for the type of a wire."""
    return f"REACT1_{VALUE_TYPES[value_type].upper()}"


def run_step(
    call: BoxCall, info: NodeInfo, params: Mapping[str, Any], inputs: Mapping[str, Any]
) -> Value | list[Value]:
    """Run a node, or return its stored result, in another thread.

    Raises:
        BoxError: it failed, or would cost money that REACT1_MAX_COST does not allow.
    """
    from ....runner.partial_run import run_single

    store = Store(folders.react1_home())
    policy = spending_policy(call, max_cost_usd(None))
    return call.wait_for(lambda: run_single(info, params, inputs, store, policy, call.progress))


def spending_policy(call: BoxCall, budget: float | None) -> SpendingPolicy:
    """Return what a box may spend: nothing without a budget; the estimate is shown before anything is sent."""
    from ....jobs.budget import SpendingPolicy

    def show(estimate: Estimate) -> bool:
        lines = [*estimate.lines(), f"estimate: ${estimate.new_cost_usd:.2f}"]
        call.show("\n".join(lines))
        return True

    return SpendingPolicy(0.0 if budget is None else budget, approved=False, confirm=show)


class StepBox(Box):
    """Base class of the boxes of nodes; a subclass is one node."""

    info: ClassVar[NodeInfo]
    category: ClassVar[str] = STEPS
    has_fingerprint: ClassVar[bool] = True

    @classmethod
    def widgets(cls) -> tuple[Widget, ...]:
        """Return the widgets of the node's parameters; edits are a socket."""
        params = cls.info.ports.params
        return widgets_of(params, leave_out=[name for name in params.model_fields if name in edit_params(params)])

    @classmethod
    def inputs(cls) -> tuple[Input, ...]:
        """Return the node's inputs and the widgets of its parameters."""
        ports, params = cls.info.ports.inputs, cls.info.ports.params
        sockets = [Input(port.name, wire_type(port.value_type), {}, port.optional) for port in ports]
        sockets += [Input(name, EDITS, {"tooltip": _about(params, name)}) for name in edit_params(params)]
        widgets = [_with_box_tooltip(widget) for widget in cls.widgets()]
        return tuple(sorted((*sockets, *widgets), key=lambda item: item.optional))

    @classmethod
    def check(cls, values: Mapping[str, Any]) -> None:
        """Refuse files that no workflow may name."""
        cls._params(values)

    @classmethod
    def fingerprint(cls, values: Mapping[str, Any], node_id: str) -> str:
        """Return the content of the files that decide the result, the user's script too, and whether it is there."""
        store = Store(folders.react1_home())
        params = cls._params({name: _first(value, cls.takes_lists) for name, value in values.items()})
        digests = [
            store.add_external(Path(path)).digest
            for name, path in params.items()
            if isinstance(path, str) and name in _path_names(cls.info) and Path(path).is_file()
        ]
        return " ".join([given_files.fingerprint(call_key(cls.id, node_id, values)), cls._salt(params), *digests])

    @classmethod
    def _salt(cls, params: Mapping[str, Any]) -> str:
        """Return what of the node's key is in no parameter; empty while the parameters are not known."""
        cache_salt = getattr(cls.info.cls, "cache_salt", None)
        with suppress(ValidationError):  # the box says what is wrong when it runs
            return str(cache_salt(cls.info.ports.params.model_validate(params))) if cache_salt else ""
        return ""

    @classmethod
    def run(cls, call: BoxCall, values: Mapping[str, Any]) -> BoxResult:
        """Run the node, or return its stored result."""
        ports = cls.info.ports
        inputs = {port.name: _input_value(port, values.get(port.name), cls.takes_lists) for port in ports.inputs}
        simple = {name: _first(value, cls.takes_lists) for name, value in values.items()}
        params = cls._params(simple)
        result = run_step(call, cls.info, params, inputs)
        store = Store(folders.react1_home())
        films = [value for value in (result if isinstance(result, list) else [result]) if isinstance(value, Media)]
        paths = [store.path(film.file) for film in films]
        given_files.record(call_key(cls.id, call.node_id, values), paths)
        notes = "\n".join(getattr(result, "notes", ()))
        if not cls.is_output:
            return BoxResult((result,), folders.shown_files([], notes))
        return BoxResult((result,), call.do(lambda progress: shown_films(paths, notes, progress)))

    @classmethod
    def _params(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the node's parameters: edits as a list, names of files as paths in ComfyUI's folders."""
        params = read_widgets(cls.widgets(), values)
        for widget in cls.widgets():
            name = widget.path[0]
            if widget.kind == "path" and name in params:
                params[name] = folders.input_file_or_url(params[name], name)
            elif widget.kind == "local" and name in params:
                params[name] = str(folders.input_file(params[name], name, _LOCAL_ADVICE))
            elif widget.kind == "out" and name in params:
                params[name] = str(folders.output_file(params[name], name))
        for name in edit_params(cls.info.ports.params):
            edits = values.get(name)
            if isinstance(edits, EditList):
                if edits.files:
                    raise PresetError(f"{name}: a list in a file needs the whole job; use Re-express, or write text")
                params[name] = list(edits.edits)
        return params


def _first(value: Any, as_list: bool) -> Any:
    return value[0] if as_list and isinstance(value, list) and value else value


def _input_value(port: Port, value: Any, inputs_are_lists: bool) -> Any:
    return value if port.gathers or not inputs_are_lists else _first(value, True)


def edit_params(params: type[Any]) -> tuple[str, ...]:
    """Return the parameters of a node that are lists of edits."""
    return tuple(name for name, field in params.model_fields.items() if field.annotation == list[Edit])


def _about(params: type[Any], name: str) -> str:
    return str(params.model_fields[name].description or "")


def _path_names(info: NodeInfo) -> set[str]:
    return {name for name, field in info.ports.params.model_fields.items() if is_marked(field, Ingest)}


def _with_box_tooltip(widget: Widget) -> Input:
    if widget.kind != "out":
        return widget.input
    return Input(widget.input.name, widget.input.type, {**widget.input.options, "tooltip": _OUT_TOOLTIP}, True)


def step_box(info: NodeInfo) -> type[StepBox]:
    """Build the box of a node."""
    ports = info.ports
    widgets = widgets_of(ports.params, leave_out=edit_params(ports.params))
    name = VALUE_TYPES[ports.output]
    return type(
        f"React1Step_{info.name}",
        (StepBox,),
        {
            "__doc__": info.about,
            "info": info,
            "id": f"react1_{info.name}",
            "title": f"{info.name.replace('_', ' ').capitalize()} (react1)",
            "about": info.about,
            "is_output": any(widget.kind == "out" for widget in widgets) and delivery(info.cls, ports) != "folder",
            "takes_lists": any(port.gathers for port in ports.inputs),
            "outputs": (Output(wire_type(ports.output), name, "", ports.fans_out),),
            "checked": tuple(widget.input.name for widget in widgets if widget.kind in ("path", "local", "out")),
        },
    )


def step_boxes(registry: Registry) -> list[type[StepBox]]:
    """Return a box for every node that needs no record of a run."""
    nodes = registry.nodes.values()
    usable = [info for info in nodes if all(port.value_type is not Record for port in info.ports.inputs)]
    return [step_box(info) for info in usable]
