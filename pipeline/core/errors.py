"""What can go wrong, by what the reader can do about it.

React1Error
├── PresetError      2    fix the preset, the job or the arguments; nothing ran
│   └── MissingExtra 2    install an optional part
├── BadInput         3    this media cannot be used; running again cannot help
├── HostFailed       4    a provider or a server failed: request id, retryable or not, billed or not
│   └── CheckFailed  4    a take does not fit: the finished film fails a check at its seams; names the segments
├── OverBudget       5    stopped before money was spent
├── ToolFailed       1    a tool that we called failed: argv, exit code, the tail of what it said
├── StorageFailed    1    the disk is full, or a folder cannot be written
├── Fault            1    a node broke: ours or a plug-in's; the details are in the run's folder
└── Interrupted    130    stopped by the user; says how to resume

Every message is one line that says what, where, the value and what to do; details are attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class React1Error(Exception):
    """The root: `exit_status` is what the command line exits with."""

    exit_status = 1

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split("\n")).strip())
        self.where = ""
        """Step, segment and node, set once by the runner as the error passes."""
        self.run = ""
        """The run that failed, where one was begun."""
        self.cost_usd = 0.0
        """What that run has spent all the same, by the ledger."""

    @property
    def message(self) -> str:
        """The one line."""
        return str(self.args[0])

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a preset, a job or an argument."""

    message: str
    path: str = ""
    """The keys that lead to it, such as `steps.2.trim.handles`."""
    file: str = ""
    line: int = 0
    """From 1; 0 where the problem has no place in a file."""
    column: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return ": ".join(part for part in (place, self.path, self.message) if part)


class PresetError(React1Error):
    """The preset, the job or the arguments are wrong; nothing ran."""

    exit_status = 2

    def __init__(self, problems: str | Sequence[Problem]) -> None:
        self.problems = (Problem(problems),) if isinstance(problems, str) else tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class MissingExtra(PresetError):
    """An optional part is not installed; the message says what to install."""


class InputMediaError(React1Error):
    """The input media cannot be used, and running again cannot help."""

    exit_status = 3


class ProviderError(React1Error):
    """A provider or a server answered with a failure, or not at all."""

    exit_status = 4

    def __init__(
        self, message: str, *, request_id: str = "", retryable: bool = False, billed: bool | None = None
    ) -> None:
        super().__init__(message)
        self.request_id = request_id
        self.retryable = retryable
        self.billed = billed
        """None where it is not known."""


class CheckFailed(ProviderError):
    """A finished film fails a check because of what a host gave back; without these takes it may pass."""

    def __init__(self, message: str, *, findings: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.findings = dict(findings or {})
        """What was found of each segment whose take fails, by its name."""

    @property
    def segments(self) -> tuple[str, ...]:
        """The names of the segments whose takes fail."""
        return tuple(self.findings)


class OverBudget(React1Error):
    """The next call would cost more than is allowed; nothing was spent on it."""

    exit_status = 5


class ToolFailed(React1Error):
    """A tool that we called ended with a failure."""

    def __init__(self, message: str, *, argv: Sequence[str] = (), code: int | None = None, tail: str = "") -> None:
        super().__init__(message)
        self.argv = tuple(argv)
        self.code = code
        self.tail = tail
        """The last lines of its standard error."""


class StorageFailed(React1Error):
    """A file could not be written: the disk is full or the folder is not writable."""


class InternalError(React1Error):
    """A node broke in a way that no error of this tree tells; its cause is `__cause__`."""


class Interrupted(React1Error):
    """Stopped by the user; what is finished is kept."""

    exit_status = 130
