"""`react1 conform-check`: does a clip that came back from elsewhere still fit its segment?"""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...core.errors import InputMediaError, PresetError
from ..messages import out, out_json, report_failures
from ..options import AsJson

if TYPE_CHECKING:
    from ...core.values import Media

NAME = "conform-check"
_VERSIONED = re.compile(r".+_react1_v\d{3}")


def command(
    returned: Annotated[Path, typer.Argument(metavar="RETURNED", help="The clip that came back.")],
    clip: Annotated[
        Path | None,
        typer.Option("--clip", metavar="CLIP", help="The clip that was handed over (default: by its name)."),
    ] = None,
    film: Annotated[
        Path | None, typer.Option("--film", metavar="FILM", help="The film; the place is found by the timecode.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hold a returned clip against its segment: frames, rate, timecode, size, pictures, lag."""
    with report_failures(as_json):
        from ...interchange.turnover.check_returned import check_returned, entire_clip, place_on_film

        if clip and film:
            raise PresetError("--clip and --film both say what to hold the clip against; give one of them")
        given = _probed(returned)
        against = film or clip or _handed_over(returned)
        place = place_on_film(film, _probed(film), given) if film else entire_clip(against, _probed(against))
        findings = check_returned(returned, given, place, returned.name)
        fits = all(finding.fits for finding in findings)
        if as_json:
            out_json({"fits": fits, "against": str(against), "findings": [asdict(finding) for finding in findings]})
        else:
            out(f"{returned.name} against frames {place.first}-{place.end} of {against.name}")
            for one in findings:
                told = f"{one.found}" if one.fits else f"{one.found}, not {one.wanted}"
                out(f"  {'ok ' if one.fits else 'NOT'}  {one.name:<9} {told}")
        if not fits:
            raise typer.Exit(InputMediaError.exit_status)


def _probed(path: Path) -> Media:
    from ...media.probe import probe_outside

    if not path.is_file():
        raise InputMediaError(f"{path} is not a file; give a clip")
    return probe_outside(path)


def _handed_over(returned: Path) -> Path:
    """Find the clip that a returned one is named after, in its folder or the one above."""
    if match := _VERSIONED.match(returned.stem):
        folders = (returned.parent, returned.absolute().parent.parent)
        for found in (folder / f"{match[0]}{suffix}" for folder in folders for suffix in (".mov", ".mp4")):
            if found.is_file() and not found.samefile(returned):
                return found
    raise PresetError(f"nothing beside {returned} says which clip it was; give --clip CLIP or --film FILM")
