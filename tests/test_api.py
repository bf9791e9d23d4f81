"""The Python API makes the same checks as the command line."""

from __future__ import annotations

import asyncio

import pytest

from react1 import Edit, load_preset, run
from react1.pipeline.core.errors import InputMediaError, PresetError, React1Error

SAD = {"in": 0.2, "out": 0.6, "prompt": "sad"}


@pytest.fixture
def text_file(tmp_path):
    path = tmp_path / "film.txt"
    path.write_text("not a film")
    return path


@pytest.mark.parametrize(
    "edits",
    [[Edit.model_validate(SAD)], [SAD], SAD, Edit.model_validate(SAD), "0.2-0.6:sad", ["0.2-0.6:sad"]],
    ids=["list of Edit", "list of dict", "dict", "Edit", "text", "list of text"],
)
def test_edits_may_have_any_form(text_file, tmp_path, edits):
    """Each form is accepted; the run then fails because the film is a text file."""
    with pytest.raises(InputMediaError, match=r"film\.txt"):
        run("prepare", source=text_file, edits=edits, home=tmp_path / "home", out=tmp_path / "out")


def test_edits_may_be_the_path_of_a_list(text_file, tmp_path):
    """The list is read; the run then fails because the film is a text file."""
    (tmp_path / "cut.edl").write_text("001  A  V  C  00:00:01:00 00:00:02:00 00:00:01:00 00:00:02:00\n* react1: sad\n")

    with pytest.raises(InputMediaError, match=r"film\.txt"):
        run("prepare", source=text_file, edits=tmp_path / "cut.edl", home=tmp_path / "home", out=tmp_path / "out")
    with pytest.raises(PresetError, match=r"none\.edl: cannot be read"):
        run("prepare", source="https://host/film.mp4", edits=tmp_path / "none.edl", home=tmp_path / "home")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"source": None, "edits": SAD}, "source"),
        ({"source": b"film.mp4", "edits": SAD}, "not bytes"),
        ({"source": "film.mp4", "edits": [{**SAD, "prompt": "hapy"}]}, "edits[0].prompt"),
        ({"source": "film.mp4", "edits": [7]}, "edits[0]"),
        ({"sauce": "film.mp4", "edits": SAD}, "did you mean 'source'"),
        ({"source": "film.mp4", "edits": SAD, "max_cost": -1}, "max"),
    ],
)
def test_wrong_arguments_are_a_preset_error(tmp_path, inputs, message):
    """No internal TypeError is raised, and nothing is written."""
    with pytest.raises(PresetError) as caught:
        run("emotion-edit", home=tmp_path / "home", **inputs)

    assert message in str(caught.value)
    assert not (tmp_path / "home").exists()


def test_a_preset_can_be_inspected_before_it_runs(tmp_path, text_file):
    """It lists its inputs, and it can be passed to `run`."""
    preset = load_preset("emotion-edit")

    assert {"source", "edits", "out"} <= set(preset.inputs)
    with pytest.raises(InputMediaError):
        run(preset, source=text_file, edits=SAD, home=tmp_path / "home", provider="local")
    with pytest.raises(PresetError, match="did you mean 'emotion-edit'"):
        load_preset("emotion-edt")


def test_run_works_inside_a_running_event_loop(text_file, tmp_path):
    """A notebook has one."""

    async def cell():
        with pytest.raises(React1Error, match=r"film\.txt"):
            run("prepare", source=text_file, edits=SAD, home=tmp_path / "home", out=tmp_path / "out")
        return True

    assert asyncio.run(cell())
