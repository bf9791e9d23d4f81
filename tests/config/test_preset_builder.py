"""A `Pipeline` is the same preset as its YAML, both ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from react1 import Edit, Pipeline
from react1.pipeline.config.load import load_job
from react1.pipeline.config.presets.shipped import shipped_folder, shipped_names
from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.nodes.registry import load_registry
from react1.pipeline.located_yaml.located import Problems, parse_yaml

TEXT = """\
name: angry
about: An angry take.
inputs:
  source:
    kind: media
  edits:
    kind: edits
steps:
- fetch:
    uri: $source
- trim:
    edits: $edits
    handles: 8f
- transcode
- normalize_audio
- upload
- react1:
    prompt: angry
    id: take
- conform:
    from: take
- splice
"""


def angry():
    """The same preset as TEXT, in Python."""
    return (
        Pipeline("angry", "An angry take.")
        .input("source", "media")
        .input("edits", "edits")
        .fetch("$source")
        .trim(edits="$edits", handles="8f")
        .transcode()
        .normalize_audio()
        .upload()
        .react1(prompt="angry", id="take")
        .conform(from_="take")
        .splice()
    )


def plain(text):
    return parse_yaml(text.encode(), "text", Path.cwd(), Problems()).plain


def test_the_builder_writes_the_yaml_and_reads_it_back():
    """Text for text, and equal."""
    assert angry().to_yaml() == TEXT
    assert Pipeline.from_yaml(TEXT) == angry()


@pytest.mark.parametrize("name", shipped_names())
def test_every_shipped_preset_survives(name, tmp_path):
    """From its file to a pipeline, to YAML, and back: the same document and an equal pipeline."""
    path = shipped_folder() / f"{name}.yaml"
    pipeline = Pipeline.from_yaml(path)

    assert Pipeline.from_yaml(pipeline.to_yaml()) == pipeline
    before, after = plain(path.read_text("utf-8")), plain(pipeline.to_yaml())
    assert {key: value for key, value in after.items() if value} == {
        key: value if key != "steps" else after["steps"] for key, value in before.items() if value
    }
    assert [list(step) if isinstance(step, dict) else [step] for step in after["steps"]] == [
        list(step) if isinstance(step, dict) else [step] for step in before["steps"]
    ]


def test_a_pipeline_loads_as_the_same_job_as_its_file(tmp_path):
    """Each step has the same parameters and wires."""
    (tmp_path / "angry.yaml").write_text(TEXT)
    options = {"registry": load_registry(), "sets": {"source": "film.mp4"}, "edits": ["1-2:sad"], "base": tmp_path}

    built = load_job(angry().preset_text(), **options)
    read = load_job("angry.yaml", **options)

    assert built.steps == read.steps
    assert built.document["steps"] == read.document["steps"]


def test_each_parameter_changes_the_preset():
    """A value, an edit, a path, and a positional one."""
    base = Pipeline().fetch("a.mp4").trim(edits=[Edit(in_=1, out=2, prompt="sad")])

    texts = {
        base.to_yaml(),
        Pipeline().fetch(Path("b.mp4")).trim(edits=[Edit(in_=1, out=2, prompt="sad")]).to_yaml(),
        Pipeline().fetch("a.mp4").trim(edits=[Edit(in_=1, out=2, prompt="happy")]).to_yaml(),
        Pipeline().fetch("a.mp4").trim(edits=[Edit(in_=1, out=2, prompt="sad")], handles="4f").to_yaml(),
        Pipeline("other").fetch("a.mp4").trim(edits=[Edit(in_=1, out=2, prompt="sad")]).to_yaml(),
    }

    assert len(texts) == 5
    assert plain(base.to_yaml())["steps"][1] == {
        "trim": {"edits": [{"in": "00:00:01.000", "out": "00:00:02.000", "prompt": "sad"}]}
    }
    assert Pipeline.from_yaml(base.to_yaml()) == base


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Pipeline().trim(handels="8f"), "trim: no parameter 'handels'; did you mean 'handles'?"),
        (lambda: Pipeline().step("trimm"), "no node 'trimm'"),
        (lambda: Pipeline().fetch("a", uri="b"), "fetch: uri is given twice"),
        (lambda: Pipeline.from_yaml("- 1"), "text: expected a preset"),
        (lambda: Pipeline.from_yaml("steps: [{trim: 1, fetch: 2}]"), "steps"),
        (lambda: Pipeline.from_yaml(Path("none.yaml")), "none.yaml: cannot be read"),
    ],
)
def test_mistakes_are_refused_at_once(build, message):
    """In one line, with the nearest word."""
    with pytest.raises(PresetError, match=r".*") as caught:
        build()

    assert message in str(caught.value)


def test_an_unknown_method_is_an_attribute_error():
    """So that copy, pickle and completion work."""
    with pytest.raises(AttributeError, match="no node 'splise'; did you mean 'splice'"):
        _ = Pipeline().splise
    assert not hasattr(Pipeline(), "_anything")
