"""Which back end finds faces, what is said where none can, and that a model file gives the same face."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from react1.pipeline.core.errors import MissingExtra
from react1.pipeline.core.settings import face_model_path
from react1.pipeline.engine import available
from react1.pipeline.engine.landmarks import attention, model_file
from react1.pipeline.engine.landmarks import backend as choose
from react1.pipeline.engine.landmarks.tasks import TasksLandmarker, depth_scale


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """Pretend another Python, mediapipe and machine; no model file is named."""
    monkeypatch.delenv(model_file.VARIABLE, raising=False)

    def pretend(python: tuple[int, int], mediapipe: str | None, cpu: str = "x86_64") -> None:
        monkeypatch.setattr(choose, "python_version", lambda: python)
        monkeypatch.setattr(choose, "installed_version", lambda: mediapipe)
        monkeypatch.setattr(choose.platform, "machine", lambda: cpu)
        monkeypatch.setattr(choose.sys, "platform", "linux")

    return pretend


def zipped(place: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(place, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return place


@pytest.fixture(scope="module")
def wheel(engine_ready: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models of the installed mediapipe, at the places that they have in its wheel; else the file that is named."""
    import mediapipe

    folder, names = (
        Path(mediapipe.__file__).parent.parent,
        (model_file._SHORT_RANGE, model_file._FULL_RANGE, model_file._ATTENTION),
    )
    if all((folder / name).is_file() for name in names):
        files = {name: (folder / name).read_bytes() for name in names}
        return zipped(tmp_path_factory.mktemp("wheel") / "mediapipe-0.10.14.whl", **files)
    named = face_model_path()
    if named is None or named.suffix != ".whl":
        pytest.skip(f"mediapipe {mediapipe.__version__} carries no models, and {model_file.VARIABLE} names no wheel")
    return named


