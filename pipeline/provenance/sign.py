"""Sign a film, and read back what a signed film says of itself; offline.

MP4 and MOV hold the manifest; for other containers it is a file beside the film, `film.mkv.c2pa`.

The statement about a film is the JSON of a C2PA manifest. Source: C2PA Technical Specification 2.2, 18.15 (actions) and
18.2 (regions of interest); IPTC digital source types.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

from ..core.edits.choices import Disclosed
from ..core.errors import InputMediaError, MissingExtra, PresetError, ToolFailed
from ..core.values import Segment, Take
from ..core.version import version_text
from ..media.frames.film_readers import open_media
from ..media.timing.clock import frame_time_s
from .credentials import INSTALL_HINT, Credentials

SOURCE_LABEL = "source"
COMPOSITE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_SENT = ("prompt", "temperature", "model_mode", "sync_mode")

Json = dict[str, Any]


def build_manifest(
    title: str,
    takes: Sequence[Take],
    disclosed: Collection[Disclosed],
    changed_frames: Mapping[str, Sequence[int]] | None = None,
) -> Json:
    """Return the manifest of a film into which these takes were spliced, in the order of their spans.

    Args:
        title: of the film.
        takes: what the film has of each is its picture, a new line of dialogue, or both.
        disclosed: what is said of an edit besides its span.
        changed_frames: the film's frames [start, end) that show a take, by segment; default: its span and its handles.
    """
    ordered = sorted(takes, key=lambda take: take.segment.start_frame)
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [SOURCE_LABEL]}}
    return {
        "claim_generator_info": [{"name": "react1-nodes", "version": version_text()}],
        "title": title,
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [opened, *(_edited(take, disclosed, changed_frames or {}) for take in ordered)]},
            }
        ],
    }


def _edited(take: Take, disclosed: Collection[Disclosed], changed_frames: Mapping[str, Sequence[int]]) -> Json:
    segment = take.segment
    frames: Sequence[int] = (segment.start_frame, segment.end_frame)
    if not take.unchanged:
        frames = changed_frames.get(segment.name, (segment.first_frame, segment.last_frame))
    start_s, end_s = (frame_time_s(segment.source, frame) for frame in frames)
    span = {"type": "npt", "start": _seconds(start_s), "end": _seconds(end_s)}
    action = {
        "action": "c2pa.edited",
        "description": "; ".join(_descriptions(take)),
        "changes": [{"region": [{"type": "temporal", "time": span}], "description": segment.name}],
        "parameters": _parameters(take, disclosed),
    }
    if take.unchanged:
        return action
    return action | {"digitalSourceType": COMPOSITE, "softwareAgent": {"name": _agent(take, disclosed)}}


def _descriptions(take: Take) -> Iterator[str]:
    """Yield what of a take is in the film, in words."""
    if not take.unchanged:
        model = "a local engine" if take.provider == "local" else "a generative model"
        yield f"the expression of a face was changed by {model}"
    if take.segment.edit.changes_sound:
        yield "a new line of dialogue was put into the sound"


def _agent(take: Take, disclosed: Collection[Disclosed]) -> str:
    if take.provider == "local":
        return "react1-nodes local preview engine"
    return f"React-1 by {take.provider}" if "provider" in disclosed else "React-1"


def _parameters(take: Take, disclosed: Collection[Disclosed]) -> Json:
    segment = take.segment
    values: Json = {"start_frame": segment.start_frame, "end_frame": segment.end_frame}
    if "parameters" in disclosed and not take.unchanged:
        values |= {name: take.request[name] for name in _SENT if name in take.request}
    if "request_id" in disclosed and take.request_id and not take.unchanged:
        values["request_id"] = take.request_id
    consent = describe_consent(segment) if "consent" in disclosed else None
    return {"com.react1-nodes.edit": values | ({"consent": consent} if consent else {})}


def describe_consent(segment: Segment) -> Json | None:
    """Return who consented to a segment's edit, for what, and the digest of the document; None without consent."""
    consent = segment.edit.consent
    return None if consent is None else dict(consent.to_record())


def _seconds(moment_s: Fraction) -> str:
    return f"{float(moment_s):.6f}".rstrip("0").rstrip(".")


SIDECAR_SUFFIX = ".c2pa"
EMBEDDED = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime"}
"""Containers that hold the manifest, and their media types."""
ANY_BYTES = "text/plain"
"""The media type under which the library hashes a file as bytes, for a manifest that lies beside it."""
_OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


