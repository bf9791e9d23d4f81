"""The summary page of a batch: one row per film, with its state, its cost and a link to its report."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any
from urllib.request import pathname2url


def render_batch_page(batch: Mapping[str, Any], source: str) -> str:
    """Render the page of a batch.

    Args:
        batch: what `react1 batch --json` prints.
        source: the list that the batch was read from.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = files("react1.pipeline.report").joinpath("batch.html").read_text(encoding="utf-8")
    rows = [
        {**job, "report_url": _file_url(job["report"]), "output_url": _file_url(job["output"])} for job in batch["jobs"]
    ]
    return environment.from_string(template).render(batch=batch, source=source, rows=rows)


def _file_url(path: str | None) -> str:
    return f"file://{pathname2url(path)}" if path else ""