@pytest.fixture(scope="module")
def bundle(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a bundle for the Tasks API, which has no second detector."""
    place = tmp_path_factory.mktemp("bundle") / "face_landmarker.task"
    place.write_bytes(model_file.read_face_model(wheel).bundle)
    return place


def test_older_releases_are_used_with_their_own_models(machine) -> None:
    """Python 3.12 and mediapipe 0.10.14 need nothing else; the version is in the name of the back end."""
    machine((3, 12), "0.10.14")

    chosen = choose.select_backend()

    assert chosen.identity == "mediapipe 0.10.14, its own models"
    assert not chosen.by_file


@pytest.mark.parametrize(
    ("python", "mediapipe", "cpu", "told"),
    [
        (
            (3, 13),
            "0.10.33",
            "x86_64",
            ("Python 3.13", model_file.DOWNLOAD, model_file.BUNDLE_URL, "set REACT1_FACE_MODEL"),
        ),
        ((3, 14), "0.10.33", "x86_64", ("Python 3.14", "3.11 or 3.12", "--provider segmind or sync")),
        ((3, 12), "0.10.33", "x86_64", ("0.10.33 carries no face models", "install 0.10.14")),
        ((3, 13), "1.2.3", "x86_64", ("1.2.3 reports its use to Google", "pip install mediapipe==0.10.33")),
        ((3, 13), "0.10.31", "x86_64", ("0.10.31 cannot run", "pip install mediapipe==0.10.33")),
        ((3, 12), "0.10.35", "x86_64", ("0.10.35 reports its use to Google",)),
        ((3, 12), None, "aarch64", ("pip install 'react1-nodes[local]'",)),
        ((3, 13), None, "x86_64", ("pip install 'react1-nodes[local]'",)),
        ((3, 13), None, "aarch64", ("no wheel", "aarch64", "3.11 or 3.12")),
    ],
)
def test_what_is_missing_is_told_in_one_line(machine, python, mediapipe, cpu, told) -> None:
    """Each with what to do about it, before any library is loaded."""
    machine(python, mediapipe, cpu)

    found = str(available.problem())

    assert "\n" not in found
    assert all(part in found for part in told), found


def _missing(folder: Path) -> Path:
    return folder / "no.task"


def _text(folder: Path) -> Path:
    place = folder / "text.task"
    place.write_text("not a zip", "utf-8")
    return place


def _truncated(folder: Path) -> Path:
    place = zipped(folder / "cut.task", **{model_file.DETECTOR: b"x" * 900, model_file.LANDMARKS: b"x" * 900})
    place.write_bytes(place.read_bytes()[:1200])
    return place


def _other(folder: Path) -> Path:
    return zipped(folder / "hands.task", **{"hand_detector.tflite": b"x"})


def _hollow(folder: Path) -> Path:
    return zipped(folder / "hollow.task", **{model_file.DETECTOR: b"text", model_file.LANDMARKS: b"text"})


def _other_wheel(folder: Path) -> Path:
    names = (model_file._SHORT_RANGE, model_file._FULL_RANGE, model_file._ATTENTION)
    return zipped(folder / "other.whl", **dict.fromkeys(names, b"text"))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_missing, "does not exist"),
        (lambda folder: folder, "is a folder"),
        (_text, "is not a whole zip file"),
        (_truncated, "is not a whole zip file"),
        (_other, "holds neither face_landmarks_detector.tflite nor"),
        (_hollow, "is no face model: its face_detector.tflite is not a TensorFlow Lite model"),
        (
            _other_wheel,
            f"is no face model: its {model_file._SHORT_RANGE} is not a TensorFlow Lite model",
        ),
    ],
    ids=["missing", "folder", "text", "truncated", "other", "hollow", "other wheel"],
)
def test_a_wrong_model_file_is_told_in_one_line(machine, monkeypatch, tmp_path: Path, make, why: str) -> None:
    """The variable, the path, what is wrong, and where to get one; `doctor` and a run say the same."""
    machine((3, 13), "0.10.33")
    place = make(tmp_path)
    monkeypatch.setenv(model_file.VARIABLE, str(place))

    with pytest.raises(MissingExtra) as caught:
        available.require()

    assert caught.value.message.startswith(f"REACT1_FACE_MODEL: {place} {why}")
    assert model_file.DOWNLOAD in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.exit_status == 2


def test_networks_that_cannot_be_opened_are_told_in_one_line(engine_ready, monkeypatch, tmp_path: Path) -> None:
    """A bundle with the right names and nothing in them: what mediapipe says, in the same line."""
    hollow = b"\0\0\0\0TFL3" + bytes(64)
    place = zipped(tmp_path / "face.task", **{model_file.DETECTOR: hollow, model_file.LANDMARKS: hollow})
    monkeypatch.setenv(model_file.VARIABLE, str(place))

    found = str(available.problem())

    assert found.startswith("REACT1_FACE_MODEL: mediapipe ")
    assert "face.task" in found
    assert "cannot load it (" in found
    assert "\n" not in found


def test_a_missing_graphics_library_is_told_with_its_package(machine, monkeypatch) -> None:
    """The newer mediapipe loads libGLESv2 when it is first opened."""

    def opened() -> None:
        raise OSError("libGLESv2.so.2: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(available, "_import_problem", lambda: None)
    monkeypatch.setattr(available, "backend", lambda: choose.Backend("x", opened, by_file=True))

    assert "libGLESv2.so.2" in str(available.problem())
    assert "apt-get install libegl1 libgles2" in str(available.problem())


def test_the_named_file_is_an_absolute_path_or_none() -> None:
    """Unset and blank mean none; ~ is the user's home folder."""
    assert face_model_path({}) is None
    assert face_model_path({"REACT1_FACE_MODEL": "  "}) is None
    assert face_model_path({"REACT1_FACE_MODEL": "face.task"}) == Path.cwd() / "face.task"
    assert face_model_path({"REACT1_FACE_MODEL": "~/face.task"}) == Path.home() / "face.task"


def test_takes_of_two_model_files_have_two_keys(monkeypatch, tmp_path: Path) -> None:
    """The local engine's key holds the file's digest; a host's does not, nor that of the models in the wheel."""
    from react1.nodes.react1 import React1, React1Params

    salts = []
    for content in (b"one", b"other"):
        place = tmp_path / "face.task"
        place.write_bytes(content)
        monkeypatch.setenv(model_file.VARIABLE, str(place))
        salts.append(React1.cache_salt(React1Params(provider="local")))
    monkeypatch.delenv(model_file.VARIABLE)

    assert len({*salts, ""}) == 3
    assert React1.cache_salt(React1Params(provider="local")) not in salts


def test_every_landmark_is_read_from_one_place() -> None:
    """478 points of three numbers; a refined point keeps the mesh's depth, an iris has its eye's."""
    places = attention.gather_indices().reshape(-1, 3)

    assert len(np.unique(places[:, :2])) == 2 * 478
    assert np.array_equal(places[:468, 2], 3 * np.arange(468) + 2)
    assert len(set(places[468:473, 2])) == len(set(places[473:, 2])) == 1
    assert (places[np.r_[attention.LIP_ORDER, attention.LEFT_EYE_ORDER, attention.RIGHT_EYE_ORDER], 0] >= 1404).all()


def test_a_model_file_finds_the_same_face(portrait, wheel: Path, monkeypatch, capfd) -> None:
    """Within a thousandth of the distance between the eyes, depth too, in a clip and alone; and without a word."""
    from react1.pipeline.engine.detect.faces import FaceFinder, backend_identity

    if choose.select_backend().by_file:
        pytest.skip("this mediapipe carries no models to compare with")
    monkeypatch.setenv(model_file.VARIABLE, str(wheel))
    with FaceFinder() as finder:
        (face,) = finder.find(portrait.picture)
        alone = finder._landmarker.find_face(portrait.picture)

    apart = np.abs([face, alone] - portrait.face.points_px) / portrait.face.unit_px
    assert apart.mean((0, 1)).max() < 0.001
    assert apart.max() < 0.01
    assert wheel.name in backend_identity()
    assert capfd.readouterr().err == ""


def side_by_side(step: int, *shown: bool) -> np.ndarray:
    """Two places of 320x240 with the portrait or grey; it drifts by a pixel a step."""
    import astronaut

    grey = np.full((240, 320, 3), 120, np.uint8)
    return np.hstack([astronaut.still(320, 240, 9 * n + step) if face else grey for n, face in enumerate(shown)])


def test_faces_are_followed_as_the_bundled_models_follow_them(engine_ready, bundle: Path, capfd) -> None:
    """A face that drifts, to a thousandth of the eyes' distance; then two, then one again.

    Where their number has changed they are looked for anew, and go on from slightly other places: to a hundredth.
    Nothing is written on standard error.
    """
    from react1.pipeline.engine.landmarks.bundled import BundledLandmarker

    if choose.select_backend().by_file:
        pytest.skip("this mediapipe carries no models to compare with")
    pictures = [side_by_side(step, True, step in (4, 5)) for step in range(8)]
    theirs, ours = BundledLandmarker(), TasksLandmarker(model_file.read_face_model(bundle), depth_leans=False)

    for step, picture in enumerate(pictures):
        expected, found = theirs.track_faces(picture), ours.track_faces(picture)
        assert len(found) == len(expected) == (2 if step in (4, 5) else 1)
        for face in expected:
            apart = min(np.abs(other - face).mean() for other in found)
            assert apart < (0.001 if step < 4 else 0.01) * np.linalg.norm(face[33] - face[263])
    theirs.close()
    ours.close()
    assert capfd.readouterr().err == ""


def test_faces_are_followed_where_the_detector_has_lost_them(engine_ready, bundle: Path) -> None:
    """As FaceMesh holds a face that turns away: what was followed is expected, whatever is counted."""
    tasks = TasksLandmarker(model_file.read_face_model(bundle), depth_leans=False)
    assert [len(tasks.track_faces(side_by_side(step, True, True))) for step in range(2)] == [2, 2]

    tasks._counter.close()
    tasks._counter = SimpleNamespace(detect=lambda image: SimpleNamespace(detections=[]), close=lambda: None)

    assert len(tasks.track_faces(side_by_side(2, True, True))) == 2
    tasks.close()


def test_the_depth_of_a_leaning_face_is_scaled_back() -> None:
    """Upright nothing changes; on its side a face is as much too deep as the picture is wide; in a square never."""
    for degrees, factor in ((0, 1), (90, 16 / 9), (-90, 16 / 9), (45, np.sqrt((1 + (16 / 9) ** 2) / 2))):
        points = np.zeros((478, 3))
        points[263] = 50 * np.cos(np.radians(degrees)), 50 * np.sin(np.radians(degrees)), 7

        assert depth_scale(points, 16 / 9) == pytest.approx(factor)
        assert depth_scale(points, 1) == pytest.approx(1)

    on_its_side = [SimpleNamespace(x=0.5, y=n / 478, z=0.1) for n in range(478)]
    depths = [
        TasksLandmarker._points(SimpleNamespace(_depth_leans=leans), on_its_side, (90, 160))[0, 2] for leans in (0, 1)
    ]
    assert depths == pytest.approx([16, 9])


def test_the_same_pictures_give_the_same_landmarks_by_file(portrait, bundle: Path) -> None:
    """Two landmarkers over three pictures: equal to the last bit; no face on grey."""
    import astronaut

    pictures = [astronaut.still(320, 240, shift) for shift in (0, 3, 6)]
    runs = []
    for _ in range(2):
        tasks = TasksLandmarker(model_file.read_face_model(bundle), depth_leans=False)
        runs.append([tasks.track_faces(picture) for picture in pictures])
        assert tasks.track_faces(np.full((240, 320, 3), 120, np.uint8)) == []
        tasks.close()

    assert [len(faces) for faces in runs[0]] == [1, 1, 1]
    assert np.array_equal(np.array(runs[0]), np.array(runs[1]))


def test_without_a_second_detector_faces_have_no_witness_and_the_take_says_so(
    clip: Path, bundle: Path, monkeypatch, tmp_path: Path
) -> None:
    """The face is re-expressed all the same; the preflight sees it too."""
    import astronaut

    from react1.pipeline.core.choices import React1Choices
    from react1.pipeline.engine.detect.faces import FaceFinder
    from react1.pipeline.engine.render.render import render
    from react1.pipeline.preflight.clip_checks import _largest_px

    monkeypatch.setenv(model_file.VARIABLE, str(bundle))

    figures = render(
        clip, None, tmp_path / "take.mp4", React1Choices(prompt="happy"), span=(0, 6), progress=lambda share: None
    )

    assert any("no second detector" in line for line in figures.notes)
    assert figures.frames_with_face == 6
    with FaceFinder() as finder:
        assert not finder.has_detector
        assert len(_largest_px(finder, astronaut.still())) == 1
        assert finder.detect_boxes(np.zeros((64, 64, 3), np.uint8)) == []


def test_a_wheel_of_another_release_is_told(tmp_path: Path, wheel: Path) -> None:
    """Its landmark model has other outputs: the detector's, put in the place of the mesh."""
    with zipfile.ZipFile(wheel) as archive:
        detector = archive.read(model_file._SHORT_RANGE)
    names = (model_file._SHORT_RANGE, model_file._FULL_RANGE, model_file._ATTENTION)
    place = zipped(tmp_path / "other.whl", **dict.fromkeys(names, detector))

    with pytest.raises(MissingExtra, match=r"other models than mediapipe 0\.10\.14"):
        model_file.read_face_model(place)


def test_a_bundle_is_a_plain_zip_of_two_networks(wheel: Path) -> None:
    """Stored, not packed: the Tasks API reads them in place."""
    found = model_file.read_face_model(wheel)

    with zipfile.ZipFile(io.BytesIO(found.bundle)) as archive:
        packed = {each.filename: each.compress_type for each in archive.infolist()}
    assert packed == {model_file.DETECTOR: zipfile.ZIP_STORED, model_file.LANDMARKS: zipfile.ZIP_STORED}
