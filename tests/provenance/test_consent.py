"""Consent is kept by digest, and can be required before a face is sent to a provider."""

from __future__ import annotations

import hashlib
import json

import pytest
from numbered_clips import make_clip
from takes import numbered_take, segment

from react1.pipeline.config.load import load_job
from react1.pipeline.core.edits.edit import Consent, Edit
from react1.pipeline.core.errors import InputMediaError
from react1.pipeline.core.nodes.registry import load_registry
from react1.pipeline.core.values import Record
from react1.pipeline.jobs.budget import check_segment
from react1.pipeline.media.probe import probe
from react1.pipeline.provenance.sign import build_manifest
from react1.pipeline.providers.contract import Limits
from react1.pipeline.report.page import render_page
from react1.pipeline.report.report_json import describe, describe_segment
from react1.pipeline.runner.execute import consents
from react1.pipeline.runner.external_inputs import ingest
from react1.pipeline.store.store import Store

TEXT = b"I agree. Ada"
DIGEST = hashlib.sha256(TEXT).hexdigest()


@pytest.fixture
def film(tmp_path):
    (tmp_path / "consent.pdf").write_bytes(TEXT)
    return make_clip(tmp_path / "film.mp4", frames=30, tracks=0)


def edits_of(tmp_path, yaml: str) -> tuple[Edit, ...]:
    """Return the edits of a job as its trim step gets them, with files by digest."""
    (tmp_path / "job.yaml").write_text(f"preset: emotion-edit\nsource: film.mp4\n{yaml}")
    job = load_job(str(tmp_path / "job.yaml"), registry=load_registry(), base=tmp_path)
    trim = next(step for step in job.steps if step.id == "trim")
    return ingest(trim, Store(tmp_path / "home")).params.edits


def test_the_consent_of_a_job_is_that_of_its_edits(film, tmp_path):
    """Except of an edit that has its own; the document is hashed, and its path starts from the job's folder."""
    first, second = edits_of(
        tmp_path,
        "consent: {performer: Ada, document: consent.pdf, scope: this film}\n"
        "edits:\n  - {in: 2f, out: 9f}\n  - {in: 12f, out: 20f, consent: {performer: Bob}}\n",
    )

    assert first.consent.to_record() == {"performer": "Ada", "scope": "this film", "document_sha256": DIGEST}
    assert second.consent.to_record() == {"performer": "Bob"}


@pytest.mark.slow
def test_it_is_in_record_report_and_manifest(context, film, tmp_path):
    """Each has the digest, and none the document."""
    (edit,) = edits_of(tmp_path, "edits: [{in: 2f, out: 9f, consent: {performer: Ada, document: consent.pdf}}]\n")
    file = context.store(make_clip(context.temp_path("film.mp4"), frames=30, tracks=0))
    placed = segment(probe(context.path(file), file), 2, 9).model_copy(update={"edit": edit})
    take = numbered_take(context, placed)
    expected = {"performer": "Ada", "document_sha256": DIGEST}

    (assertion,) = build_manifest("", [take], ("consent",))["assertions"]
    (silent,) = build_manifest("", [take], ())["assertions"]

    assert consents(Record(run="r", preset="p", segments=(placed,))) == {placed.name: expected}
    assert describe_segment(placed, take, ())["consent"] == expected
    assert assertion["data"]["actions"][1]["parameters"]["com.react1-nodes.edit"]["consent"] == expected
    assert "Ada" not in json.dumps(silent)
    record = Record(run="r", preset="p", source=placed.source, segments=(placed,), takes=(take,))
    report = describe(record, "film")
    page = render_page(record, report, {}, context)
    assert f"consent of Ada (document {DIGEST[:16]}" in page
    assert "agree" not in page


@pytest.mark.slow
@pytest.mark.parametrize(
    ("required", "consent", "refused"), [("1", None, True), ("1", "Ada", False), ("", None, False)]
)
def test_no_face_is_sent_without_a_consent_where_it_is_required(
    context, film, tmp_path, monkeypatch, required, consent, refused
):
    """REACT1_REQUIRE_CONSENT=1 refuses the segment before its upload, as the plan does."""
    monkeypatch.setenv("REACT1_REQUIRE_CONSENT", required)
    file = context.store(make_clip(context.temp_path("film.mp4"), frames=30, tracks=0))
    media = probe(context.path(file), file)
    agreed = Consent(performer=consent) if consent else None
    placed = segment(media, 2, 9).model_copy(update={"edit": Edit(in_="2f", out="9f", consent=agreed)})

    _, error = check_segment(placed, context, Limits())

    assert (isinstance(error, InputMediaError) and "has no consent" in str(error)) is refused
