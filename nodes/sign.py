"""Sign a film: who changed what in it, with which model, as a C2PA manifest.

Takes   the finished film and the takes in it; without takes it passes through.
Gives   the film with the manifest, packet for packet the same; MP4 and MOV hold it, others get a file next to them.
Raises  PresetError if the certificate or the key is missing, invalid or expired, before anything is paid; MissingExtra
        without the extra `provenance`; ToolFailed if the signed film is not the same film.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from ..pipeline.core.edits.choices import Disclosed
from ..pipeline.core.file import KeyPath, OutPath
from ..pipeline.core.nodes.node import NodeContext, Params, Workload
from ..pipeline.core.values import Media, Take


class SignParams(Params):
    """The certificate, and what the manifest says."""

    certificate: KeyPath | None = Field(
        default=None, description="PEM file with the certificate and its chain (default: REACT1_SIGN_CERTIFICATE)"
    )
    key: KeyPath | None = Field(
        default=None, description="PEM file with the private key, which is never copied (default: REACT1_SIGN_KEY)"
    )
    disclose: tuple[Disclosed, ...] = Field(
        default=("provider", "parameters", "consent"), description="what is said of an edit besides its span"
    )
    title: str = Field(default="", description="title of the film in the manifest")
    out: OutPath | None = Field(default=None, description="path of the signed film")


class Sign:
    """Sign the film, and check that its packets stay the same."""

    name: ClassVar[str] = "sign"
    version: ClassVar[int] = 3
    workload: ClassVar[Workload] = "cpu"
    tools: ClassVar[tuple[str, ...]] = ("av",)

    @classmethod
    def cache_salt(cls, params: SignParams) -> str:
        """Return the certificate's digest; a missing or expired certificate is refused here, before a run begins."""
        from ..pipeline.provenance.credentials import credential_paths, read_credentials

        return read_credentials(*credential_paths(params.certificate, params.key)).digest

    @classmethod
    def check_before_paying(cls, context: NodeContext, params: SignParams, inputs: Mapping[str, Any]) -> None:
        """Refuse a certificate that has expired since the run began."""
        cls.cache_salt(params)

    def run(self, context: NodeContext, params: SignParams, film: Media, takes: list[Take]) -> Media:
        """Return the signed film; its metrics say by whom it is signed."""
        from ..pipeline.media.probe import probe
        from ..pipeline.provenance.credentials import credential_paths, read_credentials
        from ..pipeline.provenance.sign import STALE, UNFIT, build_manifest, read_source_manifest, sign_film

        used = [take for take in takes if take.changes_film]
        if not used:
            return film.model_copy(update={"notes": (*film.notes, "not signed: no take changes the film")})
        credentials = read_credentials(*credential_paths(params.certificate, params.key))
        changed_frames = film.metrics.get("splice", {}).get("changed_frames", {})
        manifest = build_manifest(params.title, used, params.disclose, changed_frames)
        source, sidecar_of_source = used[0].segment.source.file, used[0].segment.source.sidecar
        own = (
            read_source_manifest(context.path(source), context.path(sidecar_of_source), source.suffix)
            if sidecar_of_source
            else None
        )
        signed = context.temp_path(f"signed{film.file.suffix}")
        sidecar = sign_film(
            context.path(film.file),
            signed,
            context.path(source),
            manifest,
            credentials,
            source_suffix=source.suffix,
            own_manifest=own,
        )
        file = context.store(signed)
        manifest_file = context.store(sidecar) if sidecar is not None else None
        metrics = {
            "signed_by": credentials.subject,
            "certificate": credentials.digest,
            "embedded": manifest_file is None,
        }
        return probe(context.path(file), file).model_copy(
            update={
                "metrics": {**film.metrics, "sign": metrics},
                "notes": tuple(note for note in film.notes if note != STALE)
                + ((UNFIT,) if sidecar_of_source and not own else ()),
                "start_timecode": film.start_timecode,
                "sidecar": manifest_file,
            }
        )
