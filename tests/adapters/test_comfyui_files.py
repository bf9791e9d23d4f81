"""Where the boxes read and write: ComfyUI's folders, and nothing is replaced."""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, datetime

import pytest
from comfyui_jobs import digest, saved, workflow
from export_lock import held_export
from numbered_clips import make_clip

from react1.pipeline.adapters.comfyui import all_boxes, folders, previews
from react1.pipeline.adapters.comfyui.boxes.film_job import FilmJob
from react1.pipeline.adapters.comfyui.conversions.edit_values import EditList, local_files, parse_edits
from react1.pipeline.adapters.comfyui.work import explain
from react1.pipeline.core.errors import PresetError, StorageFailed
from react1.pipeline.media.probe import probe_path

pytestmark = pytest.mark.slow


def load_and_save(film="film.mp4", prefix="react1/film", **more):
    """Return a workflow that loads a film and saves it."""
    return {
        "1": {"class_type": "react1_load_film", "inputs": {"file": film, **more}},
        "2": {"class_type": "react1_save_film", "inputs": {"video": ["1", 0], "filename_prefix": prefix}},
    }


def fetch(uri, out=""):
    """Return a workflow of single steps that compares a film with itself."""
    return {
        "1": {"class_type": "react1_fetch", "inputs": {"uri": uri}},
        "2": {
            "class_type": "react1_compare",
            "inputs": {"before": ["1", 0], "after": ["1", 0], "max_height_px": 32, "out": out},
        },
    }


def test_a_film_is_saved_packet_for_packet_under_the_next_number(server):
    """A foreign file that has the next number already stays, and so does one that only begins alike."""
    folder = server.folder / "output" / "react1"
    folder.mkdir()
    (folder / "film_00001_.mp4").write_bytes(b"foreign")
    (folder / "filmed_00009_.mp4").write_bytes(b"other")

    first = server.run(load_and_save())
    again = server.run(load_and_save())
    another = server.run(load_and_save(prefix="react1/film_cut"))

    assert first.outputs["2"][0] == [str(folder / "film_00002_.mp4")]
    assert again.ran == []
    assert another.outputs["2"][0] == [str(folder / "film_cut_00001_.mp4")]
    assert (folder / "film_00001_.mp4").read_bytes() == b"foreign"
    assert digest(folder / "film_00002_.mp4") == digest(server.film)
    assert os.access(folder / "film_00002_.mp4", os.W_OK)


