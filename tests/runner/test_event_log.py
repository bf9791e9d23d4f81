"""Every event of a run is logged by the logger `react1`; nothing is printed unless a program asks."""

from __future__ import annotations

import json
import logging

import pytest

from react1.pipeline.cli.progress import JsonLines, log_output
from react1.pipeline.runner.events import (
    LOGGER,
    LoggedEvents,
    Message,
    RunStarted,
    SilentWatcher,
    StepEnded,
    StepMoved,
    log_event,
)

EVENTS = [RunStarted("r1"), StepMoved("trim", "s01", 0.5), StepEnded("trim", "s01", False, 1.25), Message("two faces")]


def test_events_are_records_with_values(caplog):
    """The level says how much it matters, the attributes have the values, and the watcher gets every event."""
    seen = []
    watcher = LoggedEvents(type("Watcher", (), {"on": staticmethod(seen.append)})())

    with caplog.at_level(logging.DEBUG, "react1"):
        for event in EVENTS:
            watcher.on(event)

    assert seen == EVENTS
    assert [(record.levelname, record.event, record.values) for record in caplog.records] == [
        ("INFO", "run_started", {"run": "r1"}),
        ("DEBUG", "step_progress", {"step": "trim", "segment": "s01", "share": 0.5}),
        ("INFO", "step_ended", {"step": "trim", "segment": "s01", "reused": False, "seconds": 1.25}),
        ("WARNING", "note", {"text": "two faces"}),
    ]


def test_nothing_is_printed_without_a_handler(capsys):
    """Not even warnings, which Python prints for loggers that nobody configured."""
    LoggedEvents(SilentWatcher()).on(Message("two faces"))

    assert capsys.readouterr().err == ""


def test_json_lines_are_one_object_each(tmp_path):
    """With the time, the level, the event and its values; appended to the file."""
    path = tmp_path / "logs" / "run.jsonl"

    for name in ("r1", "r2"):
        with log_output(0, str(path)):
            log_event(logging.INFO, "run_started", run=name)
            log_event(logging.DEBUG, "step_progress", share=0.5)

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["level"], line["event"], line.get("run")) for line in lines] == [
        ("info", "run_started", "r1"),
        ("info", "run_started", "r2"),
    ]
    assert all(line["time"].endswith("+00:00") for line in lines)
    assert LOGGER.level == logging.NOTSET


@pytest.mark.parametrize(
    ("verbose", "expected"), [(0, []), (1, ["run_started"]), (2, ["run_started", "step_progress"])]
)
def test_verbose_prints_more(verbose, expected, capsys):
    """`-v` prints steps, `-vv` their progress too; without it nothing."""
    with log_output(verbose, None):
        log_event(logging.INFO, "run_started", run="r1")
        log_event(logging.DEBUG, "step_progress", share=0.5)

    assert [line.split()[2] for line in capsys.readouterr().err.splitlines()] == expected


def test_a_log_of_another_package_is_json_too():
    """A record without values has its message."""
    record = logging.LogRecord("react1.other", logging.ERROR, "x.py", 1, "disk %s", ("full",), None)

    assert json.loads(JsonLines().format(record))["message"] == "disk full"
