"""Loading a native library without what it does not need."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from react1.pipeline.engine.quiet import quiet_import


def test_matplotlib_is_loaded_when_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that imports matplotlib loads without it; its function that draws finds it later."""
    (tmp_path / "matplotlib").mkdir()
    (tmp_path / "matplotlib" / "__init__.py").write_text("")
    (tmp_path / "matplotlib" / "pyplot.py").write_text("def show():\n    return 'shown'\n")
    (tmp_path / "drawing_library.py").write_text(
        "import matplotlib.pyplot as plt\ndef draw():\n    return plt.show()\n"
    )
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)

    with quiet_import():
        library = importlib.import_module("drawing_library")

    assert "matplotlib" not in sys.modules
    assert library.draw() == "shown"
    assert sys.modules["matplotlib.pyplot"].show() == "shown"
    for name in ("matplotlib", "matplotlib.pyplot", "drawing_library"):
        monkeypatch.delitem(sys.modules, name)