def test_a_film_is_saved_under_the_day(server):
    """As ComfyUI's own boxes do."""
    outcome = server.run(load_and_save(prefix="%year%-%month%-%day%/take %second%"))

    ((path,),) = outcome.outputs["2"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d/take \d\d_00001_\.mp4", os.path.relpath(path, server.folder / "output"))
    name = folders.with_time(
        "%year%%month%%day% %hour%.%minute%.%second% %date%", datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    )
    assert name == "20260304 05.06.07 %date%"


def test_the_container_of_the_film_is_kept(server):
    """No name of another container is possible."""
    make_clip(server.folder / "input" / "film.mkv", frames=10, size=(64, 48))
    server.run(load_and_save("film.mkv"))
    assert [path.name for path in (server.folder / "output" / "react1").iterdir()] == ["film_00001_.mkv"]


def test_a_film_whose_name_is_as_long_as_the_system_allows_is_saved(server):
    """The name of its copy is not built upon it."""
    name = f"{'x' * 251}.mp4"
    server.film.rename(server.folder / "input" / name)

    saved_as = server.run(load_and_save(name)).outputs["2"][0]

    assert saved_as == [str(server.folder / "output" / "react1" / "film_00001_.mp4")]


def require_saved_again(server, job):
    """Run a job that saves films; unchanged it runs nothing, and the saving box once after its first film is gone."""
    server.run(job)
    unchanged = server.run(job)
    (server.folder / "output" / "react1" / "film_00001_.mp4").unlink()
    runs = [server.run(job).ran for _ in range(2)]

    assert unchanged.ran == []
    assert runs == [["2"], []]


def test_a_film_whose_name_comes_from_another_box_is_saved_again_when_it_is_gone(server):
    """The name is not known while ComfyUI asks whether the box has to run."""

    class Text:
        RETURN_TYPES, OUTPUT_IS_LIST, INPUT_IS_LIST, OUTPUT_NODE = ("STRING",), (False,), False, False

        @classmethod
        def INPUT_TYPES(cls):  # noqa: N802
            return {"required": {"text": ("STRING", {})}}

        def execute(self, text, **hidden):
            return {"ui": {}, "result": (text,)}

    server.classes["Text"] = Text
    job = load_and_save(prefix=["3", 0])
    job["3"] = {"class_type": "Text", "inputs": {"text": "react1/film"}}
    require_saved_again(server, job)
    assert (server.folder / "output" / "react1" / "film_00001_.mp4").is_file()


def test_each_film_of_a_list_is_saved_again_when_it_is_gone(server):
    """ComfyUI runs the box once per film, with the same widgets."""
    other = make_clip(server.folder / "input" / "other.mp4", frames=10, size=(96, 64))
    films = [sys.modules["comfy_api.input_impl"].VideoFromFile(str(path)) for path in (server.film, other)]
    loader = server.classes["LoadVideo"]
    loader.execute, loader.OUTPUT_IS_LIST = (lambda self, path, **hidden: {"ui": {}, "result": (films,)}), (True,)
    job = load_and_save()
    job["1"] = {"class_type": "LoadVideo", "inputs": {"path": ""}}

    require_saved_again(server, job)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("film.mov", "png", "rgb24"),
        ("film.mov", "prores_ks", "yuv422p10le"),
        ("film.mp4", "libx264", "yuv420p10le"),
        ("film.mkv", "libx264", "yuv420p"),
    ],
)
def test_of_a_film_that_no_browser_plays_a_small_one_is_shown(server, name, codec, pix_fmt):
    """In the temp folder, once; the saved film is the source's own, and a box that runs again shows it too."""
    make_clip(server.folder / "input" / name, frames=10, size=(96, 64), codec=codec, pix_fmt=pix_fmt)

    outcome = server.run(load_and_save(name))
    server.run(load_and_save(name, prefix="another"))

    ui = outcome.ui["2"]
    (shown,) = ui["images"]
    path = server.folder / shown["type"] / shown["subfolder"] / shown["filename"]
    media = probe_path(path)
    assert (shown["type"], ui["animated"]) == ("temp", [True])
    assert (media.video.codec, media.video.pix_fmt, media.video.frame_count) == ("h264", "yuv420p", 10)
    assert ui["films"] == [{"filename": f"film_00001_{name[-4:]}", "subfolder": "react1", "type": "output"}]
    assert ui["text"] == [outcome.outputs["2"][0][0]]
    assert digest(server.folder / "output" / "react1" / ui["films"][0]["filename"]) == digest(
        server.folder / "input" / name
    )


def test_a_film_of_which_nothing_can_be_shown_is_saved_all_the_same(server, monkeypatch):
    """As where the disk of the temp folder is full."""

    def fail(*_):
        raise StorageFailed("the disk is full")

    monkeypatch.setattr(previews, "_write_proxy", fail)
    make_clip(server.folder / "input" / "film.mov", frames=10, size=(96, 64), codec="png", pix_fmt="rgb24")

    outcome = server.run(load_and_save("film.mov"))

    assert not outcome.errors
    assert (server.folder / "output" / "react1" / "film_00001_.mov").is_file()
    assert "images" not in outcome.ui["2"]


@pytest.mark.parametrize("prefix", ["../film", "/tmp/film", "react1/../../film", "", "react1/.."])
def test_no_film_leaves_the_output_folder(server, prefix):
    """It is refused before the workflow is queued."""
    outcome = server.run(load_and_save(prefix=prefix))
    assert (outcome.refused, list(outcome.errors)) == (True, ["2"])
    assert (
        "write one such as react1/film" in outcome.errors["2"]
        or "name a place in its output folder" in outcome.errors["2"]
    )
    assert saved(server) == {}


