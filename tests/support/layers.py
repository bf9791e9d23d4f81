"""The rules of the house, as functions of a file's place and its source; each gives what breaks it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

FLOORS: tuple[tuple[str, ...], ...] = (
    ("core",),
    ("located_yaml", "media", "net"),
    ("engine", "scripting", "splicing", "storage"),
    ("conform",),
    ("interchange",),
    ("config", "demo", "report", "store"),
    ("preflight", "providers"),
    ("executors",),
    ("jobs",),
    ("runner",),
    ("api",),
    ("server",),
    ("adapters", "cli"),
)
"""The rooms of `pipeline`, from the ground up; a room imports from floors below its own, and from itself."""
FLOOR_OF = {context: number for number, floor in enumerate(FLOORS) for context in floor}

KEPT_IN: dict[str, tuple[str, ...]] = {
    "subprocess": ("pipeline/media/process.py",),
    "httpx": ("pipeline/net/", "pipeline/storage/", "pipeline/providers/"),
    "obstore": ("pipeline/storage/s3.py",),
    "yt_dlp": ("nodes/fetch.py",),
    "typer": ("pipeline/cli/",),
    "rich": ("pipeline/cli/",),
    "fastapi": ("pipeline/server/",),
    "starlette": ("pipeline/server/",),
    "uvicorn": ("pipeline/server/",),
    "jinja2": ("pipeline/report/",),
    "moviepy": ("nodes/compare.py", "pipeline/scripting/", "pipeline/report/"),
    "pickle": (),
    "shelve": (),
    "requests": (),
}
"""Where a library may be imported; a folder ends with a slash."""
MAY_CATCH_ALL = (
    "pipeline/jobs/manager.py",
    "pipeline/runner/",
    "pipeline/api.py",
    "pipeline/core/plugins.py",
    "pipeline/core/registry.py",
    "pipeline/cli/",
    "pipeline/scripting/",
)
LONGEST_FILE_LINES = 400
LONGEST_FUNCTION_LINES = 60


@dataclass(frozen=True)
class Import:
    """One import: `target` is the dotted path from the package's root, or of another package where `outside`."""

    line: int
    target: str
    outside: bool


def imports(path: str, tree: ast.Module) -> Iterator[Import]:
    """Find all imports of a file, wherever in it they stand."""
    folder = path.split("/")[:-1]
    for found in ast.walk(tree):
        if isinstance(found, ast.Import):
            for each in found.names:
                yield Import(found.lineno, each.name, outside=True)
        elif isinstance(found, ast.ImportFrom) and not found.level:
            yield Import(found.lineno, found.module or "", outside=True)
        elif isinstance(found, ast.ImportFrom):
            base = folder[: len(folder) - found.level + 1]
            for each in [found.module] if found.module else [alias.name for alias in found.names]:
                yield Import(found.lineno, ".".join([*base, each]), outside=False)


def goes_up(path: str, tree: ast.Module) -> Iterator[str]:
    """A room of `pipeline` imports from a floor that is not below its own."""
    context = _room(path.removesuffix(".py").replace("/", "."))
    if context is None:
        return
    if context not in FLOOR_OF:
        yield f"{path}: the room {context!r} has no floor; give it one in tests/support/house.py"
        return
    for each in imports(path, tree):
        other = None if each.outside else _room(each.target)
        if other not in (None, context) and FLOOR_OF.get(other, 99) >= FLOOR_OF[context]:
            yield f"{path}:{each.line}: {context} imports {other}, which is not on a floor below"


def _room(dotted: str) -> str | None:
    parts = dotted.split(".")
    return parts[1] if parts[0] == "pipeline" and len(parts) > 1 and parts[1] != "__init__" else None


def knows_nodes(path: str, tree: ast.Module) -> Iterator[str]:
    """`pipeline` imports a node, or a node imports another one."""
    for each in imports(path, tree):
        if not each.outside and each.target.partition(".")[0] == "nodes":
            yield f"{path}:{each.line}: imports {each.target}; nodes are known by the registry alone"


