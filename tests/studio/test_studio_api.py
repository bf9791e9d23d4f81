"""The endpoints of the page, in one running studio: the job file is the state."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from running_studio import start_studio, stop_studio, wait_for

from react1.testing import frame_number, make_clip

pytestmark = pytest.mark.slow


def picture(response):
    assert response.status_code == 200, response.text
    return np.asarray(Image.open(io.BytesIO(response.content)).convert("RGB"))


@pytest.fixture(scope="module")
def project(studio):
    return studio.json("POST", "/open", {"path": str(studio.folder / "talking.mp4")})


@pytest.fixture
def edit(studio, project):
    """An edit of its own, removed after the test."""
    name = project["state"]["id"]
    answer = studio.json("POST", f"/projects/{name}/edits", {"start": 10, "end": 40})
    added = next(item for item in answer["state"]["edits"] if item["name"] == answer["added"])
    yield added
    state = studio.json("GET", f"/projects/{name}")["state"]
    for item in state["edits"]:
        if item["name"] == added["name"]:
            body = {"index": item["index"], "digest": item["digest"]}
            studio.json("POST", f"/projects/{name}/edits/remove", body)


def test_the_film_is_described_exactly(project):
    """Rate, frames and clock, for the page's own arithmetic."""
    film = project["film"]

    assert (film["frames"], film["rate"], film["width"], film["height"]) == (50, [25, 1], 320, 180)
    assert film["playable"]
    assert film["times"] is None


def test_a_still_is_exactly_that_frame(tmp_path):
    """In any order, forwards and backwards."""
    folder = tmp_path / "films"
    folder.mkdir()
    make_clip(folder / "numbers.mp4", frames=40)
    running = start_studio(tmp_path / "home", folder)
    try:
        name = running.json("POST", "/open", {"path": str(folder / "numbers.mp4")})["state"]["id"]
        order = [7, 8, 9, 8, 7, 39, 0, 20, 3]
        shown = [frame_number(picture(running.client.get(f"/api/projects/{name}/still/{frame}"))) for frame in order]
        assert shown == order
        near = running.client.get(f"/api/projects/{name}/still/33/near")
        assert frame_number(picture(near)) == int(near.headers["x-frame"]) <= 33
        statuses = []
        for frame, sequence in ((11, "2"), (30, "1")):
            headers = {"X-Page": "a", "X-Sequence": sequence}
            statuses.append(running.client.get(f"/api/projects/{name}/still/{frame}", headers=headers).status_code)
        assert statuses == [200, 204]
        answer = running.client.get(f"/api/projects/{name}/still/40")
        assert (answer.status_code, answer.json()["error"]) == (
            422,
            "there is no frame 40: the film has frames 0 to 39",
        )
    finally:
        stop_studio(running)


def test_a_film_that_no_browser_plays_gets_a_proxy(studio, tmp_path):
    """With the same frames at the same times; the stills come from the film itself."""
    from react1.pipeline.media.probe import probe_path
    from react1.pipeline.media.tools.ffmpeg import ffmpeg_path

    film = studio.folder / "master.mov"
    source = str(studio.folder / "talking.mp4")
    argv = [ffmpeg_path(), "-v", "error", "-y", "-i", source, "-t", "1", "-c:v", "prores_ks", "-c:a", "pcm_s16le"]
    subprocess.run([*argv, str(film)], check=True)
    opened = studio.json("POST", "/open", {"path": str(film)})
    name = opened["state"]["id"]
    assert not opened["film"]["playable"]

    answer = wait_for(
        lambda: (got := studio.client.get(f"/api/projects/{name}/video")).status_code != 202 and got, limit_s=60
    )

    assert answer.headers["content-type"] == "video/mp4"
    proxy = tmp_path / "proxy.mp4"
    proxy.write_bytes(answer.content)
    probed, original = probe_path(proxy), probe_path(film)
    assert (probed.video.codec, probed.video.pix_fmt) == ("h264", "yuv420p")
    times = [
        [tick * video.time_base - media.start_s for tick in video.timestamps.array.tolist()]
        for media in (probed, original)
        for video in [media.video]
    ]
    assert np.abs(np.array(times[0], float) - np.array(times[1], float)).max() < 1e-3
    film.unlink()