def test_films_and_lists_of_the_input_folder_can_be_chosen(server):
    """Also in folders below it; a film can be uploaded."""
    (server.folder / "input" / "reel 2").mkdir()
    server.film.rename(server.folder / "input" / "reel 2" / "film.mp4")
    (server.folder / "input" / "cut.edl").write_text("")
    (server.folder / "input" / "notes.pdf").write_text("")
    inputs = {each.name: each for each in all_boxes()["react1_load_film"].inputs()}
    lists = {each.name: each for each in all_boxes()["react1_edits_from_text"].inputs()}

    assert inputs["file"].options["options"] == ["reel 2/film.mp4"]
    assert inputs["file"].options["video_upload"] is True
    assert lists["file"].options["options"] == ["none", "cut.edl"]
    assert not server.run(load_and_save("reel 2/film.mp4")).errors


def test_load_film_has_no_widget_that_a_video_cannot_carry(server):
    """A step of its own has the manifest, which a workflow could name anywhere and which no next box would get."""
    names = [item.name for item in all_boxes()["react1_load_film"].inputs()]

    assert names == ["file", "url", "max_size_mb"]


@pytest.mark.parametrize("form", ["absolute", "dots", "annotated"])
def test_nothing_outside_comfyuis_folders_is_read(server, tmp_path, monkeypatch, form):
    """Unless a setting of the server allows the folder."""
    outside = make_clip(tmp_path / "private" / "film.mp4", frames=10, size=(64, 48))
    name = {
        "absolute": str(outside),
        "dots": "../../private/film.mp4",
        "annotated": "../../private/film.mp4 [output]",
    }[form]
    loaded, step = server.run(load_and_save(name)), server.run(fetch(name))
    monkeypatch.setenv("REACT1_COMFYUI_FOLDERS", f"/nowhere{os.pathsep}{outside.parent}")
    allowed = server.run(load_and_save(name))

    assert (loaded.refused, step.refused) == (True, True)
    assert "outside ComfyUI's folders" in loaded.errors["1"]
    assert "REACT1_COMFYUI_FOLDERS" in step.errors["1"]
    assert not allowed.errors


@pytest.mark.parametrize("name", ["loop.mp4", "a\0.mp4", "a" * 300 + ".mp4", "\ud800.mp4", "~no-such-user/a.mp4"])
def test_a_name_that_no_file_can_have_is_refused_in_one_line(server, name):
    """A link to itself, what the system does not take, and a home of nobody; to read and to write."""
    (server.folder / "input" / "loop.mp4").symlink_to("loop.mp4")
    (server.folder / "output" / "loop.mp4").symlink_to("loop.mp4")

    for outcome in (server.run(load_and_save(name)), server.run(load_and_save(prefix=name))):
        for message in outcome.errors.values():
            assert "\n" not in message and "Error" not in message
    assert server.run(load_and_save(name)).errors


def test_a_file_that_an_edit_names_must_be_in_comfyuis_folders(server, tmp_path):
    """A workflow of somebody else cannot send a private recording anywhere."""
    (tmp_path / "line.wav").write_bytes(b"private")
    job = workflow()
    job["2"] = {
        "class_type": "react1_edits_from_text",
        "inputs": {"text": f"- {{in: 10f, out: 25f, prompt: sad, audio: {tmp_path / 'line.wav'}}}"},
    }
    assert "outside ComfyUI's folders" in server.run(job).errors["3"]


def test_a_box_that_waits_to_write_its_film_says_so_and_stops(server, monkeypatch):
    """Another run, such as one of the command line, writes to the same path."""
    out, shown = server.folder / "output" / "both.mp4", []

    def show_then_stop(text, _node_id):
        shown.append(text)
        server.stop.set()

    monkeypatch.setattr("react1.pipeline.adapters.comfyui.work.host.show_text", show_then_stop)
    with held_export(server.folder / "user" / "__react1", out):
        outcome = server.run(fetch("film.mp4", "both.mp4"))

    assert outcome.interrupted and not outcome.errors
    assert shown == [f"{out}: another run is writing its output; waiting until it has finished"]
    assert not out.exists()


