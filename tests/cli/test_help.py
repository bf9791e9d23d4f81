"""The help groups the commands and shows examples, and the shell completes commands and values."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys

import pytest

from react1.pipeline.cli import main
from react1.pipeline.cli.app import PANELS

COMMANDS = [command for panel in PANELS.values() for command in panel]


def test_the_help_lists_every_command_in_its_panel(react1):
    """Panel by panel, in order, each with all that is said of it."""
    text = react1("--help").out

    places = [text.index(f"\n{panel}:\n") for panel in PANELS]
    unwrapped = " ".join(text.split())
    assert all(f" {command.name} {command.about} " in f"{unwrapped} " for command in COMMANDS)
    assert places == sorted(places)
    assert all(f" {command.name} " in text for command in COMMANDS)


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_the_help_shows_the_first_paragraph_of_a_command_s_own(entry):
    """It is written where the commands are listed, so that their modules are not imported for it."""
    first = entry.load().help.partition("\n\n")[0].replace("\n", " ")

    assert first == entry.about


def test_a_command_with_a_typing_error_is_suggested(react1):
    """No module is imported to find the nearest name."""
    assert "'batch'" in react1("bach").err


@pytest.mark.slow
def test_the_help_imports_no_command_and_that_of_a_command_nothing_heavy():
    """In a new process; what a command works with is imported when it runs. `rich` takes longer than all the rest."""
    heavy = {
        "av",
        "cv2",
        "httpx",
        "jinja2",
        "ai_edge_litert",
        "numpy",
        "pydantic",
        "react1.pipeline.core.nodes.registry",
    }
    code = (
        "import sys; from react1.pipeline.cli.app import PANELS, run_command; run_command(['--help']); "
        "print([name for name in sys.modules if name.startswith(('react1.pipeline.cli.commands', 'rich'))]); "
        "[command.load() for panel in PANELS.values() for command in panel]; "
        f"print(sorted({heavy!r} & set(sys.modules)))"
    )

    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert process.stdout.splitlines()[-2:] == ["[]", "[]"]


@pytest.mark.parametrize("name", [command.name for command in COMMANDS if command.name != "provenance"])
def test_the_help_of_a_command_has_an_example(react1, name):
    """The example is the command itself."""
    examples = react1(name, "--help").out.partition("Examples:")[2]

    assert f"react1 {name}" in examples


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="bash completion is POSIX")
@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("react1 conf", ["conform-check"]),
        ("react1 run emo", ["emotion-edit"]),
        ("react1 run job.yaml --provider s", ["segmind", "sync"]),
        ("react1 run job.ya", []),
    ],
)
def test_the_shell_completes_commands_presets_and_providers(words, completions):
    """Without a match the shell completes file names."""
    environ = {
        **os.environ,
        "_REACT1_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    code = "import sys; sys.argv = ['react1']; from react1.pipeline.cli import main; main()"

    result = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)

    assert (result.returncode, result.stdout.split()) == (0, completions)


@pytest.mark.parametrize(("chosen", "expected"), [(None, "1"), ("3", "3")])
def test_the_command_keeps_products_of_matrices_in_one_thread(monkeypatch, capsys, chosen, expected):
    """A number that the user has set is kept."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", chosen or "")
    if chosen is None:
        monkeypatch.delenv("OPENBLAS_NUM_THREADS")

    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert (ended.value.code, os.environ["OPENBLAS_NUM_THREADS"]) == (0, expected)


def test_the_command_seldom_looks_for_garbage(monkeypatch):
    """What is imported stays, so that to look for it is wasted time."""
    thresholds = gc.get_threshold()
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    try:
        with pytest.raises(SystemExit):
            main(["--version"])
        assert gc.get_threshold()[0] == 10_000
        assert gc.get_freeze_count() > len(gc.get_objects())  # so that the end of the process does not look either
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