@dataclass(frozen=True)
class Provenance:
    """What a film says of itself, and whether that can be believed."""

    state: str
    """`trusted`: signed by a certificate that is trusted here; `valid`: signed and unchanged, by a certificate that is
    not; `invalid`: the film or the statement was changed; `none`: there is no statement."""
    signer: str = ""
    """The common name in the certificate, or its organization."""
    generator: str = ""
    title: str = ""
    actions: tuple[Json, ...] = ()
    """What was done, in order, as C2PA actions."""
    ingredients: tuple[str, ...] = ()
    """The titles of the films that it was made from; those with a manifest of their own are marked."""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class SourceManifest:
    """A manifest that lies beside the source, and what the library found when it checked it."""

    data: bytes
    active_label: str
    validation: Json


UNFIT = "the manifest beside the source is not one of these bytes, so it is not kept in the new one"
"""The note of a film whose source has a sidecar that does not belong to it."""


def read_source_manifest(source: Path, sidecar: Path, suffix: str) -> SourceManifest | None:
    """Return the manifest beside the source, or None if it is damaged or belongs to another file.

    Raises:
        MissingExtra: the extra `provenance` is not installed.
    """
    c2pa, data = _library(), sidecar.read_bytes()
    try:
        with source.open("rb") as stream:
            media_type = EMBEDDED.get(suffix.lower(), ANY_BYTES)
            reader = c2pa.Reader(media_type, stream, data, c2pa.Context.from_dict(_OFFLINE))
            document = json.loads(reader.json())
            fits = str(reader.get_validation_state()) in ("Valid", "Trusted")
    except c2pa.C2paError:
        return None
    return SourceManifest(data, document["active_manifest"], document["validation_results"]) if fits else None


def sign_film(
    film: Path,
    signed: Path,
    source: Path,
    manifest: Json,
    credentials: Credentials,
    *,
    source_suffix: str = "",
    own_manifest: SourceManifest | None = None,
) -> Path | None:
    """Write a signed copy of a film; return the sidecar if the container cannot hold the manifest.

    Args:
        film: the film; it is not changed.
        signed: the new file; its suffix says which container the film has.
        source: the film that it was made from, whose own manifest is kept.
        manifest: from `build_manifest`.
        credentials: the certificate and the key.
        source_suffix: the suffix of the source, if its path has none.
        own_manifest: the manifest that lies beside the source; one inside the source is found by itself.

    Raises:
        MissingExtra: the extra `provenance` is not installed.
        PresetError: C2PA does not accept the certificate.
        ToolFailed: the signed film has other packets than the film, or cannot be verified.
    """
    c2pa = _library()
    media_type = EMBEDDED.get(signed.suffix.lower())
    try:
        signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(credentials.algorithm, credentials.chain_pem, credentials.key_pem, None)
        )
        builder = c2pa.Builder(manifest, c2pa.Context.from_dict(_OFFLINE))
        ingredient: Json = {"title": "source", "relationship": "parentOf", "label": SOURCE_LABEL}
        if own_manifest is not None:
            name = f"{SOURCE_LABEL}{SIDECAR_SUFFIX}"
            builder.add_resource(name, io.BytesIO(own_manifest.data))
            ingredient |= {
                "manifest_data": {"format": "application/c2pa", "identifier": name},
                "active_manifest": own_manifest.active_label,
                "validation_results": own_manifest.validation,
            }
        with source.open("rb") as stream:
            builder.add_ingredient(
                ingredient, EMBEDDED.get((source_suffix or source.suffix).lower(), ANY_BYTES), stream
            )
        if media_type is not None:
            with film.open("rb") as stream, signed.open("w+b") as target:
                builder.sign(signer, media_type, stream, target)
            sidecar = None
        else:
            sidecar = _sign_beside(builder, signer, film, signed)
    except c2pa.C2paError as error:
        message = " ".join(str(error).split())
        raise PresetError(f"C2PA refuses to sign with {credentials.subject!r}: {message}") from error
    _require_same_packets(film, signed)
    provenance = read_provenance(signed, sidecar=sidecar)
    if provenance.state not in ("valid", "trusted"):
        raise ToolFailed(f"the signed film cannot be verified: {'; '.join(provenance.problems) or provenance.state}")
    return sidecar