def names_the_package(path: str, tree: ast.Module) -> Iterator[str]:
    """A file of the package imports it by its installed name, which is another one inside ComfyUI."""
    for each in imports(path, tree):
        if each.outside and each.target.partition(".")[0] in ("react1", "nodes", "pipeline", "presets"):
            yield f"{path}:{each.line}: imports {each.target}; inside the package imports are relative"


def strays(path: str, tree: ast.Module) -> Iterator[str]:
    """A library is imported outside of the rooms that it is kept in."""
    for each in imports(path, tree):
        rooms = KEPT_IN.get(each.target.partition(".")[0]) if each.outside else None
        if rooms is not None and not path.startswith(rooms):
            yield f"{path}:{each.line}: imports {each.target}, kept in {', '.join(rooms) or 'no room'}"


_STARTERS = {"system", "popen", "fork", "create_subprocess_exec", "create_subprocess_shell"}


def starts_processes(path: str, tree: ast.Module) -> Iterator[str]:
    """A process is started in another way than by pipeline/media/process.py."""
    for found in ast.walk(tree):
        if isinstance(found, ast.Attribute) and isinstance(found.value, ast.Name):
            name, owner = found.attr, found.value.id
            spawns = name.startswith(("spawn", "exec")) and owner == "os"
            if owner in ("os", "asyncio") and (name in _STARTERS or spawns):
                yield f"{path}:{found.lineno}: {owner}.{name} starts a process; use Room.call"


def prints(path: str, tree: ast.Module) -> Iterator[str]:
    """Something is printed outside of the command line's room."""
    if path.startswith("pipeline/cli/"):
        return
    for found in ast.walk(tree):
        if isinstance(found, ast.Call) and isinstance(found.func, ast.Name) and found.func.id == "print":
            yield f"{path}:{found.lineno}: prints; only pipeline/cli does"


def catches_all(path: str, tree: ast.Module) -> Iterator[str]:
    """Every exception is caught, away from the runner's edge and the loaders of foreign code."""
    if path.startswith(MAY_CATCH_ALL):
        return
    for found in ast.walk(tree):
        if isinstance(found, ast.ExceptHandler) and not _raises_on(found):
            names = {each.id for each in ast.walk(found.type) if isinstance(each, ast.Name)} if found.type else {"all"}
            if names & {"all", "Exception", "BaseException"}:
                yield f"{path}:{found.lineno}: catches every exception; name the ones that are meant"


def _raises_on(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def is_silent(path: str, tree: ast.Module) -> Iterator[str]:
    """A module does not say what it is for."""
    if len((ast.get_docstring(tree) or "").split()) < 3:
        yield f"{path}:1: has no docstring that says what it is for"


def is_too_long(path: str, tree: ast.Module, lines: int = 0) -> Iterator[str]:
    """A file or a function is longer than a reader can hold."""
    ends = [found.end_lineno or 0 for found in tree.body]
    length = lines or max(ends, default=0)
    if length > LONGEST_FILE_LINES and path != "testing.py":
        yield f"{path}: has {length} lines, at most {LONGEST_FILE_LINES}: part it by purpose"
    for found in ast.walk(tree):
        if isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef)):
            size = (found.end_lineno or 0) - found.lineno + 1
            if size > LONGEST_FUNCTION_LINES:
                yield f"{path}:{found.lineno}: {found.name} has {size} lines, at most {LONGEST_FUNCTION_LINES}"


RULES: tuple[Callable[[str, ast.Module], Iterator[str]], ...] = (
    goes_up,
    knows_nodes,
    names_the_package,
    strays,
    starts_processes,
    prints,
    catches_all,
    is_silent,
    is_too_long,
)


def package_files() -> list[str]:
    """Name every Python file of the package, from the root."""
    found = [
        *ROOT.glob("*.py"),
        *ROOT.glob("nodes/**/*.py"),
        *ROOT.glob("pipeline/**/*.py"),
        *ROOT.glob("presets/*.py"),
    ]
    return sorted(file.relative_to(ROOT).as_posix() for file in found)


def tree_of(path: str) -> ast.Module:
    """Parse a file of the package."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), path)
