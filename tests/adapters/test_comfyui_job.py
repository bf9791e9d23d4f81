"""The whole job in ComfyUI, run inside an event loop and through ComfyUI's caching."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from comfyui_jobs import digest, luma, packets, saved, workflow

from react1.pipeline.media.probe import WITHOUT_STEREO_MODE

SPAN = range(10, 25)
RAMP = 3
"""The frames of a dissolve in each handle."""

pytestmark = pytest.mark.slow


def test_another_emotion_changes_the_film(server):
    """Only the edited frames change; an unchanged workflow runs nothing again."""
    films, source = {}, luma(server.film)
    for prompt, temperature in (("sad", 0.8), ("happy", 0.8), ("angry", 0.2)):
        outcome = server.run(workflow(prompt=prompt, temperature=temperature))
        assert not outcome.errors
        films[prompt] = luma(outcome.outputs["4"][0][0])
    again = server.run(workflow(prompt="angry", temperature=0.2))

    middle = slice(SPAN.start + RAMP, SPAN.stop - RAMP)
    changes = {prompt: (film - source)[middle].mean() for prompt, film in films.items()}
    assert changes["sad"] < -10 < 10 < changes["angry"] < changes["happy"]
    outside = [n for n in range(len(source)) if n not in range(SPAN.start - RAMP, SPAN.stop + RAMP)]
    assert all(np.abs(film - source)[outside].max() < 0.5 for film in films.values())
    assert again.ran == []
    assert len({digest(path) for path in saved(server).values()}) == 3


def test_a_file_backed_video_keeps_its_packets(server):
    """A foreign node may load the film, and the saved film has the source's packets outside the edit."""
    job = workflow()
    job["1"] = {"class_type": "LoadVideo", "inputs": {"path": str(server.film)}}
    job["5"] = {"class_type": "UseVIDEO", "inputs": {"value": ["3", 0]}}

    outcome = server.run(job)

    before, after = packets(server.film), packets(outcome.outputs["4"][0][0])
    first_gop = [key for key in before if key[0] == 0][:6]
    assert [after.get(key) == before[key] for key in first_gop] == [True] * 6
    assert {key: data for key, data in before.items() if key[0] == 1}.items() <= after.items()
    assert luma(outcome.outputs["5"][0][0].get_stream_source()).shape == luma(server.film).shape


def test_a_video_of_pictures_works_and_is_said_to_be_encoded(server):
    """Another pack's pictures have no file."""
    import sys
    from fractions import Fraction

    from comfyui import video_of_pictures

    pictures = np.stack([np.full((72, 96, 3), 0.3 + 0.01 * n, np.float32) for n in range(30)])
    sound = {"waveform": np.zeros((1, 1, 57_600), np.float32), "sample_rate": 48_000}
    video = video_of_pictures(pictures, Fraction(25), sound)
    server.classes["LoadVideo"].execute = lambda self, path, **hidden: {"ui": {}, "result": (video,)}
    job = workflow(edit={"in": "8f", "out": "20f"})
    job["1"] = {"class_type": "LoadVideo", "inputs": {"path": ""}}
    assert "torch" in sys.modules

    outcome = server.run(job)

    film = luma(outcome.outputs["4"][0][0])
    assert len(film) == 30
    assert np.abs(film[:4] - [255 * (0.3 + 0.01 * n) for n in range(4)]).max() < 3
    assert film[14] < film[2] - 4
    assert "came as pictures" in outcome.ui["3"]["text"][0]
    assert "is left out" not in outcome.ui["3"]["text"][0]


def test_results_and_progress_are_shown(server):
    """The box shows film, report and checks, also in the history, and its bar rises to the end."""
    outcome = server.run(workflow())

    (preview,), (text,) = outcome.ui["3"]["images"], outcome.ui["3"]["text"]
    assert (server.folder / preview["type"] / preview["subfolder"] / preview["filename"]).is_file()
    assert "s01: frames 10–24, local" in text
    assert "report.html" in text
    assert outcome.ui["3"]["animated"] == [True]
    assert outcome.ui["4"]["images"] == [{"filename": "film_00001_.mp4", "subfolder": "react1", "type": "output"}]
    assert ("3", text) in server.texts
    shares = [share for node, share in server.shares if node == "3"]
    assert shares == sorted(shares)
    assert (len(shares) > 5, shares[-1]) == (True, 1.0)