def _sign_beside(builder: Any, signer: Any, film: Path, signed: Path) -> Path:
    builder.set_no_embed()
    with film.open("rb") as stream, signed.open("wb") as target:
        while block := stream.read(1 << 20):
            target.write(block)
    with film.open("rb") as stream:
        manifest = builder.sign(signer, ANY_BYTES, stream, io.BytesIO())
    sidecar = signed.with_name(signed.name + SIDECAR_SUFFIX)
    sidecar.write_bytes(manifest)
    return sidecar


def _require_same_packets(film: Path, signed: Path) -> None:
    """Raise unless both files have the same packets at the same times in every stream."""
    if packet_digests(film) != packet_digests(signed):
        raise ToolFailed("signing changed the packets of the film; the signed film is not used")


def packet_digests(path: Path) -> list[str]:
    """Return a digest per stream of all its packets: times, flags and bytes."""
    with open_media(path) as container:
        digests = [hashlib.blake2b(digest_size=16) for _ in container.streams]
        for packet in container.demux():
            digest = digests[packet.stream.index]
            digest.update(f"{packet.pts} {packet.dts} {packet.duration} {packet.size} {packet.is_keyframe} ".encode())
            digest.update(bytes(packet))
        return [digest.hexdigest() for digest in digests]


STALE = "the source is signed, and the film still has its manifest, which says nothing of the edits: set `provenance`"
"""The note of a film that carries the manifest of its source."""
_C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


def holds_manifest(film: Path) -> bool:
    """Return whether an MP4 or MOV holds a C2PA manifest, valid or not; False for other files."""
    with film.open("rb") as stream:
        start, end = 0, film.stat().st_size
        while start + 24 <= end:
            stream.seek(start)
            head = stream.read(32)
            size, kind, user_type = int.from_bytes(head[:4], "big"), head[4:8], head[8:24]
            if size == 1:
                size, user_type = int.from_bytes(head[8:16], "big"), head[16:32]
            if kind == b"uuid" and user_type == _C2PA_BOX:
                return True
            if size < 8 or not kind.isalnum():
                return False
            start += size
    return False


def read_provenance(film: Path, *, trust: Path | None = None, sidecar: Path | None = None) -> Provenance:
    """Return what a film says of itself; `trust` is a PEM file of the roots that are trusted.

    Raises:
        MissingExtra: the extra `provenance` is not installed.
        InputMediaError: the film cannot be read.
    """
    c2pa = _library()
    settings: Json = dict(_OFFLINE)
    if trust is not None:
        settings["trust"] = {"trust_anchors": trust.read_text()}
    manifest_path = film.with_name(film.name + SIDECAR_SUFFIX) if sidecar is None else sidecar
    manifest = manifest_path.read_bytes() if manifest_path.is_file() else None
    media_type = ANY_BYTES if manifest is not None else EMBEDDED.get(film.suffix.lower())
    if media_type is None:
        return Provenance("none")
    try:
        with film.open("rb") as stream:
            return _read(c2pa, stream, media_type, manifest, settings)
    except c2pa.C2paError as error:
        if "ManifestNotFound" in str(error):
            return Provenance("none")
        return Provenance("invalid", problems=(" ".join(str(error).split()),))
    except OSError as error:
        raise InputMediaError(f"{film} cannot be read: {error.strerror or error}") from error


def _read(c2pa: Any, stream: IO[bytes], media_type: str, manifest: bytes | None, settings: Json) -> Provenance:
    reader = c2pa.Reader(media_type, stream, manifest, c2pa.Context.from_dict(settings))
    document = json.loads(reader.json())
    active = document["manifests"][document["active_manifest"]]
    state = {"Trusted": "trusted", "Valid": "valid"}.get(str(reader.get_validation_state()), "invalid")
    actions = [
        action
        for assertion in active.get("assertions", ())
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"]["actions"]
    ]
    statuses = document.get("validation_status", ())
    generators = active.get("claim_generator_info", ())
    signature = active.get("signature_info", {})
    return Provenance(
        state,
        signature.get("common_name") or signature.get("issuer", ""),
        " ".join(f"{item.get('name', '')} {item.get('version', '')}".strip() for item in generators),
        active.get("title", ""),
        tuple(actions),
        tuple(_ingredient(item) for item in active.get("ingredients", ())),
        tuple(dict.fromkeys(str(status.get("explanation") or status.get("code")) for status in statuses)),
    )


def _ingredient(item: Json) -> str:
    return f"{item.get('title', 'untitled')}{' (with its own manifest)' if item.get('active_manifest') else ''}"


def _library() -> Any:
    try:
        import c2pa
    except ModuleNotFoundError as error:
        raise MissingExtra(INSTALL_HINT) from error
    return c2pa
