"""A film is signed without a change to its packets, and what it says of itself can be read back."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from numbered_clips import make_clip
from takes import dialogue_line, numbered_take, segment, shown, source_take

from react1.nodes.fetch import Fetch, FetchParams
from react1.nodes.sign import Sign, SignParams
from react1.nodes.splice import Splice, SpliceParams
from react1.pipeline.config.load import load_job
from react1.pipeline.core.errors import PresetError
from react1.pipeline.core.nodes.registry import load_registry
from react1.pipeline.media.probe import probe
from react1.pipeline.runner.deliveries import file_targets
from react1.pipeline.runner.external_inputs import require_providers, resolve_providers

pytest.importorskip("c2pa", reason="signing needs the extra provenance")

from react1.pipeline.provenance.credentials import make_test_credentials, read_credentials
from react1.pipeline.provenance.sign import (
    STALE,
    UNFIT,
    build_manifest,
    holds_manifest,
    packet_digests,
    read_provenance,
    sign_film,
)


@pytest.fixture(scope="module")
def credentials(tmp_path_factory) -> tuple[Path, Path, Path]:
    """A test certificate, its key and its root."""
    return make_test_credentials(tmp_path_factory.mktemp("provenance"))


@pytest.fixture
def params(credentials) -> SignParams:
    certificate, key, _ = credentials
    return SignParams(certificate=str(certificate), key=str(key), title="An interview")


def film_and_take(context, suffix=".mp4", **request):
    path = make_clip(context.temp_path(f"film{suffix}"), frames=30, tracks=1)
    file = context.store(path)
    film = probe(context.path(file), file)
    take = numbered_take(context, segment(film, 5, 20, prompt="sad"))
    return film, take.model_copy(update={"provider": "segmind", "request": request, "request_id": "r-77"})


def with_suffix(context, media) -> Path:
    """Return a copy of a stored film under a name with its suffix."""
    return Path(shutil.copy(context.path(media.file), context.temp_path(f"copy{media.file.suffix}")))


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_a_signed_film_has_the_same_packets_and_says_what_was_changed(context, params, credentials, suffix):
    """Valid for anybody, trusted by those who trust the root; the span is in seconds of the film's clock."""
    film, take = film_and_take(context, suffix, prompt="sad", temperature=0.7, video_url="https://secret.example/v")

    signed = Sign().run(context, params, film, [take])

    path = with_suffix(context, signed)
    assert packet_digests(path) == packet_digests(with_suffix(context, film))
    assert signed.sidecar is None
    provenance = read_provenance(path)
    assert (provenance.state, provenance.title, provenance.ingredients) == ("valid", "An interview", ("source",))
    assert read_provenance(path, trust=credentials[2]).state == "trusted"
    assert "not trusted" not in provenance.signer  # whether it is, `state` says
    opened, edited = provenance.actions
    assert opened["action"] == "c2pa.opened"
    assert edited["digitalSourceType"].endswith("compositeWithTrainedAlgorithmicMedia")
    assert edited["softwareAgent"] == {"name": "React-1 by segmind"}
    assert edited["changes"][0]["region"][0]["time"] == {"type": "npt", "start": "0.2", "end": "0.8"}
    span = {"start_frame": 5, "end_frame": 20}
    assert edited["parameters"]["com.react1-nodes.edit"] == span | {"prompt": "sad", "temperature": 0.7}


def test_the_user_decides_what_is_said(context, credentials):
    """Nothing but the span, or the request id too; URLs never."""
    film, take = film_and_take(context, prompt="sad", video_url="https://secret.example/v")
    del film

    def edited_action(*disclosed):
        (assertion,) = build_manifest("", [take], disclosed)["assertions"]
        return assertion["data"]["actions"][1]

    assert edited_action()["parameters"]["com.react1-nodes.edit"] == {"start_frame": 5, "end_frame": 20}
    assert edited_action()["softwareAgent"] == {"name": "React-1"}
    assert edited_action("request_id")["parameters"]["com.react1-nodes.edit"]["request_id"] == "r-77"
    assert "secret" not in str(edited_action("provider", "parameters", "request_id", "consent"))