def test_a_film_that_changed_under_its_name_is_read_again(server):
    """The fingerprint is the content; the same content under a new time is the same."""
    from numbered_clips import make_clip

    first = server.run(workflow())
    server.film.touch()
    same = server.run(workflow())
    make_clip(server.film, frames=50, size=(160, 90), audio_codec="aac")
    changed = server.run(workflow())

    assert same.ran == []
    assert {"1", "3", "4"} <= set(changed.ran)
    assert [len(luma(run.outputs["4"][0][0])) for run in (first, changed)] == [40, 50]


def test_a_deleted_film_is_made_again(server):
    """Whether the saved one is gone, or the one in the store."""
    server.run(workflow())
    runs = []
    for folder in ("output/react1", "user/__react1/objects"):
        for path in (server.folder / folder).rglob("*.mp4"):
            path.unlink()
        runs.append(server.run(workflow()))
    unchanged = server.run(workflow())

    assert [sorted(run.ran) for run in (*runs, unchanged)] == [["4"], ["3", "4"], []]
    assert len({digest(run.outputs["4"][0][0]) for run in (*runs, unchanged)}) == 1


def test_content_that_the_store_marks_as_used_is_not_changed(server):
    """A shared store sets the time of content whenever it is read or stored again; what shows it stays as well."""
    first = server.run(workflow())
    film = Path(first.outputs["3"][0][0].get_stream_source())

    os.utime(film)
    again = server.run(workflow())
    films = saved(server)
    preview = server.run(workflow(run={"on_failure": "keep-original"})).ui["3"]["images"]

    assert (again.ran, again.errors) == ([], {})
    assert len(films) == 1
    assert preview == first.ui["3"]["images"]


def test_stop_ends_a_render_and_the_next_run_goes_on(server):
    """The render would never end by itself; what was done before it is not done again."""
    server.renderer.held.set()
    stopper = threading.Thread(target=lambda: (server.renderer.started.wait(30), server.stop.set()))
    before = threading.enumerate()  # another test's plug-in may still hang
    stopper.start()
    stopped = server.run(workflow())
    stopper.join()
    threads = [
        thread.name for thread in threading.enumerate() if thread.name.startswith("react1") and thread not in before
    ]
    server.renderer.held.clear()
    resumed = server.run(workflow())

    assert stopped.interrupted
    assert not stopped.errors
    assert threads == []
    assert not server.stop.is_set()
    assert not resumed.errors
    assert len(server.renderer.rendered) == 2
    assert "runs" in {path.name for path in (server.folder / "user" / "__react1").iterdir()}


def test_stop_does_not_wait_for_a_library_that_loads(server, monkeypatch):
    """The box ends while the render is still blocked; the next run waits for nothing and gives the film."""
    blocked = threading.Event()
    monkeypatch.setattr("react1.pipeline.adapters.comfyui.work._GRACE_S", 0.1)
    monkeypatch.setattr(server.renderer, "load", lambda: (server.renderer.started.set(), blocked.wait(60)))
    stopper = threading.Thread(target=lambda: (server.renderer.started.wait(30), server.stop.set()))
    stopper.start()
    stopped = server.run(workflow())
    stopper.join()
    still = [thread for thread in threading.enumerate() if thread.name == "react1-box"]
    blocked.set()
    for thread in still:
        thread.join(30)
    resumed = server.run(workflow())

    assert stopped.interrupted and not stopped.errors
    assert len(still) == 1 and not still[0].is_alive()
    assert not resumed.errors


def test_stop_before_the_work_begins_is_not_lost():
    """ComfyUI tells it once; the work is not begun."""
    from react1.pipeline.adapters.comfyui.work import _WorkThread

    begun = []

    async def work():
        begun.append(True)

    thread = _WorkThread(work)
    thread.cancel()
    thread.start()
    thread.join(30)

    assert thread.cancelled and thread.ended.is_set()
    assert not begun


