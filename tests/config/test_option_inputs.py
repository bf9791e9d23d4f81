"""Inputs of the kind `options`: a mapping or a word for a parameter with parts of its own."""

from __future__ import annotations

from fractions import Fraction

import pytest

from react1.pipeline.config.load import job_from_document, load_job
from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.nodes.registry import load_registry
from react1.pipeline.core.times import Seconds

NODES = load_registry()


def splice_of(job):
    return next(step.params for step in job.steps if step.id == "splice")


def load(folder, extra="", **options):
    path = folder / "job.yaml"
    path.write_text(f"preset: emotion-edit\nsource: a.mp4\nedits: [{{in: 1, out: 2, prompt: happy}}]\n{extra}")
    return load_job(str(path), registry=NODES, base=folder, **options)


def test_without_a_value_the_nodes_defaults_apply(tmp_path):
    """The seam is a dissolve of three frames, and every check has its default."""
    params = splice_of(load(tmp_path))

    assert (params.seam.video, params.seam.frames, params.exact) == ("dissolve", 3, "prefer")
    assert params.checks.seam_delta_e == 3.0


def test_a_job_may_use_any_form_of_options(tmp_path):
    """A word, a mapping, and null inside a mapping are accepted; the rest keeps its default."""
    job = load(
        tmp_path,
        "seam: cut\nchecks: {seam_delta_e: 2.5, click_db: null}\nsound: {match: 'off'}\n"
        "exact: require\ncomposite: face\n",
    )

    params = splice_of(job)

    assert params.seam.video == "cut"
    assert (params.checks.seam_delta_e, params.checks.click_db, params.checks.loudness_step_lu) == (2.5, None, 6.0)
    assert (params.sound.match, params.exact) == ("off", "require")
    assert next(step.params for step in job.steps if step.id == "conform").composite == "face"


def test_the_command_line_takes_options_as_yaml(tmp_path):
    """An option is a mapping in braces, or a word."""
    job = load(tmp_path, sets={"seam": "{video: {morph: 5}}", "checks": "{frozen_frames: 2}"})

    assert (splice_of(job).seam.video, splice_of(job).seam.frames) == ("morph", 5)
    assert splice_of(job).checks.frozen_frames == 2
    assert splice_of(load(tmp_path, sets={"seam": "cut"})).seam.video == "cut"


@pytest.mark.parametrize("written", ["0.5", "'0.5'", "00:00:00.500"])
def test_handles_are_a_time_however_it_is_written(tmp_path, written):
    """A number is seconds, as everywhere else; it needs no quotes."""
    job = load(tmp_path, f"handles: {written}\n")
    by_option = load(tmp_path, sets={"handles": written.strip("'")})

    for loaded in (job, by_option):
        assert next(step.params for step in loaded.steps if step.id == "trim").handles == Seconds(Fraction(1, 2))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("handles: soon", r"job.yaml:4:10: handles: 'soon' is not a time"),
        ("seam: [cut]", r"job.yaml:4:7: seam: expected a mapping or text"),
        ("seam: fade", r"job.yaml:4:7: .*seam: 'fade' is not one of cut, dissolve, morph"),
        ("seam: {video: {wipe: 3}}", r"job.yaml:4:\d+: seam.video: expected cut, dissolve, morph, not a mapping"),
        ("checks: {seam_delta: 3}", r"job.yaml:4:\d+: .*unknown key: 'seam_delta'.*did you mean 'seam_delta_e'"),
        ("checks: {click_db: loud}", r"job.yaml:4:\d+: .*click_db: expected a number"),
        ("composite: faces", r"job.yaml:4:\d+: composite: 'faces' is not one of auto, face, frame"),
    ],
)
def test_a_problem_is_reported_at_its_line(tmp_path, extra, message):
    """The message has the line of the job and names the parameter."""
    with pytest.raises(PresetError, match=message):
        load(tmp_path, extra + "\n")


def test_options_survive_the_document_of_a_run(tmp_path):
    """A resumed run has the same options."""
    job = load(tmp_path, "seam: {video: {dissolve: 5}}\n")

    again = job_from_document(job.document, NODES)

    assert splice_of(again) == splice_of(job)
