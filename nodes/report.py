"""Write the report of a run: one HTML page with pictures, and the same facts as JSON.

Takes   the record of the run so far; the page compares frames of the source and the film with the same number.
Gives   `report.html`, self-contained, and `report.json`; a contact sheet for each segment whose take is not chosen yet.
Raises  InputMediaError if a frame for the page cannot be decoded.
"""

from __future__ import annotations

import json
from typing import ClassVar

from pydantic import Field

from ..pipeline.core.file import OutPath
from ..pipeline.core.nodes.node import Need, NodeContext, Params, Workload
from ..pipeline.core.values import Record, Report


class ReportParams(Params):
    """The output and the title."""

    out: OutPath | None = Field(default=None, description="folder for the page and the JSON")
    title: str = Field(default="", max_length=300, description="heading of the page (default: name of the film)")


class ReportNode:
    """Report the changes, the measurements, the cost, and the takes to choose from."""

    name: ClassVar[str] = "report"
    version: ClassVar[int] = 12
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("av", "jinja2")
    need: ClassVar[Need] = Need(cores=1, memory_mb=800)

    def run(self, context: NodeContext, params: ReportParams, record: Record) -> Report:
        """Write the page and the JSON."""
        from ..pipeline.report.page import render_page
        from ..pipeline.report.report_json import describe
        from ..pipeline.report.take_board import boards_of

        report = describe(record, params.title or record.title or record.preset)
        segments = {segment.name: segment for segment in record.segments}
        boards = boards_of(segments, record.offered, context.path)
        page, data = context.temp_path("report.html"), context.temp_path("report.json")
        # Bytes of a file name that are no UTF-8 become \udcXX, which in JSON is the same name again.
        page.write_text(render_page(record, report, boards, context), "utf-8", "backslashreplace")
        data.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", "utf-8", "backslashreplace")
        sheets = {}
        for name, board in boards.items():
            sheet = context.temp_path(f"takes-{name}.jpg")
            sheet.write_bytes(board.sheet)
            sheets[sheet.name] = context.store(sheet)
        return Report(page=context.store(page), data=context.store(data), sheets=sheets)
