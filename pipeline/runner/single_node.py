"""One node by itself, through the same seam and the same store as a whole job.

Takes   a node, its parameters as a user wrote them, and its inputs.
Gives   what the node gives.
Raises  PresetError for parameters that it refuses; what the node raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ..config.document_model import Job, Step
from ..core.errors import PresetError, Problem
from ..core.registry import NodeInfo
from ..core.values import Media, Value
from ..executors.base import Call, Result, execute_call, from_json
from ..jobs.budget import Terms
from ..jobs.ledger import Ledger
from ..store.keys import digest, params_json
from ..store.store import Store
from .deliveries import serve
from .events import Silent
from .external_inputs import hosted_by, require_hosts, settled_step
from .ingest import ingest
from .paid_steps import is_void, paying_for
from .step import inputs_json, step_parts
from .take_matrix import makes_takes, one_take


def run_single(
    info: NodeInfo,
    params: Mapping[str, Any],
    inputs: Mapping[str, Value | list[Value] | None],
    store: Store,
    terms: Terms | None = None,
) -> Value | list[Value]:
    """Run one node; stored results are given without work, and a paid call needs `terms` that allow it."""
    try:
        checked = info.ports.params.model_validate(dict(params))
    except ValidationError as error:
        raise PresetError(
            [Problem(problem["msg"], ".".join(map(str, problem["loc"])), info.name) for problem in error.errors()]
        ) from error
    step = ingest(settled_step(Step(id=info.name, info=info, params=checked, wires={})), store)
    if makes_takes(step):
        inputs = one_take(inputs)
    parts = step_parts(step, inputs)
    key = digest(parts)
    stored = store.result(key)
    if stored is not None and is_void(Ledger(store.root), stored["value"]):
        store.drop_result(key)
    if hosted_by(step) is not None and store.result(key) is None:
        result = asyncio.run(_paid(step, inputs, store, terms or Terms()))
        store.put_result(key, result.value, parts, result.seconds)
    args = {"params": params_json(step.params), "inputs": inputs_json(inputs), "parts": parts}
    made: Value | list[Value] = from_json(
        info.ports.gives, execute_call(Call(fn=info.fn, args=args, key=key), store).value
    )
    sources = [store.path(value.file) for value in inputs.values() if isinstance(value, Media)]
    serve(step, made, store, sources, owner=info.name, replace=True)
    return made


async def _paid(step: Step, inputs: Mapping[str, Any], store: Store, terms: Terms) -> Result:
    """Call a host that takes money, by the same desk as a run."""
    job = Job(step.id, "", (step,), {}, {})
    require_hosts(job)
    async with paying_for(job, store, terms, "", Silent()) as paying:
        assert paying is not None
        await paying.admit(step, [inputs], stop=True)
        return await paying.run(step, inputs, lambda _: None)