def test_stop_ends_the_copy_of_a_film(server, monkeypatch):
    """A copy of many gigabytes asks by itself whether to stop; nothing of it stays."""
    from react1.pipeline.adapters.comfyui import folders
    from react1.pipeline.core.cancellation import raise_if_stopped

    def copy(source, target):
        target.write_bytes(b"begun")
        server.stop.set()
        for _ in range(100):
            raise_if_stopped()
            time.sleep(0.05)

    monkeypatch.setattr(folders, "copy_file", copy)
    job = {
        "1": {"class_type": "react1_load_film", "inputs": {"file": "film.mp4"}},
        "2": {"class_type": "react1_save_film", "inputs": {"video": ["1", 0], "filename_prefix": "react1/film"}},
    }

    stopped = server.run(job)

    assert stopped.interrupted and not stopped.errors
    assert not [thread for thread in threading.enumerate() if thread.name == "react1-box"]
    assert not any(path.is_file() for path in (server.folder / "output").rglob("*"))


def test_settings_change_the_job(server):
    """The run has what the boxes set, and the take's own noise shows where the complete frame is used."""
    job = workflow()
    job["5"] = {"class_type": "react1_settings", "inputs": {"composite": "frame", "seam_frames": 1, "handles": "4f"}}
    job["3"]["inputs"]["settings"] = ["5", 0]

    changed, usual = (server.run(item).outputs["4"][0][0] for item in (job, workflow()))

    (run, _) = sorted((server.folder / "user" / "__react1" / "runs").iterdir())
    document = json.loads((run / "run.json").read_text())["document"]
    params = {step["id"]: step["params"] for step in document["steps"]}
    assert (params["splice"]["seam"]["frames"], params["trim"]["handles"]) == (1, "4f")
    assert digest(changed) != digest(usual)


def test_a_setting_that_the_preset_does_not_have_is_refused(server):
    """The message names the box's input and the preset."""
    job = workflow(run={"preset": "preview", "max_cost_usd": 0.0})
    job["5"] = {"class_type": "react1_settings", "inputs": {"composite": "face"}}
    job["3"]["inputs"]["settings"] = ["5", 0]

    assert "settings: the preset preview has no composite" in server.run(job).errors["3"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"handles": "x"}, "handles: 'x' is not a time"), ({"start_tc": "1:2"}, "start_tc: '1:2' is not a time")],
)
def test_a_wrong_value_is_named_by_its_widget(server, settings, message):
    """Also one that only the job refuses."""
    job = workflow()
    job["5"] = {"class_type": "react1_settings", "inputs": settings}
    job["3"]["inputs"]["settings"] = ["5", 0]

    assert server.run(job).errors["3"].startswith(message)


@pytest.mark.parametrize(
    ("node", "socket", "message"),
    [
        ("3", "video", "str is no VIDEO; connect"),
        ("3", "edits", "str is no list of edits; connect"),
        ("3", "settings", "str is no Settings; connect"),
        ("3", "max_cost_usd", "'film.mp4' is not a number"),
        ("2", "edits", "str is no list of edits; connect"),
        ("2", "takes_to_try", "str is no list of takes; connect"),
    ],
)
def test_a_value_of_another_type_is_refused_in_words(server, node, socket, message):
    """Outputs of any type, such as those of switches of other packs, fit every socket."""
    job = workflow()
    job[node]["inputs"][socket] = "film.mp4"

    (error,) = server.run(job).errors.values()

    assert f"{socket}: {message}" in str(error)


def test_edits_that_overlap_are_named_by_their_spans(server):
    """In a graph nobody sees which place of the list an edit has."""
    job = workflow()
    job["5"] = {"class_type": "react1_edit", "inputs": {**job["2"]["inputs"], "edits": ["2", 0]}}
    job["3"]["inputs"]["edits"] = ["5", 0]

    span = f"{job['2']['inputs']['in']}–{job['2']['inputs']['out']}"
    assert server.run(job).errors == {"5": f"{span} overlaps {span}"}


def test_a_preset_of_another_version_is_refused_in_words():
    """ComfyUI itself does not compare choices with the list where a box has checks of its own."""
    from react1.pipeline.adapters.comfyui.boxes.film_job import FilmJob
    from react1.pipeline.adapters.comfyui.conversions.edit_values import EditList
    from react1.pipeline.core.errors import PresetError

    with pytest.raises(PresetError, match="preset: 'emotion' is not one of emotion-edit, "):
        FilmJob("emotion", Path("film.mp4"), EditList()).load()


