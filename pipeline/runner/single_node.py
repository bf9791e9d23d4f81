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

from ..config.checked_job import Job, Step
from ..core.errors import PresetError, Problem
from ..core.registry import NodeInfo
from ..core.values import Media, Value
from ..executors.base import Call, Result, execute_call, from_json
from ..jobs.budget import SpendingPolicy
from ..jobs.ledger import Ledger
from ..store.keys import digest, params_json
from ..store.store import Store
from .deliveries import deliver_result
from .events import SilentWatcher
from .external_inputs import ingest, paid_provider, require_providers, resolve_provider
from .paid_steps import is_voided, open_paid_steps
from .step import inputs_json, key_parts
from .take_matrix import makes_takes, picked_inputs


def run_single(
    info: NodeInfo,
    params: Mapping[str, Any],
    inputs: Mapping[str, Value | list[Value] | None],
    store: Store,
    terms: SpendingPolicy | None = None,
) -> Value | list[Value]:
    """Run one node; stored results are given without work, and a paid call needs `terms` that allow it."""
    try:
        checked = info.ports.params.model_validate(dict(params))
    except ValidationError as error:
        raise PresetError(
            [Problem(problem["msg"], ".".join(map(str, problem["loc"])), info.name) for problem in error.errors()]
        ) from error
    step = ingest(resolve_provider(Step(id=info.name, info=info, params=checked, wires={})), store)
    if makes_takes(step):
        inputs = picked_inputs(inputs)
    parts = key_parts(step, inputs)
    key = digest(parts)
    stored = store.result(key)
    if stored is not None and is_voided(Ledger(store.root), stored["value"]):
        store.drop_result(key)
    if paid_provider(step) is not None and store.result(key) is None:
        result = asyncio.run(_paid(step, inputs, store, terms or SpendingPolicy()))
        store.put_result(key, result.value, parts, result.seconds)
    args = {"params": params_json(step.params), "inputs": inputs_json(inputs), "parts": parts}
    made: Value | list[Value] = from_json(
        info.ports.output, execute_call(Call(fn=info.fn, args=args, key=key), store).value
    )
    sources = [store.path(value.file) for value in inputs.values() if isinstance(value, Media)]
    deliver_result(step, made, store, sources, owner=info.name, replace=True)
    return made


async def _paid(step: Step, inputs: Mapping[str, Any], store: Store, terms: SpendingPolicy) -> Result:
    """Call a host that takes money, by the same desk as a run."""
    job = Job(step.id, "", (step,), {}, {})
    require_providers(job)
    async with open_paid_steps(job, store, terms, "", SilentWatcher()) as paying:
        assert paying is not None
        await paying.admit(step, [inputs], stop=True)
        return await paying.run(step, inputs, lambda _: None)
