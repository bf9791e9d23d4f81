"""The wheel has the package and its data, and importing the package is cheap."""

import importlib.util
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest
from layers import ROOT, package_files

import react1

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
BESIDES = ["pyproject.toml", "README.md", "LICENSE", "py.typed"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """Build the wheel from a copy of the source, without a network."""
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed: the wheel cannot be built")
    copy, wheel_folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    data = [*ROOT.glob("presets/*"), *(path for path in ROOT.glob("pipeline/**/*.*") if path.suffix != ".pyc")]
    wanted = {*package_files(), *BESIDES, *(file.relative_to(ROOT).as_posix() for file in data if file.is_file())}
    for name in wanted:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy / name)
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        wheel_folder,
        copy,
    ]
    process = subprocess.run(build, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    with zipfile.ZipFile(next(wheel_folder.glob("*.whl"))) as opened:
        yield opened


@pytest.mark.slow
def test_the_wheel_has_every_module(wheel):
    """It has no other modules, and all are under `react1`."""
    shipped = {name for name in wheel.namelist() if name.endswith(".py")}

    assert shipped == {f"react1/{path}" for path in package_files()}


@pytest.mark.slow
def test_the_wheel_installs_no_other_package(wheel):
    """`nodes` and `tests` would collide with other packages."""
    tops = {name.partition("/")[0] for name in wheel.namelist()}

    assert tops == {"react1", f"react1_nodes-{PROJECT['project']['version']}.dist-info"}


@pytest.mark.slow
def test_the_wheel_has_the_data_files(wheel):
    """It has presets, schemas, templates, face networks and `py.typed`."""
    shipped = set(wheel.namelist())
    data = [path for folder in ("presets", "pipeline") for path in (ROOT / folder).glob("**/*") if path.is_file()]
    kinds = (".yaml", ".json", ".html", ".css", ".js", ".j2", ".tflite", ".txt")
    wanted = {f"react1/{path.relative_to(ROOT).as_posix()}" for path in data if path.suffix in kinds}

    assert "react1/py.typed" in shipped
    assert any(name.endswith("presets/emotion-edit.yaml") for name in shipped)
    assert wanted - shipped == set()


@pytest.mark.slow
def test_the_wheel_has_the_command_and_the_licence(wheel):
    """The entry point is `react1`, and the licence is Apache-2.0."""
    info = f"react1_nodes-{PROJECT['project']['version']}.dist-info"

    assert "react1 = react1.pipeline.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()
    assert "License-Expression: Apache-2.0" in wheel.read(f"{info}/METADATA").decode()
    assert b"Apache License" in wheel.read(f"{info}/licenses/LICENSE")


LOOK = """
import sys, time
before = set(sys.modules)
start = time.perf_counter()
import react1
spent = time.perf_counter() - start
new = sorted(set(sys.modules) - before)
names = dir(react1)
Edit = react1.Edit
import json
print(json.dumps({"spent_s": spent, "new": new, "names": names, "edit": Edit.__module__}))
"""


@pytest.mark.slow
def test_importing_the_package_imports_nothing_else():
    """`import react1` loads no other module; a public name is imported on first use."""
    process = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)

    report = json.loads(process.stdout)
    own = {module for module in report["new"] if module.startswith("react1")}
    others = {module.partition(".")[0] for module in report["new"]} - {"react1"}
    assert own == {"react1"}
    assert others <= sys.stdlib_module_names
    assert {"run", "load_preset", "Edit", "__version__", "NODE_CLASS_MAPPINGS"} <= set(report["names"])
    assert report["edit"] == "react1.pipeline.core.edits.edit"
    assert report["spent_s"] < 0.5


def test_the_public_names_are_there():
    """They are those of the README."""
    assert react1.__version__ == PROJECT["project"]["version"]
    assert callable(react1.run)
    assert callable(react1.load_preset)
    with pytest.raises(AttributeError, match="module 'react1' has no attribute 'NO_SUCH_NAME'"):
        _ = react1.NO_SUCH_NAME


def test_every_version_of_a_dependency_has_a_lower_bound():
    """A resolver must not choose a very old version."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    wanted = [*PROJECT["project"]["dependencies"], *(requirement for extra in extras for requirement in extra)]

    assert [
        requirement
        for requirement in wanted
        if not requirement.startswith("react1-nodes") and ">=" not in requirement and "==" not in requirement
    ] == []