def listed_edits(server, *rows, name="list.csv"):
    """Return a list of edits in a file of the input folder."""
    path = server.folder / "input" / name
    path.write_text("\n".join(["in,out,prompt,temperature,audio", *rows]))
    return {"file": str(path)}


def test_every_wrong_line_of_every_list_is_named_at_once(server):
    """By the file's name and its line, as on the command line; the files that the other lines name count meanwhile."""
    first = listed_edits(server, "0f,4f,sadd,0.5,", "5f,9f,sad,7,", "10f,14f,sad,0.5,line.wav")
    second = listed_edits(server, "20f,24f,angryy,0.5,", name="more.csv")
    edits = EditList((), (first, second))

    with pytest.raises(PresetError) as caught:
        FilmJob("preview", server.film, edits).load()

    lines = explain(caught.value).split("; ")
    assert {line.split(": ")[0] for line in lines if ".csv" in line} == {"list.csv:2", "list.csv:3", "more.csv:2"}
    assert str(server.folder) not in explain(caught.value)


def test_a_wrong_line_hides_no_file_that_a_later_line_names(server, tmp_path):
    """The box runs again when one of them changes."""
    edits = EditList((), (listed_edits(server, "0f,4f,sad,0.5,https://[", "5f,9f,sad,0.5,line.wav"),))

    assert [path.name for path in local_files(edits)] == ["list.csv", "line.wav"]


def test_every_file_outside_comfyuis_folders_is_named_at_once(server, tmp_path):
    """Of all edits, not only the first."""
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(b"private")
    edits = [f"{place}:sad:audio={tmp_path / name}" for place, name in (("0f-4f", "a.wav"), ("5f-9f", "b.wav"))]

    with pytest.raises(PresetError) as caught:
        FilmJob("preview", server.film, EditList(parse_edits("\n".join(edits), tmp_path))).load()

    assert [problem.message.count("outside ComfyUI's folders") for problem in caught.value.problems] == [1, 1]
    assert "a.wav" in str(caught.value) and "b.wav" in str(caught.value)


@pytest.mark.parametrize("name", ["certificate", "key"])
def test_a_key_to_sign_with_is_read_from_comfyuis_folders_only(server, tmp_path, name):
    """Somebody else's workflow must not learn whether a file of the server is there, nor sign with it."""
    sign = all_boxes()["react1_sign"]
    (tmp_path / "key.pem").write_text("private")
    (server.folder / "input" / "key.pem").write_text("mine")

    with pytest.raises(PresetError, match=f"{name}: .* is outside ComfyUI's folders; leave it empty if the server's"):
        sign.check({name: str(tmp_path / "key.pem")})
    with pytest.raises(PresetError, match="outside ComfyUI's folders"):
        sign.check({name: "../../key.pem"})
    assert name in sign.checked
    assert sign._params({name: "key.pem"}) == {name: str((server.folder / "input" / "key.pem").resolve())}


def test_the_store_is_in_comfyuis_user_folder_unless_a_setting_says_otherwise(server, tmp_path, monkeypatch):
    """REACT1_HOME is the same as on the command line."""
    server.run(load_and_save())
    assert (server.folder / "user" / "__react1" / "seen").is_dir()
    monkeypatch.setenv("REACT1_HOME", str(tmp_path / "home"))
    server.film.touch()
    server.run(load_and_save())
    assert (tmp_path / "home" / "seen").is_dir()


def test_a_step_writes_into_the_output_folder_and_replaces_nothing(server):
    """A foreign file, and a name of another container, are refused in the terms of the box."""
    target = server.folder / "output" / "compared.mp4"
    target.write_bytes(b"foreign")
    foreign = server.run(fetch("film.mp4", "compared.mp4"))
    renamed = server.run(fetch("film.mp4", "compared.mkv"))
    target.unlink()
    written = server.run(fetch("film.mp4", "compared.mp4"))

    assert "compared.mp4 exists; choose another name in out" in foreign.errors["2"]
    assert "does not end with .mp4" in renamed.errors["2"]
    assert written.ui["2"]["images"] == [{"filename": "compared.mp4", "subfolder": "", "type": "output"}]
    assert server.run(fetch("film.mp4", "compared.mp4")).ran == []
    assert server.run(fetch("film.mp4", "../compared.mp4")).refused


