"""One node by itself, through the same seam and the same store as a whole job.

Takes   a node, its parameters as a user wrote them, and its inputs.
Gives   what the node gives.
Raises  PresetError for parameters that it refuses; what the node raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ..errors import PresetError, Problem
from ..executors.seam import Call, from_json, invoke
from ..kinds import Media, Value
from ..preset.model import Step
from ..registry import NodeInfo
from ..store.keys import digest, params_json
from ..store.store import Store
from .deliveries import serve
from .hosts import settled_step
from .ingest import ingest
from .step import inputs_json, step_parts


def run_single(
    info: NodeInfo, params: Mapping[str, Any], inputs: Mapping[str, Value | list[Value] | None], store: Store
) -> Value | list[Value]:
    """Run one node; stored results are given without work."""
    try:
        checked = info.ports.params.model_validate(dict(params))
    except ValidationError as error:
        raise PresetError(
            [Problem(problem["msg"], ".".join(map(str, problem["loc"])), info.name) for problem in error.errors()]
        ) from error
    step = ingest(settled_step(Step(id=info.name, info=info, params=checked, wires={})), store)
    parts = step_parts(step, inputs)
    args = {"params": params_json(step.params), "inputs": inputs_json(inputs), "parts": parts}
    made: Value | list[Value] = from_json(
        info.ports.gives, invoke(Call(fn=info.fn, args=args, key=digest(parts)), store).value
    )
    sources = [store.path(value.file) for value in inputs.values() if isinstance(value, Media)]
    serve(step, made, store, sources, owner=info.name, replace=True)
    return made