def test_faces_previews_and_cards(studio, project):
    """The first question starts the search; then the face can be seen in any emotion."""
    name = project["state"]["id"]
    faces = wait_for(lambda: (got := studio.json("GET", f"/projects/{name}/faces/20"))["share"] == 1 and got)
    assert faces["shot"] == [0, 50]
    (face,) = faces["faces"]
    assert 0.2 < face["left"] < face["right"] < 0.8

    still = picture(studio.client.get(f"/api/projects/{name}/still/20?size=480")).astype(int)
    seen = {}
    for prompt in ("happy", "angry"):
        for temperature in (0.0, 1.0):
            query = {"prompt": prompt, "temperature": temperature, "size": 480}
            seen[prompt, temperature] = picture(studio.client.get(f"/api/projects/{name}/preview/20", params=query))
    assert np.abs(seen["happy", 1.0] - still).max() > 40
    assert np.abs(seen["happy", 1.0].astype(int) - seen["happy", 0.0]).max() > 40
    assert np.abs(seen["happy", 1.0].astype(int) - seen["angry", 1.0]).max() > 40
    cards = [
        picture(studio.client.get(f"/api/projects/{name}/card/20", params={"prompt": p})) for p in ("sad", "happy")
    ]
    assert cards[0].shape == cards[1].shape
    assert np.abs(cards[0].astype(int) - cards[1]).max() > 40


def test_of_several_previews_only_the_newest_is_drawn(studio, project):
    """An older request of the same page gets no picture."""
    name = project["state"]["id"]
    path = f"/api/projects/{name}/preview/20"

    newest = studio.client.get(path, params={"page": "a", "sequence": 5})
    older = studio.client.get(path, params={"page": "a", "sequence": 4})
    other_page = studio.client.get(path, params={"page": "b", "sequence": 1})

    assert [newest.status_code, older.status_code, other_page.status_code] == [200, 204, 200]


def test_a_conflict_is_409_and_nothing_is_written(studio, project, edit):
    """The page then shows what is there now."""
    name = project["state"]["id"]
    reference = {"index": edit["index"], "digest": edit["digest"]}
    studio.json("PATCH", f"/projects/{name}/edits", {**reference, "fields": {"prompt": "sad"}})

    answer = studio.json("PATCH", f"/projects/{name}/edits", {**reference, "fields": {"prompt": "angry"}}, 409)

    assert "another tab" in answer["error"]
    takes = {**reference, "choices": {}, "provider": "local"}
    assert "another tab" in studio.json("POST", f"/projects/{name}/takes", takes, 409)["error"]
    assert "prompt: sad" in (studio.folder / "talking.mp4.react1.yaml").read_text()


