"""The rules of the architecture, as functions of a file's path and source; each yields its violations."""

from __future__ import annotations

import ast
import functools
import graphlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

LAYERS: tuple[tuple[str, ...], ...] = (
    ("core",),
    ("located_yaml", "media", "net"),
    ("engine", "provenance", "scripting", "splicing", "storage"),
    ("conform",),
    ("interchange",),
    ("config", "demo", "report", "store"),
    ("preflight", "providers"),
    ("faces",),
    ("executors",),
    ("jobs",),
    ("python_terms", "runner"),
    ("api", "farm"),
    ("server",),
    ("studio",),
    ("adapters", "cli"),
)
"""The packages of `pipeline`, lowest first; a package imports from lower layers and from itself."""
SPLICING_LAYERS: tuple[tuple[str, ...], ...] = (
    ("container", "matroska", "splice_params"),
    ("mp4", "pictures"),
    ("encoders", "job"),
    ("codecs", "reencode_ranges"),
    ("packet_index",),
    ("packet_writer", "reencode", "remux", "smart_render"),
    ("rate_match",),
    ("rate_limits",),
    ("audio",),
    ("verification",),
    ("feasibility", "strategies"),
    ("splice",),
)
"""The modules and packages of `pipeline/splicing`, lowest first, under the same rule."""
LAYER_OF = {package: number for number, layer in enumerate(LAYERS) for package in layer}
SPLICING_LAYER_OF = {part: number for number, layer in enumerate(SPLICING_LAYERS) for part in layer}

CONFINED_TO: dict[str, tuple[str, ...]] = {
    "subprocess": ("pipeline/media/tools/process.py",),
    "httpx": ("pipeline/net/", "pipeline/storage/", "pipeline/providers/"),
    "obstore": ("pipeline/storage/s3.py", "pipeline/storage/object_bucket.py"),
    "distributed": ("pipeline/executors/cluster_executors.py",),
    "ray": ("pipeline/executors/cluster_executors.py",),
    "yt_dlp": ("nodes/fetch.py",),
    "typer": ("pipeline/cli/",),
    "rich": ("pipeline/cli/",),
    "fastapi": ("pipeline/server/", "pipeline/studio/"),
    "starlette": ("pipeline/server/", "pipeline/studio/"),
    "uvicorn": ("pipeline/server/", "pipeline/studio/"),
    "jinja2": ("pipeline/report/",),
    "c2pa": ("pipeline/provenance/",),
    "cryptography": ("pipeline/provenance/",),
    "moviepy": ("nodes/compare.py", "pipeline/scripting/", "pipeline/report/"),
    "opentelemetry": ("pipeline/core/tracing.py",),
    "pickle": (),
    "shelve": (),
    "requests": (),
}
"""Where a library may be imported; a folder ends with a slash."""
MAY_CATCH_ALL = (
    "pipeline/jobs/manager.py",
    "pipeline/executors/process_executor.py",
    "pipeline/executors/remote.py",
    "pipeline/runner/",
    "pipeline/api.py",
    "pipeline/core/nodes/plugins.py",
    "pipeline/core/nodes/registry.py",
    "pipeline/cli/",
    "pipeline/scripting/",
    "pipeline/adapters/comfyui/work.py",
    "pipeline/adapters/comfyui/conversions/media_values.py",  # values of other packs run those packs' code
    "pipeline/studio/background_work.py",
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
    """Find all imports of a file, at any depth."""
    folder = path.split("/")[:-1]
    for node in every_node(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, outside=True)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield Import(node.lineno, node.module or "", outside=True)
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1]
            for name in [node.module] if node.module else [alias.name for alias in node.names]:
                yield Import(node.lineno, ".".join([*base, name]), outside=False)


def imports_upward(path: str, tree: ast.Module) -> Iterator[str]:
    """A package of `pipeline`, or a part of `splicing`, imports from a layer that is not below its own."""
    yield from _upward(path, tree, 1, LAYER_OF)
    if path.startswith("pipeline/splicing/"):
        yield from _upward(path, tree, 2, SPLICING_LAYER_OF)


def _upward(path: str, tree: ast.Module, depth: int, layer_of: dict[str, int]) -> Iterator[str]:
    """Compare the parts at one depth of the paths of a file and of its imports."""
    own = path.removesuffix(".py").split("/")
    part = _part(own, depth)
    if part is None:
        return
    if part not in layer_of:
        yield f"{path}: {part!r} is in no layer; add it in tests/support/layers.py"
        return
    for item in imports(path, tree):
        target = item.target.split(".")
        other = None if item.outside or target[:depth] != own[:depth] else _part(target, depth)
        if other not in (None, part) and layer_of.get(other, 99) >= layer_of[part]:
            yield f"{path}:{item.line}: {part} imports {other}, which is not in a lower layer"


def _part(parts: list[str], depth: int) -> str | None:
    return parts[depth] if parts[0] == "pipeline" and len(parts) > depth and parts[depth] != "__init__" else None


def imports_a_node(path: str, tree: ast.Module) -> Iterator[str]:
    """`pipeline` imports a node, or a node imports another one."""
    for item in imports(path, tree):
        if not item.outside and item.target.partition(".")[0] == "nodes":
            yield f"{path}:{item.line}: imports {item.target}; only the registry loads nodes"


