"""The single steps in ComfyUI, run inside an event loop and through ComfyUI's caching."""

from __future__ import annotations

import pytest
from comfyui_jobs import digest, luma, steps

from react1.pipeline.adapters.comfyui import all_boxes

pytestmark = pytest.mark.slow


def test_another_emotion_gives_another_film(server):
    """In the edit, and in the box of the model where the edit leaves it open; a segment is cut once."""
    films = [server.run(steps(*edit)).outputs["11"][0][0] for edit in (("sad",), ("happy",), ("angry", 0.2))]
    lips = server.run(steps("angry", 0.2, react1={"model_mode": "lips"})).outputs["11"][0][0]

    sad, happy, angry = (luma(film)[17] for film in films)
    assert sad < angry - 10 < happy - 20
    assert len({digest(film) for film in (*films, lips)}) == 4
    assert server.renderer.rendered[-1] == ("angry", 0.2, "lips")


def test_a_matrix_without_a_choice_is_refused(server):
    """A single step renders one take."""
    outcome = server.run(steps(matrix="happy, sad"))
    assert "`takes` has no pick; set it to one of happy, sad" in outcome.errors["7"]


def test_a_value_that_is_no_media_is_refused_in_words(server):
    """An output of any type may be connected to it."""
    job = {name: box for name, box in steps().items() if name in ("10", "11")}
    job["10"]["inputs"]["media"] = "film.mp4"

    assert server.run(job).errors == {"10": "media: str is no media; connect a box that gives media"}


def test_a_film_that_changed_under_its_name_is_fetched_again(server):
    """Its old content is not asked for any more."""
    from numbered_clips import make_clip

    server.run(steps())
    server.film.unlink()
    make_clip(server.film, frames=50, size=(160, 90), audio_codec="aac")

    assert len(luma(server.run(steps()).outputs["11"][0][0])) == 50


def test_a_script_that_was_changed_runs_again(server, tmp_path, monkeypatch):
    """Its name in the widget is the same."""
    script = tmp_path / "mine.py"
    monkeypatch.setenv("REACT1_SCRIPT", str(script))
    fingerprints = []
    for text in ("", "", "x = 1"):
        script.write_text(text)
        fingerprints.append(server.classes["react1_script"].IS_CHANGED(function="mine:f", segment=None))

    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


def test_an_empty_out_says_where_the_film_goes():
    """And only boxes whose purpose is a file run by themselves."""
    boxes = all_boxes()
    (out,) = (each for each in boxes["react1_splice"].inputs() if each.name == "out")

    assert "empty: nothing is written; connect it to Media to video" in out.options["tooltip"]
    assert not boxes["react1_normalize_audio"].is_output
    assert all(boxes[f"react1_{name}"].is_output for name in ("compare", "splice", "timeline"))


@pytest.mark.parametrize("name", ["react1_trim", "react1_react1", "react1_splice", "react1_fetch"])
def test_sockets_and_widgets_are_named(name):
    """Sockets have the names of the node's inputs, edits are a socket, and a temperature is a number."""
    box = all_boxes()[name]
    names = {each.name: each for each in box.inputs()}
    ports = {port.name for port in box.info.ports.inputs}

    assert ports <= names.keys()
    assert "edits" not in names or names["edits"].type == "REACT1_EDITS"
    assert "temperature" not in names or names["temperature"].type == "FLOAT"
    assert all(each.options.get("tooltip") or each.name in ports for each in names.values())
    assert not [each.name for each in names.values() if each.options.get("placeholder") == "YAML"]
