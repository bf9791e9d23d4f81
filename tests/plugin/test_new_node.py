"""`react1 new-node` writes a package that passes its own tests at once."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from react1.pipeline.cli.commands.upkeep import new_node
from react1.pipeline.cli.commands.upkeep.new_node import write_package
from react1.pipeline.core.errors import PresetError


@pytest.mark.slow
def test_the_package_passes_its_own_tests(tmp_path):
    """In a folder with a space in its name, without an installation."""
    folder = tmp_path / "my nodes"
    write_package("add_grain", folder)

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=folder, capture_output=True, text=True
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " passed" in ran.stdout
    assert " skipped" not in ran.stdout


def test_the_package_is_typed(tmp_path):
    """Its test too, so that a strict type checker has nothing to say of a new package."""
    write_package("add_grain", tmp_path / "new")

    functions = [
        node
        for path in (tmp_path / "new").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]

    assert len(functions) > 5
    for function in functions:
        arguments = [argument for argument in function.args.args if argument.arg != "self"]
        assert function.returns and all(argument.annotation for argument in arguments), function.name


def test_the_next_command_can_be_pasted(tmp_path, monkeypatch):
    """Into a shell, also where the folder has a space in its name."""
    lines, folder = [], tmp_path / "my nodes"
    monkeypatch.setattr(new_node, "out", lines.append)
    new_node.command("add_grain", folder)

    assert lines[-1].startswith(f"next: cd '{folder}' && pip install")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Add-Grain", "'Add-Grain' cannot name a node; use lower case, digits and underscores, such as add_grain"),
        ("class", "'class' cannot name a node"),
        ("none", "'none' cannot name a node"),
        ("segment", "'segment' cannot name a node"),
        ("clip_recipe", "'clip_recipe' cannot name a node"),
        ("splice", "the node 'splice' exists already; choose another name"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(tmp_path, name, text):
    """And nothing is written."""
    with pytest.raises(PresetError, match="node") as caught:
        write_package(name, tmp_path / "new")

    assert caught.value.message.startswith(text)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_not_empty_is_refused(tmp_path):
    """Nothing there is overwritten."""
    (tmp_path / "README.md").write_text("mine")

    with pytest.raises(PresetError, match="is not an empty folder"):
        write_package("add_grain", tmp_path)

    assert (tmp_path / "README.md").read_text() == "mine"
