"""The folders of the engine import one another in one direction."""

import ast
from pathlib import Path

import pytest

import react1

ENGINE = Path(react1.__file__).parent / "pipeline" / "engine"
ORDER = (
    "geometry",
    "voice",
    "frames",
    "landmarks",
    "occlusion",
    "detect",
    "pose",
    "warp",
    "mouth",
    "planning",
    "render",
)


def imported_folders(module: Path) -> set[str]:
    """Return the sibling folders that a module of the engine imports from."""
    imports = [node for node in ast.walk(ast.parse(module.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)]
    names = {(node.module or node.names[0].name).split(".")[0] for node in imports if node.level == 2}
    return names & set(ORDER)


@pytest.mark.slow
def test_a_folder_imports_only_from_earlier_folders():
    """Every folder is in the order, and imports only from those before it."""
    assert {path.parent.name for path in ENGINE.glob("*/*.py")} == set(ORDER)
    for place, folder in enumerate(ORDER):
        for module in (ENGINE / folder).glob("*.py"):
            assert imported_folders(module) <= set(ORDER[:place]), module.name
