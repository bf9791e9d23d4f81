"""Settings of a job in ComfyUI: the timeline of its markers, consent, a label, and a signature."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from comfyui_jobs import digest, workflow
from numbered_clips import make_clip

from react1.pipeline.provenance.credentials import make_test_credentials
from react1.pipeline.provenance.sign import read_provenance

pytestmark = pytest.mark.slow


def with_settings(job, **settings):
    """Return a workflow with Settings connected to Re-express."""
    job["5"] = {"class_type": "react1_settings", "inputs": settings}
    job["3"]["inputs"]["settings"] = ["5", 0]
    return job


def test_an_edit_at_a_marker_takes_the_timeline_of_settings(server):
    """An EDL of another name than the film's."""
    (server.folder / "input" / "cut.edl").write_text(
        "TITLE: a\nFCM: NON-DROP FRAME\n\n001  AX  V  C  00:00:08:10 00:00:08:22 00:00:00:10 00:00:00:22\n"
        "* LOC: 00:00:00:12 RED M1\n"
    )
    job = workflow(edit={"in": "", "out": "", "at_marker": "M1"})

    outcome = server.run(with_settings(job, timeline_file="cut.edl", timeline_clock="record"))

    assert not outcome.errors
    assert len(server.renderer.rendered) == 1


def test_consent_and_label_of_the_job_reach_the_run(server):
    """In the record of the run, and in the pictures; the document by its digest alone."""
    document = server.folder / "input" / "agreed.pdf"
    document.write_bytes(b"agreed")
    plain = server.run(workflow())
    job = with_settings(
        workflow(), consent_performer="Ada", consent_document="agreed.pdf", disclosure=True, disclosure_label="EDITED"
    )

    labelled = server.run(job)

    assert not labelled.errors
    records = [
        json.loads(path.read_text()) for path in (server.folder / "user" / "__react1" / "runs").glob("*/run.json")
    ]
    (consent,) = [record["consents"]["s01"] for record in records if record["consents"]]
    assert consent == {"performer": "Ada", "document_sha256": hashlib.sha256(b"agreed").hexdigest()}
    assert digest(labelled.outputs["4"][0][0]) != digest(plain.outputs["4"][0][0])


def test_a_signature_needs_a_container_that_holds_it(server, monkeypatch, tmp_path):
    """A file beside a film would be lost on the way; a server without a certificate is told its variable."""
    make_clip(server.folder / "input" / "film.mkv", frames=40, size=(160, 90))
    job = with_settings(workflow(), provenance=True)

    assert "REACT1_SIGN_CERTIFICATE" in server.run(job).errors["3"]
    job["1"]["inputs"]["file"] = "film.mkv"
    assert "provenance: the manifest of a .mkv film is a file of its own" in server.run(job).errors["3"]


def test_a_film_is_signed(server, monkeypatch, tmp_path):
    """With the certificate that the server's environment names."""
    pytest.importorskip("c2pa")
    certificate, key, _ = make_test_credentials(tmp_path / "certificates")
    monkeypatch.setenv("REACT1_SIGN_CERTIFICATE", str(certificate))
    monkeypatch.setenv("REACT1_SIGN_KEY", str(key))

    outcome = server.run(with_settings(workflow(), provenance=True))

    assert not outcome.errors
    assert read_provenance(Path(outcome.outputs["4"][0][0])).state == "valid"