def test_a_message_names_no_command():
    """Of what a face that is not there says, the part that the node editor has too is kept."""
    from react1.pipeline.adapters.comfyui.work import in_box_terms
    from react1.pipeline.faces.choose import LIST_HINT

    message = f"there is no face 7 in shot 1; the shot shows 1 face(s): 1 at 0.46,0.63 ({LIST_HINT})"

    assert in_box_terms(message) == "there is no face 7 in shot 1; the shot shows 1 face(s): 1 at 0.46,0.63"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (WITHOUT_STEREO_MODE, WITHOUT_STEREO_MODE),  # a command of another tool, to be pasted as it is
        ("the disk is full; use another --home", "the disk is full; use another REACT1_HOME"),
        ("name a folder (--metrics, REACT1_METRICS)", "name a folder (REACT1_METRICS)"),
        ("no key: give `key`, or set REACT1_SIGN_KEY", "no key: set REACT1_SIGN_KEY"),
        ("a.mp4 is outside b; pass it with --out or --set out=…, or add --allow-outside",
         "a.mp4 is outside b; choose a name in out"),
    ],
)  # fmt: skip
def test_a_message_names_no_option(message, expected):
    """But what the node editor has, or its server is started with."""
    from react1.pipeline.adapters.comfyui.work import in_box_terms

    assert in_box_terms(message) == expected


def test_a_marker_without_a_timeline_is_said_to_need_one(server):
    """In Settings, or beside the film."""
    outcome = server.run(workflow(edit={"in": "", "out": "", "at_marker": "M1"}))

    assert (
        "no timeline with markers: set timeline_file in Settings to an EDL, OTIO or FCPXML, or put one with the film's "
        "name beside the film" in outcome.errors["3"]
    )


def test_the_notes_of_a_run_name_no_command():
    """In the report of a box, whatever the command line would say."""
    from react1.pipeline.adapters.comfyui.work import summary
    from react1.pipeline.faces.choose import LIST_HINT
    from react1.pipeline.runner.run_records.outcome import RunResult

    people = f"several people: face 1 of 2 (largest); for another set face: 2, left or right ({LIST_HINT})"
    notes = (people, "cut.edl: the film has no start timecode: …; give --start-tc if that is wrong")

    text = summary(RunResult("r", "done", None, None, 0.0, notes=notes))

    assert text.splitlines()[0].endswith("for another set face: 2, left or right")
    assert text.endswith("; set start_tc in Settings if that is wrong")


def test_edits_chain(server):
    """Two boxes make two segments, and an overlap is refused by the second."""
    job = workflow(edit={"out": "16f"})
    job["5"] = {
        "class_type": "react1_edit",
        "inputs": {"in": "26f", "out": "32f", "prompt": "happy", "edits": ["2", 0]},
    }
    job["3"]["inputs"]["edits"] = ["5", 0]
    film, source = luma(server.run(job).outputs["4"][0][0]), luma(server.film)
    job["5"]["inputs"]["in"] = "12f"
    overlapping = server.run(job)

    assert film[13] < source[13] - 5
    assert film[29] > source[29] + 5
    assert "overlaps" in overlapping.errors["5"]


def test_a_new_line_of_dialogue_comes_from_audio(server):
    """The film's sound in the span is the line's."""
    from comfyui_jobs import spectrum_peak_hz

    tone = np.sin(2 * np.pi * 1000 * np.arange(28_800) / 48_000).astype(np.float32) * 0.3
    audio = {"waveform": tone[None, None], "sample_rate": 48_000}
    server.classes["LoadVideo"].execute = lambda self, path, **hidden: {"ui": {}, "result": (audio,)}
    server.classes["LoadVideo"].RETURN_TYPES = ("AUDIO",)
    job = workflow()
    job["6"] = {"class_type": "LoadVideo", "inputs": {"path": ""}}
    job["2"]["inputs"]["audio"] = ["6", 0]

    outcome = server.run(job)

    assert not outcome.errors
    assert abs(spectrum_peak_hz(outcome.outputs["4"][0][0], 0.5, 0.9) - 1000) < 5
    assert abs(spectrum_peak_hz(server.film, 0.5, 0.9) - 1000) > 50
