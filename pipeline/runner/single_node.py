"""Run one node without a job, with the same store and executor calls as a run."""

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
from .external_inputs import bills_itself, ingest, require_providers, resolve_provider
from .paid_steps import costs_money, is_voided, open_paid_steps
from .step import inputs_json, key_parts
from .take_matrix import makes_takes, picked_inputs


def run_single(
    info: NodeInfo,
    params: Mapping[str, Any],
    inputs: Mapping[str, Value | list[Value] | None],
    store: Store,
    policy: SpendingPolicy | None = None,
) -> Value | list[Value]:
    """Return the result of one node, from the store if it is there; a paid call needs a `policy` that allows it.

    Raises:
        PresetError: the node refuses the parameters.
        React1Error: what the node raises.
    """
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
    if costs_money(step) and store.result(key) is None:
        result = asyncio.run(_pay(step, key, inputs, store, policy or SpendingPolicy()))
        if result is not None:
            store.put_result(key, result.value, parts, result.seconds)
    args = {"params": params_json(step.params), "inputs": inputs_json(inputs), "parts": parts}
    value: Value | list[Value] = from_json(
        info.ports.output, execute_call(Call(fn=info.fn, args=args, key=key), store).value
    )
    sources = [store.path(item.file) for item in inputs.values() if isinstance(item, Media)]
    deliver_result(step, value, store, sources, owner=info.name, replace=True)
    return value


async def _pay(step: Step, key: str, inputs: Mapping[str, Any], store: Store, policy: SpendingPolicy) -> Result | None:
    """Get the cost of a call approved; run the job of a provider, and return None for a node that bills by itself."""
    job = Job(step.id, "", (step,), {}, {})
    require_providers(job)
    async with open_paid_steps(job, store, policy, "", SilentWatcher()) as paid_steps:
        assert paid_steps is not None
        await paid_steps.check_all(step, {key: inputs}, fail_fast=True)
        return None if bills_itself(step) else await paid_steps.run_job(step, inputs, lambda _: None)
