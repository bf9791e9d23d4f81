"""Selection of the landmark back end, its error messages, and equal results from a model file."""

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
from react1.pipeline.engine.landmarks import attention, backend, model_file
from react1.pipeline.engine.landmarks.landmarkers import TasksLandmarker, depth_scale


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """Pretend another Python, mediapipe and machine, without a model file."""
    monkeypatch.delenv(model_file.VARIABLE, raising=False)

    def pretend(python: tuple[int, int], mediapipe: str | None, cpu: str = "x86_64") -> None:
        monkeypatch.setattr(backend, "python_version", lambda: python)
        monkeypatch.setattr(backend, "installed_version", lambda: mediapipe)
        monkeypatch.setattr(backend.platform, "machine", lambda: cpu)
        monkeypatch.setattr(backend.sys, "platform", "linux")

    return pretend


def write_zip(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return path


@pytest.fixture(scope="module")
def wheel(engine_ready: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel with the models of the installed mediapipe, else the file in REACT1_FACE_MODEL."""
    import mediapipe

    folder, names = (
        Path(mediapipe.__file__).parent.parent,
        (model_file._SHORT_RANGE, model_file._FULL_RANGE, model_file._ATTENTION),
    )
    if all((folder / name).is_file() for name in names):
        files = {name: (folder / name).read_bytes() for name in names}
        return write_zip(tmp_path_factory.mktemp("wheel") / "mediapipe-0.10.14.whl", **files)
    named = face_model_path()
    if named is None or named.suffix != ".whl":
        pytest.skip(f"mediapipe {mediapipe.__version__} contains no models, and {model_file.VARIABLE} is not a wheel")
    return named


@pytest.fixture(scope="module")
def bundle(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same models as a bundle for the Tasks API, which has no second detector."""
    path = tmp_path_factory.mktemp("bundle") / "face_landmarker.task"
    path.write_bytes(model_file.read_face_model(wheel).bundle)
    return path


def test_older_mediapipe_uses_its_own_models(machine) -> None:
    """Python 3.12 and mediapipe 0.10.14 need no model file; the identity contains the version."""
    machine((3, 12), "0.10.14")

    chosen = backend.select_backend()

    assert chosen.identity == "mediapipe 0.10.14, its own models"
    assert not chosen.by_file


@pytest.mark.parametrize(
    ("python", "mediapipe", "cpu", "message"),
    [
        (
            (3, 13),
            "0.10.33",
            "x86_64",
            ("Python 3.13", model_file.DOWNLOAD, model_file.BUNDLE_URL, "set REACT1_FACE_MODEL"),
        ),
        ((3, 14), "0.10.33", "x86_64", ("Python 3.14", "3.11 or 3.12", "--provider segmind or sync")),
        ((3, 12), "0.10.33", "x86_64", ("0.10.33 contains no face models", "install 0.10.14")),
        ((3, 13), "1.2.3", "x86_64", ("1.2.3 reports its use to Google", "pip install mediapipe==0.10.33")),
        ((3, 13), "0.10.31", "x86_64", ("0.10.31 cannot run", "pip install mediapipe==0.10.33")),
        ((3, 12), "0.10.35", "x86_64", ("0.10.35 reports its use to Google",)),
        ((3, 12), None, "aarch64", ("pip install 'react1-nodes[local]'",)),
        ((3, 13), None, "x86_64", ("pip install 'react1-nodes[local]'",)),
        ((3, 13), None, "aarch64", ("no wheel", "aarch64", "3.11 or 3.12")),
    ],
)
def test_missing_back_end_is_reported_in_one_line(machine, python, mediapipe, cpu, message) -> None:
    """Each message says what to do, before any library is loaded."""
    machine(python, mediapipe, cpu)

    problem = str(available.problem())

    assert "\n" not in problem
    assert all(part in problem for part in message), problem


def _missing(folder: Path) -> Path:
    return folder / "no.task"


def _text(folder: Path) -> Path:
    path = folder / "text.task"
    path.write_text("not a zip", "utf-8")
    return path


def _truncated(folder: Path) -> Path:
    path = write_zip(folder / "cut.task", **{model_file.DETECTOR: b"x" * 900, model_file.LANDMARKS: b"x" * 900})
    path.write_bytes(path.read_bytes()[:1200])
    return path


def _other(folder: Path) -> Path:
    return write_zip(folder / "hands.task", **{"hand_detector.tflite": b"x"})


def _hollow(folder: Path) -> Path:
    return write_zip(folder / "hollow.task", **{model_file.DETECTOR: b"text", model_file.LANDMARKS: b"text"})


def _other_wheel(folder: Path) -> Path:
    names = (model_file._SHORT_RANGE, model_file._FULL_RANGE, model_file._ATTENTION)
    return write_zip(folder / "other.whl", **dict.fromkeys(names, b"text"))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_missing, "does not exist"),
        (lambda folder: folder, "is a folder"),
        (_text, "is not a complete zip file"),
        (_truncated, "is not a complete zip file"),
        (_other, "contains neither face_landmarks_detector.tflite nor"),
        (_hollow, "is not a face model: its face_detector.tflite is not a TensorFlow Lite model"),
        (
            _other_wheel,
            f"is not a face model: its {model_file._SHORT_RANGE} is not a TensorFlow Lite model",
        ),
    ],
    ids=["missing", "folder", "text", "truncated", "other", "hollow", "other wheel"],
)
def test_invalid_model_file_is_reported_in_one_line(machine, monkeypatch, tmp_path: Path, make, reason: str) -> None:
    """The message has the variable, the path, the reason and where to get a model file."""
    machine((3, 13), "0.10.33")
    path = make(tmp_path)
    monkeypatch.setenv(model_file.VARIABLE, str(path))

    with pytest.raises(MissingExtra) as caught:
        available.require()

    assert caught.value.message.startswith(f"REACT1_FACE_MODEL: {path} {reason}")
    assert model_file.DOWNLOAD in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.exit_status == 2


