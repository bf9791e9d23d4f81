"""Refuse a job that writes outside its own folder: a file from somebody else must not choose where it writes.

A step may write into the folder of the job or the preset, to a path of the command line, and next to the source if
the preset's default or a command line that names the source puts it there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from ..core.file import Deliver, is_marked
from ..located_yaml.located import Located, Location, Problems
from ..located_yaml.model_walk import is_url
from .checked_job import Step
from .presets.shipped import shipped_folder


def output_path(step: Step) -> Path | None:
    """Return where a step's result is to be delivered, or None."""
    for name, field in type(step.params).model_fields.items():
        if is_marked(field, Deliver):
            path = getattr(step.params, name)
            return Path(path) if path else None
    return None


def check_output_places(
    steps: Sequence[Step],
    inputs: Mapping[str, Located],
    from_job: Collection[str],
    from_command_line: Collection[str],
    files: Sequence[Path],
    base: Path,
    problems: Problems,
) -> None:
    """Report every step that writes to a place which the job's author, but not its user, has chosen.

    Args:
        steps: the steps, with all inputs filled in.
        inputs: the inputs of the preset.
        from_job: the inputs that the job sets.
        from_command_line: the inputs that the command line sets.
        files: the job and the preset.
        base: the current folder.
        problems: gets the errors.
    """
    own = [path.absolute().parent for path in files if path.absolute().parent != shipped_folder()]
    chosen = [Path(str(inputs[name].value)) for name in from_command_line if _is_path(inputs.get(name))]
    for step in steps:
        path = output_path(step)
        if path is None:
            continue
        name, tree = _input_of(path, inputs)
        beside_source = name not in from_job or "source" in from_command_line
        places = [*own, *chosen, *(_source_folder(inputs, base) if beside_source else ())]
        if any(path.resolve().is_relative_to(place.resolve()) for place in places):
            continue
        location = tree.location if tree is not None else Location(str(files[0]), base)
        where = f"the folder of {files[0].name}" if own else "the source's folder"
        problems.add_at(
            location,
            (name or step.id,),
            f"{path} is outside {where}; pass it with --out or --set {name or 'out'}=…, or add --allow-outside",
        )


def _input_of(path: Path, inputs: Mapping[str, Located]) -> tuple[str, Located | None]:
    """Return the input that has a path as its value; "" and None for a path that stands in a step."""
    for name, tree in inputs.items():
        if tree.value == str(path) and not tree.invalid:
            return name, tree
    return "", None


def _is_path(tree: Located | None) -> bool:
    return tree is not None and isinstance(tree.value, str) and Path(tree.value).is_absolute()


def _source_folder(inputs: Mapping[str, Located], base: Path) -> Iterator[Path]:
    source = inputs.get("source")
    if source is not None and isinstance(source.value, str):
        yield base if is_url(source.value) else Path(source.value).parent