def test_a_take_is_made_without_a_film_then_chosen_and_spliced_without_making_it_again(studio, project, edit):
    """The take of the page is the take of the job."""
    name = project["state"]["id"]
    reference = {"index": edit["index"], "digest": edit["digest"]}
    before = set(studio.folder.iterdir())
    body = {**reference, "choices": {"prompt": ["sad"], "temperature": [1.0]}, "provider": "local"}

    def state():
        return studio.json("GET", f"/projects/{name}")["state"]

    def own():
        return next(item for item in state()["edits"] if item["name"] == edit["name"])

    studio.json("POST", f"/projects/{name}/takes", body)
    take = wait_for(lambda: (got := own()["takes"][0])["state"] in ("done", "failed") and got)
    assert take["state"] == "done", take["error"]
    assert not take["picked"]
    assert set(studio.folder.iterdir()) == before
    clip = studio.client.get(f"/api/projects/{name}/takes/{take['id']}/clip")
    assert clip.headers["content-type"] == "video/mp4"
    job = studio.folder / "talking.mp4.react1.yaml"
    valid = job.read_bytes()
    job.write_bytes(valid[: len(valid) // 2] + b"{")  # another program is in the middle of writing it
    assert studio.client.get(f"/api/projects/{name}/takes/{take['id']}/clip").content == clip.content
    assert studio.json("GET", f"/projects/{name}/cues")["cues"] == []
    job.write_bytes(valid)
    still = picture(studio.client.get(f"/api/projects/{name}/still/25?of=take:{take['id']}&size=480"))
    source = picture(studio.client.get(f"/api/projects/{name}/still/25?size=480"))
    assert np.abs(still.astype(int) - source).max() > 40

    studio.json("POST", f"/projects/{name}/pick", {**reference, "take": take["id"]})
    chosen = own()
    assert (chosen["fields"]["prompt"], chosen["fields"]["temperature"]) == ("sad", 1.0)
    assert chosen["takes"][0]["picked"]

    studio.json("POST", f"/projects/{name}/films", {"provider": "local"})
    film = wait_for(lambda: (got := state()["films"][0])["state"] in ("done", "failed") and got)
    assert film["state"] == "done", film["error"]
    report = json.loads((studio.home / "runs" / film["run"] / "report.json").read_text())
    assert report["segments"][0]["reused"]
    seams = studio.json("GET", f"/projects/{name}/films/{film['id']}/seams")
    assert all(check["passed"] for check in seams["checks"])
    assert seams["seams"][0]["frames"] == [10, 40]
    page = studio.client.get(f"/api/projects/{name}/films/{film['id']}/report")
    assert "sandbox" in page.headers["content-security-policy"]


@pytest.mark.parametrize("place", ["takes", "bill"])
@pytest.mark.parametrize(
    "wrong",
    ['"choices": {"temperature": [100]}', '"choices": {"temperature": [NaN]}']
    + [f'"choices": {{"prompt": ["sad"]}}, "agreed_usd": {usd}' for usd in ("NaN", "Infinity", -1)],
)
def test_takes_of_no_such_value_or_cost_are_refused(studio, project, edit, place, wrong):
    """A temperature beyond its range, and a cost that no bill could exceed."""
    reference = f'"index": {edit["index"]}, "digest": "{edit["digest"]}", "provider": "local"'
    url = f"/api/projects/{project['state']['id']}/{place}"

    answer = studio.client.post(url, content=f"{{{reference}, {wrong}}}", headers={"Content-Type": "application/json"})

    assert answer.status_code == 422, answer.text
    assert "internal error" not in answer.text


def test_a_film_of_no_such_cost_is_refused(studio, project):
    """The bill of a film likewise."""
    for place in ("films", "films/bill"):
        url = f"/api/projects/{project['state']['id']}/{place}"
        answer = studio.client.post(url, content='{"agreed_usd": NaN}', headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, answer.text


def test_a_matrix_stands_in_the_job(studio, project, edit):
    """As `takes:`, so that the command line shows the same takes."""
    name = project["state"]["id"]
    reference = {"index": edit["index"], "digest": edit["digest"]}
    choices = {"prompt": ["happy", "angry"], "temperature": [1.0]}
    body = {**reference, "choices": choices, "provider": "local"}

    answer = studio.json("POST", f"/projects/{name}/takes", body)

    own = next(item for item in answer["state"]["edits"] if item["name"] == edit["name"])
    assert [take["name"] for take in own["takes"]][-2:] == ["happy-1-face", "angry-1-face"]
    assert own["fields"]["takes"] == {"prompt": ["happy", "angry"]}
    assert own["waits"]
    for take in own["takes"]:
        studio.json("POST", f"/projects/{name}/takes/remove", {"item": take["id"]})


def test_a_take_of_one_face_can_be_chosen(studio, project, edit):
    """The edit has that face then, as if it was clicked; else its take would be one of other settings."""
    name = project["state"]["id"]
    body = {"index": edit["index"], "digest": edit["digest"], "choices": {"face": ["left"]}, "provider": "local"}

    answer = studio.json("POST", f"/projects/{name}/takes", body)

    own = next(item for item in answer["state"]["edits"] if item["name"] == edit["name"])
    assert own["fields"]["face"] == "left"
    assert [(take["name"][-5:], take["current"]) for take in own["takes"]] == [("-left", True)]
    studio.json("POST", f"/projects/{name}/takes/remove", {"item": own["takes"][0]["id"]})


def test_further_values_to_compare_leave_what_was_picked_before(studio, project, edit):
    """The emotion that was picked stays when regions are compared."""
    name = project["state"]["id"]
    picked = {"takes": {"prompt": ["happy", "sad"], "face": ["left", "right"], "pick": "sad-right"}, "prompt": None}
    body = {"index": edit["index"], "digest": edit["digest"]}
    own = studio.json("PATCH", f"/projects/{name}/edits", {**body, "fields": picked})["state"]["edits"][edit["index"]]
    choices = {"model_mode": ["lips", "face"]}

    body = {"index": own["index"], "digest": own["digest"], "choices": choices, "provider": "local"}
    own = studio.json("POST", f"/projects/{name}/takes", body)["state"]["edits"][edit["index"]]

    assert (own["fields"]["prompt"], own["fields"]["face"], own["fields"]["takes"]) == ("sad", "right", choices)
    for take in own["takes"]:
        studio.json("POST", f"/projects/{name}/takes/remove", {"item": take["id"]})


def test_a_matrix_that_no_job_may_have_makes_no_takes(studio, project, edit):
    """It is refused before anything is made."""
    name = project["state"]["id"]
    body = {"index": edit["index"], "digest": edit["digest"], "provider": "local"}

    studio.json("POST", f"/projects/{name}/takes", {**body, "choices": {"temperature": [0.3, 0.3]}}, status=422)

    state = studio.json("GET", f"/projects/{name}")["state"]
    assert next(item for item in state["edits"] if item["name"] == edit["name"])["takes"] == []


def test_a_line_of_dialogue_lands_beside_the_job(studio, project, edit):
    """And the edit names it by a relative path."""
    from react1.pipeline.media.tools.ffmpeg import ffmpeg_path

    name = project["state"]["id"]
    sound = studio.home / "line.wav"
    tone = ["-f", "lavfi", "-i", "sine=frequency=220:duration=0.5:sample_rate=48000"]
    subprocess.run([ffmpeg_path(), "-v", "error", *tone, str(sound)], check=True)
    query = {"name": "my line.wav", "index": edit["index"], "digest": edit["digest"]}

    response = studio.client.put(f"/api/projects/{name}/line", params=query, content=sound.read_bytes())

    assert response.status_code == 200, response.text
    own = next(item for item in response.json()["state"]["edits"] if item["name"] == edit["name"])
    assert own["fields"]["audio"] == "lines/my line.wav"
    assert (studio.folder / "lines" / "my line.wav").read_bytes() == sound.read_bytes()
    louder = {"index": own["index"], "digest": own["digest"], "fields": {"audio_gain": 3}}
    studio.json("PATCH", f"/projects/{name}/edits", louder)  # the page may ask for what it showed until now
    wave = studio.json("GET", f"/projects/{name}/line", params={"file": own["fields"]["audio"]})
    assert abs(wave["seconds"] - 0.5) < 0.05
    sound = studio.client.get(f"/api/projects/{name}/line/sound", params={"file": own["fields"]["audio"]})
    assert sound.content == (studio.folder / own["fields"]["audio"]).read_bytes()
    for file in ("../../home/studio/token", "talking.mp4.react1.yaml", "lines/gone.wav"):
        studio.json("GET", f"/projects/{name}/line", status=422, params={"file": file})
    refused = studio.client.put(f"/api/projects/{name}/line", params={**query, "name": "x.exe"}, content=b"x")
    assert refused.status_code == 422
    broken = studio.client.put(f"/api/projects/{name}/line", params={**query, "digest": own["digest"]}, content=b"RIFF")
    assert (broken.status_code, broken.json()["error"]) == (
        422,
        "my line.wav is not sound that can be read; the edit keeps the line that it had",
    )
    assert [path.name for path in (studio.folder / "lines").iterdir()] == ["my line.wav"]
    shutil.rmtree(studio.folder / "lines")


def test_the_timelines_of_a_package_can_be_saved(studio, tmp_path):
    """Its timelines, and no other file."""
    from react1.pipeline.studio.projects.library import project_id
    from react1.pipeline.studio.projects.take_list import MadeFilm, TakeList

    film, package = studio.folder / "packaged.mp4", tmp_path / "packaged.react1-turnover"
    shutil.copyfile(studio.folder / "talking.mp4", film)
    package.mkdir()
    for name in ("cut.edl", "cut.otio", "clip.mov"):
        (package / name).write_text(f"this is {name}")
    opened_id = project_id(film.with_name("packaged.mp4.react1.yaml"))
    record = TakeList(studio.home / "studio" / opened_id / "project.json")
    item = record.add_film(MadeFilm(kind="turnover", state="done", turnover=str(package)))
    record.save()

    opened = studio.json("POST", "/open", {"path": str(film)})["state"]

    path = f"/api/projects/{opened['id']}/films/{item.id}/timelines"
    assert [shown["timelines"] for shown in opened["films"]] == [["cut.edl", "cut.otio"]]
    saved = studio.client.get(f"{path}/cut.edl")
    assert saved.content == b"this is cut.edl"
    assert "cut.edl" in saved.headers["content-disposition"]
    refused = [studio.client.get(f"{path}/{name}") for name in ("clip.mov", "cut.fcpxml", "..%2Fpackaged.mp4")]
    assert {answer.status_code for answer in refused} <= {404, 422}
    film.unlink()


def test_a_dropped_film_is_copied_and_opened(studio):
    """Under its own name, into the first folder; what is no film is refused."""
    content = (studio.folder / "talking.mp4").read_bytes()

    answer = studio.client.put("/api/films", params={"name": "dropped.mp4"}, content=content)

    path = studio.folder / "dropped.mp4"
    assert answer.json() == {"path": str(path)}
    assert path.read_bytes() == content
    assert studio.json("POST", "/open", {"path": str(path)})["film"]["frames"] == 50
    refused = studio.client.put("/api/films", params={"name": "page.html"}, content=b"x")
    assert refused.status_code == 422
    path.unlink()


def test_two_films_of_one_name_that_are_dropped_at_once_are_both_kept(studio):
    """From two tabs, say: the name of the one is not free any more when the other is there."""
    begun, paths = threading.Barrier(2), []

    def drop(content: bytes) -> None:
        def body():
            yield content[:1]
            begun.wait(30)  # both have begun before one is complete
            yield content[1:]

        response = studio.client.put("/api/films", params={"name": "twice.mp4"}, content=body())
        paths.append((Path(response.json()["path"]), content))

    drops = [threading.Thread(target=drop, args=(content,)) for content in (b"first film", b"second film")]
    for thread in drops:
        thread.start()
    for thread in drops:
        thread.join(60)

    assert [(path.read_bytes(), path.unlink()) for path, _ in paths] == [(content, None) for _, content in paths]
    assert sorted(path.name for path, _ in paths) == ["twice-2.mp4", "twice.mp4"]


def test_every_setting_of_an_edit_has_a_control(studio):
    """A field that is added to `Edit` appears on the page, or stands in its own place."""
    from react1.pipeline.core.edits.edit import Edit
    from react1.pipeline.studio.routes.requests import _OWN_PLACES

    library = studio.json("GET", "/library")
    controls = library["controls"]

    assert library["gain"] == {"kind": "slider", "least": -30, "most": 20}
    names = {field.alias or name for name, field in Edit.model_fields.items()}
    assert {control["name"] for control in controls} == names - _OWN_PLACES
    assert {control["kind"] for control in controls} <= {"choice", "slider", "switch"}


def test_every_input_of_the_preset_is_an_option_of_the_film(studio):
    """Changed in the job file with its comments, refused at a wrong value, and undone; defaults are not written."""
    from react1.pipeline.config.presets.json_schema import JOB_OPTIONS
    from react1.pipeline.config.presets.shipped import load_preset_info

    job = studio.folder / "options.yaml"
    text = "preset: emotion-edit\nsource: talking.mp4 # the interview\nhandles: 4f # short\nedits: []\n"
    job.write_text(text)
    opened = studio.json("POST", "/open", {"path": str(job)})["state"]
    url = f"/projects/{opened['id']}"

    def set_to(name, value, status=200):
        return studio.json("POST", f"{url}/options", {"name": name, "text": value}, status)

    options = {option["name"]: option for option in opened["options"]}
    assert [*options] == [*load_preset_info("emotion-edit", job.parent).inputs, *JOB_OPTIONS]
    handles, seam = options["handles"], options["seam"]
    assert (handles["value"], handles["default"], handles["differs"]) == ("4f", "8f", True)
    assert (seam["kind"], seam["value"], seam["differs"]) == ("options", "", False)
    assert options["composite"]["choices"] == ["auto", "face", "frame"]
    assert options["source"]["elsewhere"]

    state = set_to("seam", "{video: {dissolve: 3}}")["state"]
    assert job.read_text() == text + "seam: {video: {dissolve: 3}}\n"
    shown = next(option for option in state["options"] if option["name"] == "seam")
    assert (shown["value"], shown["differs"]) == ("{video: {dissolve: 3}}", True)
    set_to("in_place", "true")
    set_to("on_failure", "keep-original")
    written = job.read_text()
    assert written == text + "seam: {video: {dissolve: 3}}\nin_place: true\non_failure: keep-original\n"

    for name, value, why in (
        ("quality", "finest", "high"),
        ("seam", "{video: {dissolve: -3}}", "at least 0"),
        ("seam", "{video: ", "YAML"),
        ("checks", "{seam_delta: 3}", "seam_delta_e"),
        ("handles", "some", "some"),
        ("on_failure", "go on", "keep-original"),
        ("out", "../elsewhere.mp4", "outside the folder of options.yaml"),
        ("source", "other.mp4", "source"),
        ("colour", "red", "colour"),
    ):
        error = set_to(name, value, 422)["error"]
        assert why in error, error
        assert "\n" not in error
    assert job.read_text() == written
    assert not list(job.parent.glob(".*"))

    set_to("in_place", "false")
    set_to("handles", None)
    assert "handles" not in job.read_text()
    assert "in_place" not in job.read_text()
    for _ in range(2):
        studio.json("POST", f"{url}/undo")
    assert job.read_text() == written
    job.unlink()


def test_another_certificate_leaves_what_the_job_says_of_the_signature(studio, monkeypatch):
    """Its title and what it discloses; a certificate that the page does not offer is refused."""
    job = studio.folder / "signed.yaml"
    others = "title: Pilot, disclose: [provider]"
    text = "preset: emotion-edit\nsource: talking.mp4\nprovenance: {%s}\nedits: []\n"
    job.write_text(text % f"certificate: a.pem, key: b.pem, {others}")
    url = f"/projects/{studio.json('POST', '/open', {'path': str(job)})['state']['id']}/signing"
    for name in ("CERTIFICATE", "KEY"):
        monkeypatch.setenv(f"REACT1_SIGN_{name}", str(studio.folder / f"{name}.pem"))

    shown = studio.json("POST", url, {"sign": True})["state"]["signing"]

    assert [(row["value"], row["current"], row["test"]) for row in shown["certificates"]] == [({}, True, False)]
    assert job.read_text() == text % others
    refused = studio.json("POST", url, {"sign": True, "certificate": "other.pem", "key": "b.pem"}, 422)
    assert "not one that the page offers" in refused["error"]
    assert job.read_text() == text % others
    job.unlink()


def test_what_nothing_else_here_asks_for_is_what_its_model_declares(studio, project, edit):
    """`Studio.json` reads each answer by its model."""
    base = f"/projects/{project['state']['id']}"
    reference = {"index": edit["index"], "digest": edit["digest"]}
    takes = {**reference, "choices": {"prompt": ["sad"]}, "provider": "local"}

    assert studio.json("POST", f"{base}/provider", {"provider": "local"})["state"]["provider"] == "local"
    assert studio.json("POST", f"{base}/bill", takes) == {"usd": 0.0, "items": [], "notes": []}
    assert edit["name"] not in studio.json("POST", f"{base}/films/bill", {"provider": "local"})["waiting"]
    assert studio.json("POST", f"{base}/stop", {"item": "none"})["state"]["id"] == project["state"]["id"]
    assert studio.json("GET", "/ledger") == {"calls": [], "usd": 0.0}
    assert len(studio.json("GET", f"{base}/faces-path?start=3&end=9")["boxes"]) == 6
    assert studio.json("GET", f"{base}/cuts?start=0&end=20") == {"start": 0, "end": 20, "cuts": []}
    assert studio.json("GET", f"{base}/cues") == {"cues": [], "markers": [], "problem": ""}
    for direction in ("undo", "redo"):
        studio.json("POST", f"{base}/{direction}")


def test_a_restart_forgets_nothing_and_reports_what_was_interrupted(studio, project, tmp_path):
    """What was being made is marked, with what to do."""
    from react1.pipeline.studio.projects.take_list import TakeList, WantedTake

    path = tmp_path / "project.json"
    first = TakeList(path)
    take = first.add_take(WantedTake(edit_name="e", place="p", edit={}, name="happy-0.7-face", provider="local"))
    first.update(take, state="working")

    again = TakeList(path).record.takes

    assert [(item.id, item.state) for item in again] == [(take.id, "stopped")]
    assert "make it again" in again[0].error