def test_a_changed_film_is_invalid(context, params):
    """One bit of one picture."""
    film, take = film_and_take(context)
    path = with_suffix(context, Sign().run(context, params, film, [take]))
    content = bytearray(path.read_bytes())
    at = content.index(b"mdat") + 2000
    content[at] ^= 1
    path.write_bytes(content)

    provenance = read_provenance(path)

    assert provenance.state == "invalid"
    assert provenance.problems


def test_a_film_without_provenance_says_nothing(context):
    """No manifest is no error."""
    film, _ = film_and_take(context)

    assert read_provenance(with_suffix(context, film)).state == "none"


def test_matroska_gets_a_file_beside_the_film(context, params):
    """The film stays bit-identical; the sidecar is delivered under its name, and belongs to these bytes only."""
    film, take = film_and_take(context, ".mkv")

    signed = Sign().run(context, params, film, [take])

    (_, target), (sidecar, sidecar_path) = file_targets(signed, Path("out/film.mkv"))
    assert (target, sidecar_path) == (Path("out/film.mkv"), Path("out/film.mkv.c2pa"))
    assert signed.file.digest == film.file.digest
    path = with_suffix(context, signed)
    shutil.copy(context.path(sidecar), f"{path}.c2pa")
    assert read_provenance(path).state == "valid"
    path.write_bytes(path.read_bytes() + b"\0")
    assert read_provenance(path).state == "invalid"


def test_the_manifest_of_the_source_is_kept(context, params, credentials):
    """A film that was signed before is an ingredient with its own manifest."""
    film, take = film_and_take(context)
    first = with_suffix(context, Sign().run(context, params, film, [take]))
    again = first.with_name("again.mp4")

    sign_film(first, again, first, build_manifest("", [take], ()), read_credentials(*credentials[:2]))

    assert read_provenance(again).ingredients == ("source (with its own manifest)",)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_the_manifest_beside_the_source_is_kept(context, params, credentials, suffix):
    """A film that was signed by a sidecar is an ingredient with its own manifest, in a sidecar and inside an MP4."""
    film, take = film_and_take(context, ".mkv")
    first = Sign().run(context, params, film, [take])
    folder = context.temp_path("signed.mkv").parent
    path = Path(shutil.copy(context.path(first.file), folder / "signed.mkv"))
    shutil.copy(context.path(first.sidecar), folder / "signed.mkv.c2pa")
    fetch = FetchParams(uri=str(path))
    assert fetch.manifest == f"{path}.c2pa" and FetchParams(uri=str(folder / "film.mkv")).manifest is None
    source = Fetch().run(
        context, FetchParams(uri=context.add_external(path), manifest=context.add_external(Path(fetch.manifest)))
    )
    again = numbered_take(context, segment(source, 2, 4, prompt="sad"))
    new = source if suffix == ".mkv" else film_and_take(context, suffix)[0]

    second = Sign().run(context, params, new, [again])

    copy = with_suffix(context, second)
    sidecar = second.sidecar and context.path(second.sidecar)
    assert (sidecar is None) == (suffix == ".mp4")
    provenance = read_provenance(copy, sidecar=sidecar)
    assert (provenance.state, provenance.ingredients) == ("valid", ("source (with its own manifest)",))
    assert UNFIT not in second.notes


def test_a_manifest_of_other_bytes_beside_the_source_is_left_out(context, params):
    """The note says so; the film is signed all the same."""
    film, take = film_and_take(context, ".mkv")
    other = Sign().run(context, params, film, [take]).sidecar
    changed = take.segment.source.model_copy(update={"sidecar": other, "file": context.store(_longer(context, film))})
    other_take = take.model_copy(update={"segment": take.segment.model_copy(update={"source": changed})})

    signed = Sign().run(context, params, film, [other_take])

    provenance = read_provenance(with_suffix(context, signed), sidecar=context.path(signed.sidecar))
    assert (provenance.state, provenance.ingredients) == ("valid", ("source",))
    assert UNFIT in signed.notes


def _longer(context, media) -> Path:
    path = with_suffix(context, media)
    with path.open("ab") as stream:
        stream.write(b"\xec\x81\x00")  # an element Void
    return path


