"""`react1 conform-check`: check whether a clip returned by another facility still fits its segment."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ....core.errors import InputMediaError, PresetError
from ...messages import out, out_json, report_failures
from ...options import AsJson

if TYPE_CHECKING:
    from ....core.values import Media

EXAMPLES = (
    "react1 conform-check graded.mov --clip line3_react1_v001.mov",
    "react1 conform-check graded.mov --film film.mov",
)
_VERSIONED = re.compile(r".+_react1_v\d{3}")


def command(
    returned: Annotated[Path, typer.Argument(metavar="RETURNED", help="The returned clip.")],
    clip: Annotated[
        Path | None,
        typer.Option("--clip", metavar="CLIP", help="The clip that was delivered (default: found by name)."),
    ] = None,
    film: Annotated[
        Path | None, typer.Option("--film", metavar="FILM", help="The film; the position comes from the timecode.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare a returned clip with its segment: frames, rate, timecode, size, pictures, lag."""
    with report_failures(as_json):
        from ....core.times import frames_text
        from ....interchange.turnover.check_returned import check_returned, entire_clip, place_on_film

        if clip and film:
            raise PresetError("--clip and --film are mutually exclusive")
        probed = _probe(returned)
        reference = film or clip or _find_original_clip(returned)
        span = place_on_film(film, _probe(film), probed) if film else entire_clip(reference, _probe(reference))
        findings = check_returned(returned, probed, span, returned.name)
        fits = all(finding.fits for finding in findings)
        if as_json:
            out_json({"fits": fits, "against": str(reference), "findings": [asdict(finding) for finding in findings]})
        else:
            out(f"{returned.name} against {frames_text(span.first, span.end)} of {reference.name}")
            for finding in findings:
                shown = f"{finding.found}" if finding.fits else f"{finding.found}, not {finding.wanted}"
                out(f"  {'ok  ' if finding.fits else 'FAIL'}  {finding.name:<9} {shown}")
        if not fits:
            raise typer.Exit(InputMediaError.exit_status)


def _probe(path: Path) -> Media:
    from ....media.probe import probe_path

    if not path.is_file():
        raise InputMediaError(f"{path} is not a file; give a clip")
    return probe_path(path)


def _find_original_clip(returned: Path) -> Path:
    """Find the delivered clip by the name of the returned one, in its folder or the one above."""
    if match := _VERSIONED.match(returned.stem):
        folders = (returned.parent, returned.absolute().parent.parent)
        for candidate in (folder / f"{match[0]}{suffix}" for folder in folders for suffix in (".mov", ".mp4")):
            if candidate.is_file() and not candidate.samefile(returned):
                return candidate
    raise PresetError(f"no delivered clip found for {returned}; give --clip CLIP or --film FILM")
