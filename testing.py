"""Test your own nodes: a context on a temporary folder, clips that carry their truth, a clock, and a conformance suite.

    from react1.testing import ClipRecipe, FolderContext, NodeTests, probe_clip

    class TestFlip(NodeTests):
        node = Flip

        def params(self):
            return FlipParams(both=True)

        def inputs(self, context):
            return {"segment": make_segment(context, ClipRecipe(frames=20))}

Everything that is not in `__all__` is private and may change.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
from numpy.typing import NDArray

from .pipeline.core.edit import Edit
from .pipeline.core.errors import Interrupted, React1Error
from .pipeline.core.file import File
from .pipeline.core.node import Node, Params, ports
from .pipeline.core.registry import describe
from .pipeline.core.values import Media, Segment, Value
from .pipeline.media.probe import probe
from .pipeline.media.process import run_tool
from .pipeline.store.keys import digest, make_parts

__all__ = [
    "ClipRecipe",
    "FakeClock",
    "FolderContext",
    "NodeTests",
    "click_times_s",
    "draw_frame",
    "frame_number",
    "frame_numbers",
    "make_clip",
    "make_segment",
    "probe_clip",
]

_COLUMNS, _ROWS = 6, 4
_BLACK, _GREY, _WHITE = 40, 120, 200
_CORNERS = ((0, 0, _WHITE), (0, _COLUMNS - 1, _GREY), (_ROWS - 1, _COLUMNS - 1, _BLACK), (_ROWS - 1, 0, _BLACK))
_CELLS = [
    (row, column)
    for row in range(_ROWS)
    for column in range(_COLUMNS)
    if (row, column) not in {(r, c) for r, c, _ in _CORNERS}
]
_CLICK_HZ = 3000
_SAMPLE_RATE_HZ = 48000
_REPRODUCIBLE = {"libx264": {"threads": "1", "x264-params": "mbtree=0"}}
"""Options with which the encoder gives the same bytes each time; mbtree reads memory that was never written."""


class FolderContext:
    """A `NodeContext` on one folder, with real tools; it records progress and command lines.

    Attributes:
        shares: every value that `progress` was called with, in order.
        calls: the argument list of every tool that was run.
        stop_after: number of calls of any method after which `Interrupted` is raised; None for never.
    """

    def __init__(self, folder: Path, *, stop_after: int | None = None) -> None:
        self.folder = folder
        self.shares: list[float] = []
        self.calls: list[list[str]] = []
        self.stop_after = stop_after
        self._steps = 0
        self._temporary = 0

    def path(self, file: File) -> Path:
        """Return where the content of a file can be read."""
        self._step()
        return self._stored(file)

    def temp_path(self, name: str) -> Path:
        """Return a path for a new file of this name in a folder of its own."""
        self._step()
        self._temporary += 1
        folder = self.folder / "temp" / str(self._temporary)
        folder.mkdir(parents=True)
        return folder / name

    def store(self, path: Path) -> File:
        """Move a finished file into the store under its SHA-256."""
        self._step()
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        file = File(digest=sha256, suffix=path.suffix.lower(), size_bytes=path.stat().st_size)
        self._stored(file).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, self._stored(file))
        return file

    def add_external(self, path: Path) -> File:
        """Store a copy of a file, as the runner does with a source."""
        folder = self.folder / "external"
        folder.mkdir(parents=True, exist_ok=True)
        copy = folder / path.name
        shutil.copyfile(path, copy)
        return self.store(copy)

    def cache_get(self, parts: Mapping[str, Any]) -> Path | None:
        """Return the file that was cached under these parts, or None."""
        self._step()
        cached = self._cached(parts)
        return cached if cached.is_file() else None

    def cache_put(self, parts: Mapping[str, Any], path: Path) -> None:
        """Cache a finished file under these parts."""
        self._step()
        cached = self._cached(parts)
        cached.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, cached)

    def progress(self, share: float) -> None:
        """Record how much is done, 0 to 1."""
        self._step()
        assert 0 <= share <= 1, f"progress {share} is not between 0 and 1"
        self.shares.append(share)

    def run_tool(self, argv: Sequence[str], *, duration_s: float | None = None, timeout_s: float = 600) -> str:
        """Run a tool to its end and return its standard error."""
        self._step()
        self.calls.append(list(argv))
        return run_tool(argv, timeout_s=timeout_s)

    def stored_files(self) -> list[Path]:
        """Return every file of the store."""
        return sorted(path for path in (self.folder / "store").rglob("*") if path.is_file())

    def _stored(self, file: File) -> Path:
        return self.folder / "store" / f"{file.digest}{file.suffix}"

    def _cached(self, parts: Mapping[str, Any]) -> Path:
        return self.folder / "cache" / hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _step(self) -> None:
        self._steps += 1
        if self.stop_after is not None and self._steps > self.stop_after:
            raise Interrupted("stopped by the test")


class FakeClock:
    """A clock that moves only when it is slept on; use its methods where a clock is an argument."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self.elapsed_s = 0.0
        self.sleeps_s: list[float] = []

    def now(self) -> datetime:
        """Return the time of day, UTC."""
        return self._start + timedelta(seconds=self.elapsed_s)

    def monotonic(self) -> float:
        """Return monotonic seconds."""
        return self.elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Advance the clock at once."""
        self.sleeps_s.append(seconds)
        self.elapsed_s += seconds


@dataclass(frozen=True)
class ClipRecipe:
    """How a test clip is made: every frame shows its own number, every second has a click."""

    frames: int = 50
    rate: Fraction = Fraction(25)
    size: tuple[int, int] = (320, 180)
    """(width, height) in pixels, both even."""
    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    gop: int = 12
    """Frames from one keyframe to the next."""
    options: dict[str, str] = field(default_factory=dict)
    """Options of the video encoder."""
    first_number: int = 0
    """The number that the first frame shows."""
    sound: bool = True
    """Whether there is a track of 48 kHz PCM with a quiet tone and a click at each full second."""

    @property
    def duration_s(self) -> Fraction:
        """How long the picture is shown."""
        return self.frames / self.rate


def make_clip(path: Path, recipe: ClipRecipe | None = None, **changes: Any) -> Path:
    """Write a clip; the suffix decides the container (`.mov`, `.mkv` take PCM sound)."""
    recipe = recipe or ClipRecipe(**changes)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream(
            recipe.codec, rate=recipe.rate, options=_REPRODUCIBLE.get(recipe.codec, {}) | recipe.options
        )
        video.width, video.height = recipe.size
        video.pix_fmt = recipe.pix_fmt
        video.codec_context.gop_size = recipe.gop
        audio: Any = container.add_stream("pcm_s16le", rate=_SAMPLE_RATE_HZ, layout="mono") if recipe.sound else None
        if audio is not None:
            samples = _samples(recipe)
            for first in range(0, len(samples), 1024):
                part = np.ascontiguousarray(samples[None, first : first + 1024])
                sound = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
                sound.sample_rate, sound.pts = _SAMPLE_RATE_HZ, first
                container.mux(audio.encode(sound))
            container.mux(audio.encode(None))
        for number in range(recipe.frames):
            image = np.repeat(draw_frame(recipe.first_number + number, recipe.size)[..., None], 3, axis=2)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, 1 / recipe.rate
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def probe_clip(context: FolderContext, path: Path) -> Media:
    """Store a copy of a film and return it as a `Media` value."""
    file = context.add_external(path)
    return probe(context._stored(file), file)


def make_segment(
    context: FolderContext, recipe: ClipRecipe | None = None, *, edit: Edit | None = None, suffix: str = ".mov"
) -> Segment:
    """Make a clip and return it as a `Segment` that spans it completely, without handles."""
    recipe = recipe or ClipRecipe()
    media = probe_clip(context, make_clip(context.folder / "made" / f"clip{suffix}", recipe))
    return Segment(
        name="s01",
        source=media,
        edit=edit or Edit.model_validate({"in": "0f", "out": f"{recipe.frames}f", "prompt": "happy"}),
        start_frame=0,
        end_frame=recipe.frames,
        head_frames=0,
        tail_frames=0,
        media=media,
        frames=tuple(range(recipe.frames)),
    )


def draw_frame(number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw the luma of one frame, `(height, width) uint8`: a grid of 6 by 4 blocks that encodes `number`, 0 to 65535.

    The corners show how the picture is turned (white, grey, black, black, clockwise from the top left); 16 blocks hold
    the number and 4 a check of it.
    """
    width, height = size
    grid = np.full((_ROWS, _COLUMNS), _BLACK, np.uint8)
    for row, column, value in _CORNERS:
        grid[row, column] = value
    bits = number | (number.bit_count() % 16) << 16
    for position, (row, column) in enumerate(_CELLS):
        grid[row, column] = _WHITE if bits >> position & 1 else _BLACK
    return grid[np.arange(height)[:, None] * _ROWS // height, np.arange(width)[None] * _COLUMNS // width]


def frame_number(image: NDArray[Any]) -> int:
    """Return the number that an upright picture shows; `(height, width)` luma or `(height, width, 3)` RGB.

    Raises:
        ValueError: the picture is turned or mirrored, or its check fails.
    """
    luma = image.astype(float) if image.ndim == 2 else image @ np.array([0.299, 0.587, 0.114])
    height, width = luma.shape
    reach_y, reach_x = max(1, height // _ROWS // 4), max(1, width // _COLUMNS // 4)
    centre_y = [(2 * row + 1) * height // (2 * _ROWS) for row in range(_ROWS)]
    centre_x = [(2 * column + 1) * width // (2 * _COLUMNS) for column in range(_COLUMNS)]
    grid = np.array(
        [[luma[y - reach_y : y + reach_y, x - reach_x : x + reach_x].mean() for x in centre_x] for y in centre_y]
    )
    white, grey, dark = grid[0, 0], grid[0, -1], max(grid[-1, -1], grid[-1, 0])
    if not white > grey + 20 > grey > dark + 20:
        raise ValueError(f"the picture is turned or mirrored: {grid.round().astype(int).tolist()}")
    middle = (grid[0, 0] + grid[-1, -1]) / 2
    bits = sum(int(grid[cell] > middle) << position for position, cell in enumerate(_CELLS))
    number, check = bits & 0xFFFF, bits >> 16
    if number.bit_count() % 16 != check:
        raise ValueError(f"unreadable number: {grid.round().astype(int).tolist()}")
    return number


def frame_numbers(path: Path) -> list[int]:
    """Return the number that every frame of a film shows, in the order of presentation."""
    with av.open(str(path)) as container:
        return [frame_number(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def click_times_s(samples: NDArray[Any], rate_hz: int = _SAMPLE_RATE_HZ, *, threshold: float = 0.3) -> list[float]:
    """Return when each click begins, in seconds from the first sample; `(samples,) float` from -1 to 1."""
    loud = np.flatnonzero(np.abs(samples) > threshold)
    if not len(loud):
        return []
    starts = loud[np.concatenate([[True], np.diff(loud) > rate_hz // 10])]
    return [float(start) / rate_hz for start in starts]


def _samples(recipe: ClipRecipe) -> NDArray[np.int16]:
    clock = np.arange(round(recipe.duration_s * _SAMPLE_RATE_HZ)) / _SAMPLE_RATE_HZ
    tone = 0.02 * np.sin(2 * np.pi * 440 * clock)
    click = 0.9 * np.cos(2 * np.pi * _CLICK_HZ * (clock % 1))
    return np.round(np.where(clock % 1 < 0.004, click, tone) * 32767).astype(np.int16)


class NodeTests:
    """The conformance suite of a node: subclass it, set `node`, and override `params` and `inputs`.

    pytest collects the subclass. Override `failures` with inputs that the node must refuse.
    """

    node: ClassVar[type[Node]]

    def params(self) -> Params:
        """Return valid parameters; by default those without any argument."""
        return ports(self.node).params()

    def inputs(self, context: FolderContext) -> Mapping[str, Any]:
        """Return one value per input of `run`, by its name."""
        raise NotImplementedError("return the inputs of the node's run")

    def failures(self, context: FolderContext) -> Iterator[tuple[Params, Mapping[str, Any], type[React1Error]]]:
        """Yield parameters and inputs that the node must refuse, each with the error that it must raise."""
        yield from ()

    def context(self, folder: Path, **options: Any) -> FolderContext:
        """Return a context on a new folder."""
        return FolderContext(folder, **options)

    def test_the_header_follows_the_contract(self) -> None:
        """Name, version, workload and tools are declared, and a docstring says what the node does."""
        info = describe(self.node, "tests")

        assert info.name == self.node.name
        assert self.node.version >= 1
        assert info.about, f"{self.node.__name__} needs a docstring"

    def test_every_parameter_is_described_and_unknown_ones_are_refused(self) -> None:
        """Surfaces show the descriptions; a misspelt key must never be ignored."""
        model = ports(self.node).params
        bare = [name for name, parameter in model.model_fields.items() if not parameter.description]

        assert not bare, f"without a description: {', '.join(bare)}"
        assert model.model_config.get("extra") == "forbid"
        assert model.model_config.get("frozen") is True

    def test_parameters_survive_json(self) -> None:
        """They are stored with every run."""
        params = self.params()

        assert type(params).model_validate_json(params.model_dump_json()) == params

    def test_the_result_survives_json(self, tmp_path: Path) -> None:
        """Results are stored as JSON and read back by the steps after."""
        for value in _values(self._run(self.context(tmp_path))):
            assert type(value).model_validate_json(value.model_dump_json()) == value

    def test_the_result_is_of_the_declared_type(self, tmp_path: Path) -> None:
        """One value, or a list of them, as the annotation of `run` says."""
        result = self._run(self.context(tmp_path))
        declared = ports(self.node)

        assert isinstance(result, list) is declared.fans_out
        assert all(isinstance(value, declared.output) for value in _values(result))

    def test_the_same_inputs_give_the_same_result(self, tmp_path: Path) -> None:
        """Results are found by their key, so they must not depend on the time or on chance."""
        first = self._run(self.context(tmp_path / "first"))
        second = self._run(self.context(tmp_path / "second"))

        assert [value.model_dump_json() for value in _values(first)] == [
            value.model_dump_json() for value in _values(second)
        ]

    def test_the_key_is_stable_and_follows_the_version(self, tmp_path: Path) -> None:
        """The same call has the same key; a raised version has another."""
        inputs = self.inputs(self.context(tmp_path))
        key = digest(make_parts(self.node, self.params(), inputs, {}))
        newer = type(self.node.__name__, (self.node,), {"version": self.node.version + 1})

        assert digest(make_parts(self.node, self.params(), inputs, {})) == key
        assert digest(make_parts(newer, self.params(), inputs, {})) != key

    def test_inputs_are_not_changed(self, tmp_path: Path) -> None:
        """A node reads its inputs; every stored file still has its digest afterwards."""
        context = self.context(tmp_path)
        self._run(context)

        _assert_complete(context)

    def test_progress_rises(self, tmp_path: Path) -> None:
        """Shares lie between 0 and 1 and never fall."""
        context = self.context(tmp_path)
        self._run(context)

        assert context.shares == sorted(context.shares)

    def test_a_stop_passes_through_and_leaves_no_half_file(self, tmp_path: Path) -> None:
        """Whenever the run is stopped or killed, the error passes and the store holds complete files only."""
        for stop_after in range(60):
            context = self.context(tmp_path / str(stop_after))
            inputs = self.inputs(context)
            context.stop_after = context._steps + stop_after
            try:
                self._run(context, inputs)
            except Interrupted:
                _assert_complete(context)
                continue
            return

    def test_declared_failures_are_raised_in_one_line(self, tmp_path: Path) -> None:
        """Bad input ends in the declared error, and its message is one line."""
        context = self.context(tmp_path)
        for params, inputs, expected in self.failures(context):
            try:
                self._call(context, params, inputs)
            except expected as error:
                assert error.message and "\n" not in error.message
            else:
                raise AssertionError(f"{params} {inputs} did not raise {expected.__name__}")

    def _run(self, context: FolderContext, inputs: Mapping[str, Any] | None = None) -> Any:
        return self._call(context, self.params(), self.inputs(context) if inputs is None else inputs)

    def _call(self, context: FolderContext, params: Params, inputs: Mapping[str, Any]) -> Any:
        run: Callable[..., Any] = self.node().run  # type: ignore[attr-defined]
        unknown = set(inputs) - set(inspect.signature(run).parameters)
        assert not unknown, f"inputs() returns {', '.join(sorted(unknown))}, which run does not take"
        return run(context, params, **inputs)


def _values(result: Any) -> list[Value]:
    return list(result) if isinstance(result, list) else [result]


def _assert_complete(context: FolderContext) -> None:
    for path in context.stored_files():
        with path.open("rb") as stream:
            assert hashlib.file_digest(stream, "sha256").hexdigest() == path.stem, (
                f"{path.name} is incomplete or changed"
            )