def test_unloadable_networks_are_reported_in_one_line(engine_ready, monkeypatch, tmp_path: Path) -> None:
    """For a bundle with the right names and empty networks the line contains mediapipe's error."""
    hollow = b"\0\0\0\0TFL3" + bytes(64)
    path = write_zip(tmp_path / "face.task", **{model_file.DETECTOR: hollow, model_file.LANDMARKS: hollow})
    monkeypatch.setenv(model_file.VARIABLE, str(path))

    problem = str(available.problem())

    assert problem.startswith("REACT1_FACE_MODEL: mediapipe ")
    assert "face.task" in problem
    assert "cannot load it (" in problem
    assert "\n" not in problem


def test_missing_graphics_library_is_reported_with_its_package(machine, monkeypatch) -> None:
    """Newer mediapipe loads libGLESv2 when a network is first opened."""

    def opened() -> None:
        raise OSError("libGLESv2.so.2: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(available, "_import_problem", lambda _names: None)
    monkeypatch.setattr(available, "select_backend", lambda: backend.Backend("x", opened, by_file=True))

    assert "libGLESv2.so.2" in str(available.problem())
    assert "apt-get install libegl1 libgles2" in str(available.problem())


def test_face_model_path_is_absolute_or_none() -> None:
    """Unset and blank mean None; ~ is the user's home folder."""
    assert face_model_path({}) is None
    assert face_model_path({"REACT1_FACE_MODEL": "  "}) is None
    assert face_model_path({"REACT1_FACE_MODEL": "face.task"}) == Path.cwd() / "face.task"
    assert face_model_path({"REACT1_FACE_MODEL": "~/face.task"}) == Path.home() / "face.task"


def test_model_files_have_different_cache_keys(monkeypatch, tmp_path: Path) -> None:
    """The local engine's key contains the digest of the model file; without a file it does not."""
    from react1.nodes.react1 import React1, React1Params

    salts = []
    for content in (b"one", b"other"):
        path = tmp_path / "face.task"
        path.write_bytes(content)
        monkeypatch.setenv(model_file.VARIABLE, str(path))
        salts.append(React1.cache_salt(React1Params(provider="local")))
    monkeypatch.delenv(model_file.VARIABLE)

    assert len({*salts, ""}) == 3
    assert React1.cache_salt(React1Params(provider="local")) not in salts


def test_every_landmark_has_one_source_index() -> None:
    """478 points have three values each; a refined point keeps the mesh's depth, an iris has its eye's."""
    indices = attention.gather_indices().reshape(-1, 3)

    assert len(np.unique(indices[:, :2])) == 2 * 478
    assert np.array_equal(indices[:468, 2], 3 * np.arange(468) + 2)
    assert len(set(indices[468:473, 2])) == len(set(indices[473:, 2])) == 1
    assert (indices[np.r_[attention.LIP_ORDER, attention.LEFT_EYE_ORDER, attention.RIGHT_EYE_ORDER], 0] >= 1404).all()


def test_model_file_gives_the_same_landmarks(portrait, wheel: Path, monkeypatch, capfd) -> None:
    """Landmarks differ by less than a thousandth of the eye distance, in a clip and alone, without stderr output."""
    from react1.pipeline.engine.detect.faces import FaceFinder, backend_identity

    if backend.select_backend().by_file:
        pytest.skip("this mediapipe contains no models to compare with")
    monkeypatch.setenv(model_file.VARIABLE, str(wheel))
    with FaceFinder() as finder:
        (face,) = finder.find(portrait.picture)
        single = finder._landmarker.find_face(portrait.picture)

    difference = np.abs([face, single] - portrait.face.points_px) / portrait.face.unit_px
    assert difference.mean((0, 1)).max() < 0.001
    assert difference.max() < 0.01
    assert wheel.name in backend_identity()
    assert capfd.readouterr().err == ""


def side_by_side(step: int, *shown: bool) -> np.ndarray:
    """Return areas of 320x240 with the portrait or grey; the portrait drifts by a pixel per step."""
    import astronaut

    grey = np.full((240, 320, 3), 120, np.uint8)
    return np.hstack([astronaut.still(320, 240, 9 * n + step) if face else grey for n, face in enumerate(shown)])


def test_tracking_matches_the_bundled_models(engine_ready, bundle: Path, capfd) -> None:
    """One drifting face, then two, then one again are tracked as by the bundled models, without stderr output.

    They agree to a thousandth of the eye distance, and to a hundredth after their number has changed, because faces are
    then detected again and tracked from slightly other positions.
    """
    from react1.pipeline.engine.landmarks.landmarkers import BundledLandmarker

    if backend.select_backend().by_file:
        pytest.skip("this mediapipe contains no models to compare with")
    pictures = [side_by_side(step, True, step in (4, 5)) for step in range(8)]
    bundled, tasks = BundledLandmarker(), TasksLandmarker(model_file.read_face_model(bundle), scale_depth=False)

    for step, picture in enumerate(pictures):
        expected, faces = bundled.track_faces(picture), tasks.track_faces(picture)
        assert len(faces) == len(expected) == (2 if step in (4, 5) else 1)
        for face in expected:
            difference = min(np.abs(other - face).mean() for other in faces)
            assert difference < (0.001 if step < 4 else 0.01) * np.linalg.norm(face[33] - face[263])
    bundled.close()
    tasks.close()
    assert capfd.readouterr().err == ""


def test_faces_are_tracked_if_the_detector_loses_them(engine_ready, bundle: Path) -> None:
    """As in FaceMesh, tracked faces are expected again, whatever the detector counts."""
    tasks = TasksLandmarker(model_file.read_face_model(bundle), scale_depth=False)
    assert [len(tasks.track_faces(side_by_side(step, True, True))) for step in range(2)] == [2, 2]

    tasks._counter.close()
    tasks._counter = SimpleNamespace(detect=lambda image: SimpleNamespace(detections=[]), close=lambda: None)

    assert len(tasks.track_faces(side_by_side(2, True, True))) == 2
    tasks.close()


def test_depth_of_a_tilted_face_is_scaled_back() -> None:
    """The factor is 1 upright and in a square picture, and the aspect ratio for a face on its side."""
    for degrees, factor in ((0, 1), (90, 16 / 9), (-90, 16 / 9), (45, np.sqrt((1 + (16 / 9) ** 2) / 2))):
        points = np.zeros((478, 3))
        points[263] = 50 * np.cos(np.radians(degrees)), 50 * np.sin(np.radians(degrees)), 7

        assert depth_scale(points, 16 / 9) == pytest.approx(factor)
        assert depth_scale(points, 1) == pytest.approx(1)

    on_its_side = [SimpleNamespace(x=0.5, y=n / 478, z=0.1) for n in range(478)]
    depths = [
        TasksLandmarker._points(SimpleNamespace(_scale_depth=leans), on_its_side, (90, 160))[0, 2] for leans in (0, 1)
    ]
    assert depths == pytest.approx([16, 9])


def test_model_file_results_are_reproducible(portrait, bundle: Path) -> None:
    """Two landmarkers give bit-identical landmarks for three pictures, and no face on grey."""
    import astronaut

    pictures = [astronaut.still(320, 240, shift) for shift in (0, 3, 6)]
    runs = []
    for _ in range(2):
        tasks = TasksLandmarker(model_file.read_face_model(bundle), scale_depth=False)
        runs.append([tasks.track_faces(picture) for picture in pictures])
        assert tasks.track_faces(np.full((240, 320, 3), 120, np.uint8)) == []
        tasks.close()

    assert [len(faces) for faces in runs[0]] == [1, 1, 1]
    assert np.array_equal(np.array(runs[0]), np.array(runs[1]))


@pytest.mark.slow
def test_take_without_a_second_detector_has_a_note(clip: Path, bundle: Path, monkeypatch, tmp_path: Path) -> None:
    """The face is still re-expressed, and the preflight finds it, too."""
    import astronaut

    from react1.pipeline.core.edits.choices import React1Choices
    from react1.pipeline.engine.detect.faces import FaceFinder
    from react1.pipeline.engine.render.render import render
    from react1.pipeline.preflight.clip_checks import _confirmed_faces

    monkeypatch.setenv(model_file.VARIABLE, str(bundle))

    figures = render(
        clip, None, tmp_path / "take.mp4", React1Choices(prompt="happy"), span=(0, 6), progress=lambda share: None
    )

    assert any("no second detector" in line for line in figures.notes)
    assert figures.frames_with_face == 6
    with FaceFinder() as finder:
        assert not finder.has_detector
        assert len(_confirmed_faces(finder, astronaut.still())) == 1
        assert finder.detect_boxes(np.zeros((64, 64, 3), np.uint8)) == []


def test_wheel_of_another_release_is_refused(tmp_path: Path, wheel: Path) -> None:
    """Its landmark model has other outputs; here the detector replaces the mesh."""
    with zipfile.ZipFile(wheel) as archive:
        detector = archive.read(model_file._SHORT_RANGE)
    names = (model_file._SHORT_RANGE, model_file._FULL_RANGE, model_file._ATTENTION)
    path = write_zip(tmp_path / "other.whl", **dict.fromkeys(names, detector))

    with pytest.raises(MissingExtra, match=r"other models than mediapipe 0\.10\.14"):
        model_file.read_face_model(path)


def test_bundle_is_an_uncompressed_zip_of_two_networks(wheel: Path) -> None:
    """The Tasks API reads the stored networks in place."""
    model = model_file.read_face_model(wheel)

    with zipfile.ZipFile(io.BytesIO(model.bundle)) as archive:
        compression = {item.filename: item.compress_type for item in archive.infolist()}
    assert compression == {model_file.DETECTOR: zipfile.ZIP_STORED, model_file.LANDMARKS: zipfile.ZIP_STORED}
