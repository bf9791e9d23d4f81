"""The house keeps its rules, and each rule is seen to fail once."""

import ast
import tomllib

import pytest
from layers import FLOORS, ROOT, RULES, package_files, tree_of

FILES = package_files()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rules(rule):
    """Every file of the package, by every rule."""
    broken = [told for path in FILES for told in rule(path, tree_of(path))]

    assert not broken, "\n".join(broken)


PLANTED = [
    ("goes_up", "pipeline/media/probe.py", "from ..runner.scheduler import flow"),
    ("goes_up", "pipeline/core/values.py", "def f():\n    from ..media import probe"),
    ("goes_up", "pipeline/store/keys.py", "from .. import runner"),
    ("goes_up", "pipeline/engine/warp/warp.py", "from ...conform import align"),
    ("goes_up", "pipeline/attic/box.py", "import os"),
    ("knows_nodes", "pipeline/runner/scheduler.py", "from ...nodes.trim import Trim"),
    ("knows_nodes", "pipeline/core/registry.py", "from ... import nodes"),
    ("knows_nodes", "nodes/trim.py", "from .fetch import Fetch"),
    ("knows_nodes", "nodes/trim.py", "from . import fetch"),
    ("names_the_package", "pipeline/api.py", "import react1.pipeline.core.errors"),
    ("names_the_package", "nodes/trim.py", "from pipeline.core.errors import BadInput"),
    ("strays", "pipeline/runner/scheduler.py", "import subprocess"),
    ("strays", "pipeline/media/probe.py", "def f():\n    from subprocess import run"),
    ("strays", "nodes/upload.py", "import httpx"),
    ("strays", "pipeline/net/download.py", "import yt_dlp.utils"),
    ("strays", "pipeline/store/store.py", "import pickle"),
    ("starts_processes", "pipeline/runner/scheduler.py", "import os\nos.system('ls')"),
    ("starts_processes", "nodes/trim.py", "import os\nos.execv('ls', [])"),
    ("starts_processes", "pipeline/runner/scheduler.py", "import asyncio\nasyncio.create_subprocess_exec('ls')"),
    ("prints", "nodes/trim.py", "print('cut')"),
    ("catches_all", "nodes/trim.py", "try:\n    f()\nexcept Exception:\n    pass"),
    ("catches_all", "nodes/trim.py", "try:\n    f()\nexcept:\n    pass"),
    ("catches_all", "nodes/trim.py", "try:\n    f()\nexcept (ValueError, BaseException):\n    pass"),
    ("is_silent", "pipeline/api.py", "import os"),
    ("is_silent", "pipeline/api.py", '"""."""'),
    ("is_too_long", "pipeline/api.py", "\n" * 400 + "x = 1"),
    ("is_too_long", "pipeline/api.py", "def f():\n" + "    x = 1\n" * 60),
]


@pytest.mark.parametrize(("rule", "path", "source"), PLANTED)
def test_a_planted_fault_is_found(rule, path, source):
    """By the rule that is there for it."""
    found = {each.__name__: list(each(path, ast.parse(source))) for each in RULES}

    assert found[rule]
    assert found[rule][0].startswith(path)


ALLOWED = [
    ("pipeline/media/process.py", "import subprocess"),
    (
        "pipeline/providers/segmind/client.py",
        "import httpx\nfrom ..media.probe import probe\nfrom .request import choose",
    ),
    ("nodes/fetch.py", "def f():\n    import yt_dlp\n    from ..pipeline.media.probe import probe"),
    ("pipeline/cli/commands/show.py", "print('run')"),
    ("nodes/trim.py", "try:\n    f()\nexcept BaseException:\n    undo()\n    raise"),
    ("__init__.py", "from .pipeline.api import run"),
]


@pytest.mark.parametrize(("path", "source"), ALLOWED)
def test_what_is_allowed_is_not_found(path, source):
    """A rule that cries at everything would be switched off."""
    tree = ast.parse(f'"""Do one thing well."""\n{source}')

    assert not [told for rule in RULES for told in rule(path, tree)]


def test_no_room_stands_on_two_floors():
    """Else the order would mean nothing."""
    rooms = [context for floor in FLOORS for context in floor]

    assert len(rooms) == len(set(rooms))


def test_the_root_holds_the_public_modules_alone():
    """Any other would be shipped as a module of the package."""
    assert sorted(file.name for file in ROOT.glob("*.py")) == ["__init__.py", "__main__.py", "plugin.py", "testing.py"]


def test_every_package_folder_is_named_in_pyproject():
    """Setuptools ships what is named, and nothing else."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    folders = {path.rpartition("/")[0] for path in FILES if path.endswith("__init__.py")}

    assert sorted(named) == sorted(".".join(["react1", *filter(None, folder.split("/"))]) for folder in folders)


def test_every_folder_with_python_in_it_is_a_package():
    """A folder without `__init__.py` works from the checkout and is missing from the wheel."""
    folders = {path.rpartition("/")[0] for path in FILES}

    assert [folder for folder in sorted(folders) if not (ROOT / folder / "__init__.py").is_file()] == []