@pytest.mark.slow
def test_a_film_that_keeps_the_manifest_of_its_source_says_so(context, params):
    """Splicing copies it, and it does not fit any more; signing the film replaces it, and the note goes."""
    film, take = film_and_take(context)
    source = Sign().run(context, params, film, [take])
    take = source_take(context, segment(source, 5, 20, 2, 2), changed=range(3, 22))

    spliced = Splice().run(context, SpliceParams.model_validate({"checks": {"seam_delta_e": None}}), source, [take])
    signed = Sign().run(context, params, spliced, [take])

    assert STALE in spliced.notes
    assert read_provenance(with_suffix(context, spliced)).state == "invalid"
    assert STALE not in signed.notes
    provenance = read_provenance(with_suffix(context, signed))
    assert (provenance.state, provenance.ingredients) == ("valid", ("source (with its own manifest)",))
    assert not holds_manifest(with_suffix(context, film))


def test_the_key_is_never_copied(context, params, credentials):
    """Neither the store nor the film has a line of it."""
    film, take = film_and_take(context)
    Sign().run(context, params, film, [take])
    secret = credentials[1].read_bytes().splitlines()[1]

    files = [path for path in context.path(film.file).parent.parent.rglob("*") if path.is_file()]

    assert len(files) > 2
    assert not any(secret in path.read_bytes() for path in files)


def test_a_film_that_no_take_changes_is_not_signed(context, params):
    """It is the source, and says so."""
    film, take = film_and_take(context)

    result = Sign().run(context, params, film, [take.model_copy(update={"status": "original"})])

    assert result.file == film.file
    assert "not signed" in result.notes[-1]


def test_a_take_of_which_nothing_is_used_is_not_claimed(context, params):
    """Strength 0 leaves the film's own pictures: no face was changed there."""
    film, take = film_and_take(context)
    other = numbered_take(context, segment(film, 22, 26, prompt="sad"))
    unused = take.model_copy(update={"unchanged": True})

    alone = Sign().run(context, params, film, [unused])
    signed = Sign().run(context, params, film, [unused, other])

    assert alone.file == film.file and "not signed" in alone.notes[-1]
    _, edited = read_provenance(with_suffix(context, signed)).actions
    assert edited["parameters"]["com.react1-nodes.edit"]["start_frame"] == 22


def test_a_new_line_of_dialogue_is_said_and_is_no_picture_of_a_model(context):
    """A film says of each edit what it has of it; what was sent to a model and not used is not told."""
    film, _ = film_and_take(context)
    dubbed = numbered_take(context, segment(film, 5, 20, prompt="sad", audio=dialogue_line(context)))
    dubbed = dubbed.model_copy(update={"request": {"prompt": "sad"}, "request_id": "r-77"})
    sound_only = dubbed.model_copy(update={"unchanged": True})

    both, sound = (
        build_manifest("", [take], ("parameters", "request_id"))["assertions"][0]["data"]["actions"][1]
        for take in (dubbed, sound_only)
    )

    line = "a new line of dialogue was put into the sound"
    assert both["description"] == f"the expression of a face was changed by a local engine; {line}"
    assert both["digitalSourceType"].endswith("compositeWithTrainedAlgorithmicMedia")
    assert sound["description"] == line
    assert not sound.keys() & {"digitalSourceType", "softwareAgent"}
    assert sound["parameters"]["com.react1-nodes.edit"] == {"start_frame": 5, "end_frame": 20}


@pytest.mark.slow
def test_the_span_that_is_said_has_the_seams(context, params):
    """A dissolve shows the take in its handles too; without figures of the splice all of them may show it."""
    film, _ = film_and_take(context)
    take = source_take(context, segment(film, 8, 20, 4, 4), changed=range(6, 24))
    splice = SpliceParams.model_validate({"seam": {"video": {"dissolve": 3}}, "checks": {"seam_delta_e": None}})
    spliced = Splice().run(context, splice, film, [take])

    spans = []
    for new in (spliced, spliced.model_copy(update={"metrics": {}})):
        _, edited = read_provenance(with_suffix(context, Sign().run(context, params, new, [take]))).actions
        spans.append(edited["changes"][0]["region"][0]["time"])

    pairs = pictures_of(context, film, spliced)
    changed = [number for number, (old, new) in enumerate(pairs) if abs(old - new).max() > 9]
    assert (changed[0], changed[-1] + 1) == (6, 23)
    assert spans == [{"type": "npt", "start": "0.24", "end": "0.92"}, {"type": "npt", "start": "0.16", "end": "0.96"}]