SAD = {"in": "00:00:01.000", "out": "00:00:03.000", "prompt": "sad", "temperature": 0.8}


@pytest.mark.parametrize(
    "text",
    [
        "1.0-3.0:sad:0.8",
        "# the first line\n1.0-3.0:sad:0.8\n",
        "- 1.0-3.0:sad:0.8",
        "- {in: 1.0, out: 3.0, prompt: sad, temperature: 0.8}",
        "in: 1.0\nout: 3.0\nprompt: sad\ntemperature: 0.8",
        "edits:\n  - {in: 1.0, out: 3.0, emotion: sad, temperature: 0.8}",
    ],
)
def test_edits_can_be_written_in_every_form(tmp_path, text):
    """The short form is not YAML, and YAML need not be a list."""
    (edit,) = parse_edits(text, tmp_path)
    assert edit.model_dump(mode="json", by_alias=True, exclude_none=True) == SAD


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1.0-3.0:sad:0.8\n4-5", "edits:2:1"),
        ("- {in: 1.0, out: 3.0, prompt: saad}", "did you mean 'sad'"),
        ("- {in: 3.0, out: 1.0, prompt: sad}", "is not after"),
        ("- {in: 3.0, out: ", "edits"),
    ],
)
def test_a_wrong_edit_is_named_by_its_line(tmp_path, text, message):
    """And what is wrong with it."""
    with pytest.raises(PresetError, match=message):
        parse_edits(text, tmp_path)


def test_what_is_left_out_of_a_list_is_in_the_report(server):
    """The run goes on without it, and says why."""
    (server.folder / "input" / "cut.edl").write_text(
        "TITLE: a\nFCM: NON-DROP FRAME\n\n001  AX  V  C  00:00:08:10 00:00:09:00 00:00:00:10 00:00:01:00\n"
        "* COMMENT: react1: sad 0.6 face\n002  BL  V  C  00:00:00:00 00:00:00:10 00:00:01:00 00:00:01:10\n"
        "* COMMENT: react1: angry\n"
    )
    job = workflow()
    job["5"] = {"class_type": "react1_edits_from_text", "inputs": {"text": "", "file": "cut.edl", "clock": "record"}}
    job["3"]["inputs"]["edits"] = ["5", 0]

    outcome = server.run(job)

    assert "clip 002 is skipped: it is black" in outcome.ui["3"]["text"][0]
    assert server.renderer.rendered == [("sad", 0.6, "face")]


@pytest.mark.parametrize(
    ("box", "inputs"),
    [
        ("react1_edits_from_text", {"text": "0.4-1.0:sad:audio=line.wav"}),
        ("react1_settings", {"cues": "words.srt"}),
        ("react1_settings", {"timeline_file": "a.edl"}),
        ("react1_settings", {"consent_performer": "Ada", "consent_document": "agreed.pdf"}),
        ("react1_edit", {"in": "1f", "out": "9f", "consent_performer": "Ada", "consent_document": "agreed.pdf"}),
    ],
)
def test_a_file_that_a_box_names_is_read_again_when_it_was_written(server, box, inputs):
    """The same name with other words or another line is another job."""
    files = {name: server.folder / "input" / name for name in ("line.wav", "words.srt", "agreed.pdf", "a.edl")}
    for path in files.values():
        path.write_bytes(b"before")
    fingerprints = []

    for content in (b"before", b"after it"):
        for path in files.values():
            path.write_bytes(content)
            os.utime(path, ns=(0, len(content)))
        fingerprints += [server.classes[box].IS_CHANGED(**inputs) for _ in range(2)]

    assert fingerprints[0] == fingerprints[1] != fingerprints[2] == fingerprints[3]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cut.csv", "in,out,prompt,audio\n0.4,1.0,sad,line.wav\n"),
        (
            "cut.edl",
            (
                "TITLE: a\nFCM: NON-DROP FRAME\n\n001  AX  V  C  00:00:08:10 00:00:09:00 00:00:00:10 00:00:01:00\n"
                "* COMMENT: react1: sad audio=line.wav\n"
            ),
        ),
    ],
)
def test_a_line_that_a_list_names_is_read_again_when_it_was_written(server, name, text):
    """The list itself is as it was; a list that cannot be read is the run's to refuse."""
    line, listed = server.folder / "input" / "line.wav", server.folder / "input" / name
    listed.write_text(text)
    fingerprints = []

    for content in (b"before", b"after it"):
        line.write_bytes(content)
        os.utime(line, ns=(0, len(content)))
        fingerprints += [server.classes["react1_edits_from_text"].IS_CHANGED(text="", file=name) for _ in range(2)]

    assert fingerprints[0] == fingerprints[1] != fingerprints[2] == fingerprints[3]
    listed.write_text("no list")
    assert server.classes["react1_edits_from_text"].IS_CHANGED(text="", file=name) not in fingerprints


