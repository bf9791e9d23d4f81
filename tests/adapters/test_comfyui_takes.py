"""Takes in ComfyUI: a contact sheet, a choice, and a take for other packs."""

from __future__ import annotations

import numpy as np
import pytest
from comfyui_jobs import luma, workflow

from react1.pipeline.adapters.comfyui.boxes.take_boxes import OfferedTakes, choices
from react1.pipeline.core.edits.edit import Edit
from react1.pipeline.core.errors import InputMediaError, PresetError

pytestmark = pytest.mark.slow


def with_takes(choice="2"):
    """Return a workflow with two takes to try, a contact sheet and a choice."""
    job = workflow()
    del job["4"]
    job["5"] = {"class_type": "react1_takes_to_try", "inputs": {"prompt": "sad, happy"}}
    job["2"]["inputs"]["takes_to_try"] = ["5", 0]
    job["6"] = {"class_type": "react1_contact_sheet", "inputs": {"takes": ["3", 2]}}
    job["7"] = {"class_type": "react1_pick_take", "inputs": {"takes": ["3", 2], "choice": choice}}
    job["8"] = {"class_type": "UseVIDEO", "inputs": {"value": ["7", 0]}}
    return job


def test_takes_are_shown_and_one_is_chosen(server):
    """Each is rendered once; until one is chosen, what needs the film does not run, and says why."""
    job = with_takes()
    job["9"] = {"class_type": "UseVIDEO", "inputs": {"value": ["3", 0]}}
    happy = server.run(job)
    sad = server.run(with_takes("sad"))
    source = luma(server.film)

    assert "takes wait for a choice" in happy.errors.pop("9")
    assert not {**happy.errors, **sad.errors}
    assert "1  sad" in happy.ui["3"]["text"][0]
    (sheet,) = happy.ui["6"]["images"]
    assert (server.folder / "temp" / sheet["subfolder"] / sheet["filename"]).is_file()
    assert happy.outputs["6"][0][0].shape[0] == 1
    films = [luma(run.outputs["8"][0][0].get_stream_source()) for run in (happy, sad)]
    assert films[0][17] > source[17] + 10
    assert films[1][17] < source[17] - 10
    assert sorted(server.renderer.rendered) == [("happy", 0.8, "face"), ("sad", 0.8, "face")]
    assert sad.ran == ["7", "8"]


def test_a_take_that_failed_keeps_its_number(server, monkeypatch):
    """The second take of the sheet is the second for other packs, although the first has failed."""

    def load():
        if server.renderer.rendered[-1][0] == "sad":
            raise InputMediaError("there is no face")

    monkeypatch.setattr(server.renderer, "load", load)
    job = {name: box for name, box in with_takes().items() if name in ("1", "2", "3", "5", "6")}
    job["3"]["inputs"]["on_failure"] = "keep-original"
    job["7"] = {"class_type": "react1_take", "inputs": {"takes": ["3", 2], "number": 2}}
    job["8"] = {"class_type": "UseIMAGE", "inputs": {"value": ["7", 1]}}

    outcome = server.run(job)
    job["7"]["inputs"]["number"] = 1
    failed = server.run(job)
    job["7"]["inputs"]["number"] = "first"
    unread = server.run(job)
    job["7"]["inputs"]["number"] = -1
    outside = server.run(job)

    assert not outcome.errors
    assert "1  sad (failed)" in outcome.ui["3"]["text"][0]
    assert outcome.ui["7"]["text"] == ["s01 happy"]
    assert failed.errors["7"] == "number: take 1 has failed: there is no face"
    assert unread.errors["7"] == "number: 'first' is not a number"
    assert outside.errors["7"] == "number: there are 2 takes, not -1"


def test_takes_alone_are_for_other_packs_and_spliced_by_pick_take(server):
    """Nothing is spliced before; the pictures are those of the span, and the sound is as long as the clip."""
    job = workflow(run={"splice": False})
    job["5"] = {"class_type": "react1_take", "inputs": {"takes": ["3", 2], "number": 1}}
    for place, kind in enumerate(("VIDEO", "IMAGE", "AUDIO")):
        job[f"6{place}"] = {"class_type": f"Use{kind}", "inputs": {"value": ["5", place]}}
    job["7"] = {"class_type": "react1_contact_sheet", "inputs": {"takes": ["3", 2]}}

    outcome = server.run(job)
    job["5"]["inputs"]["number"] = 2

    video, images, sound = (outcome.outputs[f"6{place}"][0][0] for place in range(3))
    assert len(luma(video.get_stream_source())) == 8 + 15 + 8
    assert images.shape == (15, 90, 160, 3)
    assert (images.dtype, images.min() >= 0, images.max() <= 1) == (np.float32, True, True)
    assert sound["waveform"].shape[:2] == (1, 2)
    assert abs(sound["waveform"].shape[2] / sound["sample_rate"] - 31 / 25) < 0.01
    assert outcome.outputs["7"][0][0].ndim == 4
    assert "only takes were made" in outcome.errors["4"]
    assert "there are 1 takes, not 2" in server.run(job).errors["5"]

    job = {name: box for name, box in job.items() if name in "123"}
    job["7"] = {"class_type": "react1_pick_take", "inputs": {"takes": ["3", 2], "choice": "1"}}
    job["8"] = {"class_type": "UseVIDEO", "inputs": {"value": ["7", 0]}}
    spliced, source = luma(server.run(job).outputs["8"][0][0].get_stream_source()), luma(server.film)
    assert (len(spliced), spliced[2]) == (len(source), source[2])
    assert spliced[17] < source[17] - 10
    assert len(server.renderer.rendered) == 1


OFFERS = [OfferedTakes(name, Edit(in_=0, out=1), ("sad-0.4", "happy-0.4")) for name in ("s01", "s02")]


@pytest.mark.parametrize(
    ("text", "offers", "expected"),
    [
        ("2", OFFERS[:1], {"s01": "happy-0.4"}),
        ("sad-0.4", OFFERS, {"s01": "sad-0.4", "s02": "sad-0.4"}),
        ("s01=1, s02=happy-0.4", OFFERS, {"s01": "sad-0.4", "s02": "happy-0.4"}),
        ("1, s02=2", OFFERS, {"s01": "sad-0.4", "s02": "happy-0.4"}),
    ],
)
def test_a_choice_is_a_number_or_a_name(text, offers, expected):
    """For one segment, or for each."""
    assert choices(text, offers) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3", "s01 has takes 1 sad-0.4, 2 happy-0.4, not 3"),
        ("hapy-0.4", "did you mean 'happy-0.4'"),
        ("s1=1", "did you mean 's01'"),
        ("s01=1", "s02 has none; write s02=TAKE"),
        ("1, 2", "has several takes"),
        ("", "s01 has none"),
    ],
)
def test_a_wrong_choice_lists_the_takes(text, message):
    """The message says what to write."""
    with pytest.raises(PresetError, match=message):
        choices(text, OFFERS)
