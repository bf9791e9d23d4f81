"""The package follows the rules of the architecture, and each rule is seen to fail once."""

import ast
import tomllib
from collections import Counter

import pytest
from layers import LAYERS, ROOT, RULES, SPLICING_LAYERS, import_cycle, package_files, tree_of

FILES = package_files()
MOST_MODULES = 16


def test_the_package_follows_the_rules():
    """Every file of the package, by every rule."""
    violations = [f"{rule.__name__}: {line}" for rule in RULES for path in FILES for line in rule(path, tree_of(path))]

    assert not violations, "\n".join(violations)


def test_no_imports_run_in_a_circle():
    """Whichever module is loaded first, no name is missing from a module that is loaded halfway."""
    assert import_cycle({path: tree_of(path) for path in FILES}) == []


@pytest.mark.parametrize("how", ["from .two import b", "try:\n    from . import two\nexcept ImportError:\n    pass"])
def test_a_planted_circle_is_found(how):
    """But not where an import runs later, or never."""
    back = "def f():\n    from .one import a\nif TYPE_CHECKING:\n    from .one import a"
    modules = {"pipeline/box/one.py": how, "pipeline/box/two.py": back, "pipeline/box/__init__.py": ""}

    assert import_cycle({path: ast.parse(source) for path, source in modules.items()}) == []
    modules["pipeline/box/two.py"] += "\nfrom .one import a"
    assert import_cycle({path: ast.parse(source) for path, source in modules.items()}) != []


PLANTED = [
    ("imports_upward", "pipeline/media/probe.py", "from ..runner.scheduling.scheduler import flow"),
    ("imports_upward", "pipeline/core/values.py", "def f():\n    from ..media import probe"),
    ("imports_upward", "pipeline/store/keys.py", "from .. import runner"),
    ("imports_upward", "pipeline/engine/warp/warp.py", "from ...conform import align"),
    ("imports_upward", "pipeline/attic/box.py", "import os"),
    ("imports_upward", "pipeline/splicing/mp4/rewrite.py", "from ..smart_render import plan"),
    ("imports_upward", "pipeline/splicing/audio/dialogue.py", "from .. import strategies"),
    ("imports_upward", "pipeline/splicing/attic.py", "import os"),
    ("imports_a_node", "pipeline/runner/execute.py", "from ...nodes.trim import Trim"),
    ("imports_a_node", "pipeline/core/nodes/registry.py", "from .... import nodes"),
    ("imports_a_node", "nodes/trim.py", "from .fetch import Fetch"),
    ("imports_a_node", "nodes/trim.py", "from . import fetch"),
    ("imports_by_installed_name", "pipeline/api.py", "import react1.pipeline.core.errors"),
    ("imports_by_installed_name", "nodes/trim.py", "from pipeline.core.errors import BadInput"),
    ("imports_a_confined_library", "pipeline/runner/execute.py", "import subprocess"),
    ("imports_a_confined_library", "pipeline/media/probe.py", "def f():\n    from subprocess import run"),
    ("imports_a_confined_library", "nodes/upload.py", "import httpx"),
    ("imports_a_confined_library", "pipeline/net/download.py", "import yt_dlp.utils"),
    ("imports_a_confined_library", "pipeline/store/store.py", "import pickle"),
    ("starts_a_process", "pipeline/runner/execute.py", "import os\nos.system('ls')"),
    ("starts_a_process", "nodes/trim.py", "import os\nos.execv('ls', [])"),
    (
        "starts_a_process",
        "pipeline/runner/scheduling/scheduler.py",
        "import asyncio\nasyncio.create_subprocess_exec('ls')",
    ),
    ("prints_text", "nodes/trim.py", "print('cut')"),
    ("catches_every_exception", "nodes/trim.py", "try:\n    f()\nexcept Exception:\n    pass"),
    ("catches_every_exception", "nodes/trim.py", "try:\n    f()\nexcept:\n    pass"),
    ("catches_every_exception", "nodes/trim.py", "try:\n    f()\nexcept (ValueError, BaseException):\n    pass"),
    ("lacks_a_docstring", "pipeline/api.py", "import os"),
    ("lacks_a_docstring", "pipeline/api.py", '"""."""'),
    ("is_too_long", "pipeline/api.py", "\n" * 400 + "x = 1"),
    ("is_too_long", "pipeline/api.py", "def f():\n" + "    x = 1\n" * 60),
]


@pytest.mark.parametrize(("rule", "path", "source"), PLANTED)
def test_a_planted_violation_is_found(rule, path, source):
    """By the rule for it."""
    violations = {rule.__name__: list(rule(path, ast.parse(source))) for rule in RULES}

    assert violations[rule]
    assert violations[rule][0].startswith(path)


ALLOWED = [
    ("pipeline/media/tools/process.py", "import subprocess"),
    (
        "pipeline/providers/segmind/client.py",
        "import httpx\nfrom ..media.probe import probe\nfrom .request import choose",
    ),
    ("nodes/fetch.py", "def f():\n    import yt_dlp\n    from ..pipeline.media.probe import probe"),
    ("pipeline/cli/commands/inspection/runs.py", "print('run')"),
    ("nodes/trim.py", "try:\n    f()\nexcept BaseException:\n    undo()\n    raise"),
    ("__init__.py", "from .pipeline.api import run"),
]


@pytest.mark.parametrize(("path", "source"), ALLOWED)
def test_what_is_allowed_passes(path, source):
    """A rule that fires at everything would be switched off."""
    tree = ast.parse(f'"""Do one thing well."""\n{source}')

    assert not [line for rule in RULES for line in rule(path, tree)]


def test_no_package_is_in_two_layers():
    """The order would mean nothing otherwise."""
    packages = [package for layers in (LAYERS, SPLICING_LAYERS) for layer in layers for package in layer]

    assert len(packages) == len(set(packages))


def test_the_root_holds_the_public_modules_alone():
    """Any other would be shipped as a module of the package."""
    assert sorted(file.name for file in ROOT.glob("*.py")) == ["__init__.py", "__main__.py"]


def test_every_package_folder_is_named_in_pyproject():
    """Setuptools ships what is named, and nothing else."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    folders = {path.rpartition("/")[0] for path in FILES if path.endswith("__init__.py")}

    assert sorted(named) == sorted(".".join(["react1", *filter(None, folder.split("/"))]) for folder in folders)


def test_every_folder_with_python_in_it_is_a_package():
    """A folder without `__init__.py` works from the checkout and is missing from the wheel."""
    folders = {path.rpartition("/")[0] for path in FILES}

    assert [folder for folder in sorted(folders) if not (ROOT / folder / "__init__.py").is_file()] == []


def test_no_folder_has_more_modules_than_a_reader_can_keep_apart():
    """Except `nodes`, which has one module per node."""
    names = [
        path.rpartition("/") for path in FILES if path.startswith("pipeline/") and not path.endswith("__init__.py")
    ]
    sizes = Counter(folder for folder, _, _ in names)

    assert {folder: count for folder, count in sizes.items() if count > MOST_MODULES} == {}
