"""Errors and notes in the terms of the Python call: its keywords instead of the options of the command line.

The location of a problem with a value is its option (`config/inputs.py`), and advice names options. Commands in full,
such as `react1 jobs settle … --resubmit`, stay: nothing in Python does what they do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from .core.errors import PresetError, Problem, React1Error, in_terms

_TERMS: tuple[tuple[str, str], ...] = (
    (r"--edit IN-OUT:PROMPT", 'edits="IN-OUT:PROMPT"'),
    (r"--out FILE", "out=FILE"),
    (r"(?:--out or )?--set (\w+=…)", r"\1"),
    (r"--provider (\w+) or (\w+)", r'provider="\1" or "\2"'),
    (r"--provider (\w+)", r'provider="\1"'),
    (r"--pay or --yes, and --max-cost USD", "yes=True, and max_cost=USD"),
    (r"--replace\b", "yes=True"),
    (r"--allow-outside\b", "allow_outside=True"),
    (r"remove the option\b", "leave it out"),
    (r"give --script (\S+) or set (\w+)", r"set \2 to \1"),
    (r" or --script\b", ""),
    (r"--map or (?=\S)|--(?:trace|metrics), (?=REACT1_)", ""),
    (r"--(out|home|provider)\b", r"\1="),
    (r"--max-cost\b", "max_cost="),
    (r"--start-tc\b", "start_tc="),
)
"""What the command line says, and how it is written in a call."""


def in_python_terms(text: str) -> str:
    """Return a message with the options of the command line replaced by keywords."""
    return in_terms(text, _TERMS)


@contextmanager
def errors_in_python_terms(edits: Any = ()) -> Iterator[None]:
    """Put every React1Error of the block in the terms of Python; `edits` are those of the call, to name them by index.

    The error itself is changed: its class, its attributes and its traceback stay.
    """
    try:
        yield
    except PresetError as error:
        texts = [edits] if isinstance(edits, str) else edits if isinstance(edits, Sequence) else ()
        error.problems = tuple(_in_python_terms(problem, texts) for problem in error.problems)
        error.args = ("; ".join(str(problem) for problem in error.problems),)
        raise
    except React1Error as error:
        error.args = (in_python_terms(error.message),)
        raise


def _in_python_terms(problem: Problem, edits: Sequence[Any]) -> Problem:
    """Return a problem at the keyword that has the value, such as `handles` or `edits[0].prompt`."""
    option, _, value = problem.file.partition(" ")
    message, path = in_python_terms(problem.message), problem.path
    if problem.file and not option.startswith("--"):  # a file, whose keys are as it writes them
        return replace(problem, message=message)
    if option == "--edit":
        keyword = f"edits.{edits.index(value)}" if value in edits else "edits"
    else:
        keyword = value if option == "--set" else option[2:].replace("-", "_")
    if path.partition(".")[0] != keyword:
        path = ".".join(filter(None, (keyword, path)))
    return replace(problem, message=message, path=re.sub(r"^edits\.(\d+)", r"edits[\1]", path), file="")