@pytest.mark.parametrize(
    ("name", "text", "wrong", "where"),
    [
        ("edits.yaml", "- {in: 10f, out: 25f, prompt: sad}", "- {in: 10f, out: 25f, prompt: saad}", "edits.yaml:1"),
        ("edits.yml", "edits:\n  - {in: 10f, out: 25f, prompt: sad}", "edits:\n  - {in: 30f}", "edits.yml:2"),
        ("edits.txt", "# a comment\n10f-25f:sad", "10f-25f:sad\n30f", "edits.txt:2"),
    ],
)
def test_a_file_has_edits_as_they_are_written_into_the_box(server, name, text, wrong, where):
    """It is checked before the workflow is queued, and read again when it was written."""
    listed = server.folder / "input" / name
    job = workflow()
    job["2"] = {"class_type": "react1_edits_from_text", "inputs": {"text": "", "file": name}}

    listed.write_text(text)
    outcome = server.run(job)
    again = server.run(job)
    listed.write_text(text.replace("25f", "24f"))
    changed = server.run(job)
    listed.write_text(wrong)
    refused = server.run(job)

    assert not outcome.errors and again.ran == []
    assert "frames 10–24" in outcome.ui["3"]["text"][0] and "frames 10–23" in changed.ui["3"]["text"][0]
    assert refused.refused and where in refused.errors["2"]


def test_no_path_of_the_server_is_in_a_fingerprint(server):
    """Save Video writes it into the film's metadata, with the workflow."""
    (server.folder / "input" / "edits.txt").write_text("10f-25f:sad")
    classes = server.classes

    for box, inputs in (
        ("react1_edits_from_text", {"text": "", "file": "edits.txt"}),
        ("react1_edit", {"consent_document": "release.pdf"}),
        ("react1_cost", {}),
    ):
        assert str(server.folder) not in classes[box].IS_CHANGED(**inputs)


def test_edits_of_a_file_are_read_with_the_film(server):
    """Its times are in frames of the film; the box before it adds its own."""
    (server.folder / "input" / "cut.edl").write_text(
        "TITLE: a\nFCM: NON-DROP FRAME\n\n001  AX  V  C  00:00:08:10 00:00:09:00 00:00:00:10 00:00:01:00\n"
        "* COMMENT: react1: sad 0.6 face\n"
    )
    job = workflow(edit={"in": "28f", "out": "36f"})
    job["5"] = {"class_type": "react1_edits_from_text", "inputs": {"text": "", "file": "cut.edl", "edits": ["2", 0]}}
    job["5"]["inputs"]["clock"] = "record"
    job["3"]["inputs"]["edits"] = ["5", 0]

    outcome = server.run(job)

    assert not outcome.errors
    assert sorted(server.renderer.rendered) == [("sad", 0.6, "face"), ("sad", 0.8, "face")]
    job["5"]["inputs"] = {"text": " ", "file": "none"}
    assert "no edits: write one such as 1.0-3.0:sad:0.8" in server.run(job).errors["5"]