def imports_by_installed_name(path: str, tree: ast.Module) -> Iterator[str]:
    """A file of the package imports it by its installed name, which is another one inside ComfyUI."""
    for item in imports(path, tree):
        if item.outside and item.target.partition(".")[0] in ("react1", "nodes", "pipeline", "presets"):
            yield f"{path}:{item.line}: imports {item.target}; inside the package imports are relative"


def imports_a_confined_library(path: str, tree: ast.Module) -> Iterator[str]:
    """A library is imported outside the files that it is confined to."""
    for item in imports(path, tree):
        folders = CONFINED_TO.get(item.target.partition(".")[0]) if item.outside else None
        if folders is not None and not path.startswith(folders):
            yield f"{path}:{item.line}: imports {item.target}, which only {', '.join(folders) or 'no file'} may import"


_STARTERS = {"system", "popen", "fork", "create_subprocess_exec", "create_subprocess_shell"}


def starts_a_process(path: str, tree: ast.Module) -> Iterator[str]:
    """A process is started in another way than by pipeline/media/tools/process.py."""
    if path == "pipeline/media/tools/process.py":
        return
    for node in every_node(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name, owner = node.attr, node.value.id
            spawns = name.startswith(("spawn", "exec")) and owner == "os"
            if owner in ("os", "asyncio") and (name in _STARTERS or spawns):
                yield f"{path}:{node.lineno}: {owner}.{name} starts a process; use NodeContext.run_tool"


def prints_text(path: str, tree: ast.Module) -> Iterator[str]:
    """Something is printed outside the command line."""
    if path.startswith("pipeline/cli/"):
        return
    for node in every_node(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"{path}:{node.lineno}: prints; only pipeline/cli does"


def catches_every_exception(path: str, tree: ast.Module) -> Iterator[str]:
    """Every exception is caught, outside the runner and the loaders of plug-ins and scripts."""
    if path.startswith(MAY_CATCH_ALL):
        return
    for node in every_node(tree):
        if isinstance(node, ast.ExceptHandler) and not _raises_on(node):
            names = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else {"all"}
            if names & {"all", "Exception", "BaseException"}:
                yield f"{path}:{node.lineno}: catches every exception; name the ones that are meant"


def _raises_on(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def lacks_a_docstring(path: str, tree: ast.Module) -> Iterator[str]:
    """A module has no docstring."""
    if len((ast.get_docstring(tree) or "").split()) < 3:
        yield f"{path}:1: has no docstring that says what it is for"


def is_too_long(path: str, tree: ast.Module, lines: int = 0) -> Iterator[str]:
    """A file or a function is too long to read."""
    ends = [node.end_lineno or 0 for node in tree.body]
    length = lines or max(ends, default=0)
    if length > LONGEST_FILE_LINES:
        yield f"{path}: has {length} lines, at most {LONGEST_FILE_LINES}: split it by purpose"
    for node in every_node(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            size = (node.end_lineno or 0) - node.lineno + 1
            if size > LONGEST_FUNCTION_LINES:
                yield f"{path}:{node.lineno}: {node.name} has {size} lines, at most {LONGEST_FUNCTION_LINES}"


def import_cycle(trees: Mapping[str, ast.Module]) -> list[str]:
    """Return the modules of a cycle of imports that run when a module is loaded; empty if there is none.

    Imports inside functions and under `if TYPE_CHECKING` do not run then. Such a cycle works for one order of loading
    and fails for another.
    """
    modules = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in trees}
    graph = {
        name: {target for target in _loaded_with(path, trees[path]) if target in modules and target != name}
        for name, path in modules.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def _loaded_with(path: str, tree: ast.Module) -> Iterator[str]:
    folder, pending = path.split("/")[:-1], [*tree.body]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If):
            pending += node.orelse if "TYPE_CHECKING" in ast.unparse(node.test) else [*node.body, *node.orelse]
        elif isinstance(node, (ast.Try, ast.With, ast.ClassDef)):
            pending += node.body
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = [*folder[: len(folder) - node.level + 1], *(node.module or "").split(".")]
            target = ".".join(part for part in base if part)
            yield target
            yield from (f"{target}.{alias.name}" for alias in node.names)


RULES: tuple[Callable[[str, ast.Module], Iterator[str]], ...] = (
    imports_upward,
    imports_a_node,
    imports_by_installed_name,
    imports_a_confined_library,
    starts_a_process,
    prints_text,
    catches_every_exception,
    lacks_a_docstring,
    is_too_long,
)


def package_files() -> list[str]:
    """Return every Python file of the package, from the root."""
    files = [
        *ROOT.glob("*.py"),
        *ROOT.glob("nodes/**/*.py"),
        *ROOT.glob("pipeline/**/*.py"),
        *ROOT.glob("plugin/*.py"),
        *ROOT.glob("presets/*.py"),
        *ROOT.glob("testing/*.py"),
    ]
    return sorted(file.relative_to(ROOT).as_posix() for file in files)


@functools.cache
def every_node(tree: ast.Module) -> tuple[ast.AST, ...]:
    """Return the nodes of a tree, which many rules read, so that it is walked once."""
    nodes: list[ast.AST] = [tree]
    for node in nodes:  # it grows meanwhile; half the time of `ast.walk`
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                nodes += [item for item in value if isinstance(item, ast.AST)]
            elif (
                isinstance(value, ast.AST) and value._fields
            ):  # what has no fields says how a name is used, or is a sign
                nodes.append(value)
    return tuple(nodes)


@functools.cache
def tree_of(path: str) -> ast.Module:
    """Return the syntax tree of a file of the package."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), path)
