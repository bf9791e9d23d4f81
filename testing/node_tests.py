"""The conformance suite of a node."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from ..pipeline.core.errors import Interrupted, React1Error
from ..pipeline.core.nodes.node import Node, Params, ports
from ..pipeline.core.nodes.registry import describe
from ..pipeline.core.values import Value
from ..pipeline.store.keys import digest, make_parts
from .folder_context import FolderContext


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
            assert context._steps <= context.stop_after, "the node went on after it was stopped"
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