def pictures_of(context, *films):
    """Return the luma of each frame of some films, side by side."""
    return zip(*([luma.astype(int) for _, luma in shown(context.path(film.file))] for film in films), strict=True)


@pytest.mark.parametrize("trouble", ["expired", "missing", "unset", "of another key"])
def test_a_certificate_that_cannot_sign_is_refused_before_anything_runs(tmp_path, monkeypatch, trouble):
    """Before an upload, before a step; the message says what to do."""
    monkeypatch.setenv("SEGMIND_API_KEY", "k")
    monkeypatch.delenv("REACT1_SIGN_KEY", raising=False)
    made_at = datetime.now(UTC) - timedelta(days=400 if trouble == "expired" else 0)
    certificate, key, _ = make_test_credentials(tmp_path / "a", lambda: made_at)
    if trouble == "missing":
        key.unlink()
    elif trouble == "of another key":
        key = make_test_credentials(tmp_path / "b")[1]
    film = make_clip(tmp_path / "film.mp4", frames=30, tracks=0)
    named_key = "" if trouble == "unset" else f", key: {key}"
    sets = {"source": str(film), "provenance": f"{{certificate: {certificate}{named_key}}}"}
    job = load_job("emotion-edit", registry=load_registry(), sets=sets, edits=["5f-20f:sad"], base=tmp_path)
    words = {
        "expired": "has expired.*renew it",
        "missing": "the key .* cannot be read",
        "unset": "provenance has no key.*REACT1_SIGN_KEY",
        "of another key": "does not belong to the certificate",
    }

    with pytest.raises(PresetError, match=words[trouble]):
        require_providers(resolve_providers(job))


def test_the_signed_film_is_the_one_that_is_delivered(tmp_path, credentials):
    """The step follows the splice and takes over its `out`; without the input there is no such step."""
    film = make_clip(tmp_path / "film.mp4", frames=30, tracks=0)
    provenance = f"{{certificate: {credentials[0]}, key: {credentials[1]}, disclose: []}}"
    options = {"registry": load_registry(), "edits": ["5f-20f:sad"], "base": tmp_path, "out": "new.mp4"}

    plain = load_job("emotion-edit", sets={"source": str(film)}, **options)
    signing = load_job("emotion-edit", sets={"source": str(film), "provenance": provenance}, **options)

    assert [step.id for step in plain.steps][-2:] == ["splice", "report"]
    splice, sign, _ = signing.steps[-3:]
    assert (sign.id, sign.params.out, splice.params.out) == ("sign", str(tmp_path / "new.mp4"), None)
    assert sign.params.disclose == ()
    assert sign.wires["film"] == ("splice",)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"this is not a film", "not media that can be read"), (b"", "is empty (0 bytes)"), (None, "is not a file")],
)
def test_what_is_no_film_is_not_called_changed(react1, tmp_path, content, message):
    """Only of a film that can be read can be said that it is not as it was signed."""
    film = tmp_path / "film.mp4"
    film.mkdir() if content is None else film.write_bytes(content)

    result = react1("verify", film)

    assert (result.status, result.out) == (3, "")
    assert message in result.err and result.err.count("\n") == 1


def test_init_and_verify(react1, tmp_path):
    """The certificate says that nobody trusts it; verify tells the states apart by its exit status."""
    first = react1("provenance", "init", tmp_path / "certificates")
    film = make_clip(tmp_path / "film.mp4", frames=30, tracks=0)
    plain = react1("verify", film)
    again = react1("provenance", "init", tmp_path / "certificates")

    assert (first.status, "nobody trusts it" in first.out) == (0, True)
    assert oct((tmp_path / "certificates" / "key.pem").stat().st_mode)[-3:] == "600"
    assert (plain.status, "no provenance" in plain.out) == (3, True)
    assert (again.status, "exists; nothing was written" in again.err) == (2, True)
