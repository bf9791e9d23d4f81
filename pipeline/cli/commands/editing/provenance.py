"""`react1 verify` and `react1 provenance init`: read what a film says of itself, and make a test certificate."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ....core.errors import InputMediaError
from ...messages import out, out_json, report_failures
from ...options import AsJson, examples_text

EXAMPLES = ("react1 verify film.react1.mp4", "react1 verify film.react1.mp4 --trust roots.pem --json")

app = typer.Typer(
    help="Certificates that sign films.", no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]}
)
APP_NAME = "provenance"
STATES = {
    "trusted": "signed, unchanged, and the certificate is trusted here",
    "valid": "signed and unchanged; the certificate is not trusted here, so anybody may have made it",
    "invalid": "NOT as it was signed",
    "none": "no provenance: the film says nothing of itself",
}


def command(
    film: Annotated[Path, typer.Argument(metavar="FILM", help="A film, with its .c2pa file beside it if it has one.")],
    trust: Annotated[
        Path | None, typer.Option("--trust", metavar="PEM", help="Root certificates that are trusted.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the signature of a film and show what was changed in it; exits with 3 unless it is valid."""
    from ....media.frames.film_readers import open_media
    from ....provenance.sign import read_provenance

    with report_failures(as_json):
        for path in filter(None, (film, trust)):
            if not path.is_file():
                raise InputMediaError(f"{path} is not a file" if path.exists() else f"{path} does not exist")
        provenance = read_provenance(film, trust=trust)
        if provenance.state == "invalid" and not provenance.signer:
            with open_media(film):  # raises where it is no film, of which nothing can be said
                pass
        if as_json:
            out_json(asdict(provenance))
        else:
            out(f"{film.name}: {STATES[provenance.state]}")
            for line in _lines(provenance.signer, provenance.generator, provenance.ingredients, provenance.problems):
                out(line)
            for action in provenance.actions:
                out(f"  {_action_text(action)}")
        if provenance.state not in ("valid", "trusted"):
            raise typer.Exit(InputMediaError.exit_status)


@app.command("init", epilog=examples_text(("react1 provenance init certificates",)))
def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write the files.")] = Path("provenance"),
    as_json: AsJson = False,
) -> None:
    """Make a test certificate and its key. Nobody trusts it: for films that leave the house buy one for C2PA."""
    from ....provenance.credentials import make_test_credentials

    with report_failures(as_json):
        certificate, key, trust = make_test_credentials(folder)
        if as_json:
            out_json({"certificate": str(certificate), "key": str(key), "trust": str(trust), "trusted": False})
            return
        out(f"certificate  {certificate}")
        out(f"key          {key} (only this user can read it)")
        out(f"root         {trust}")
        out("This is a test certificate: nobody trusts it. Films for others need one of a certificate authority.")
        out(f'use it with  --set "provenance={{certificate: {certificate}, key: {key}}}"')


def _lines(signer: str, generator: str, ingredients: tuple[str, ...], problems: tuple[str, ...]) -> list[str]:
    pairs = (("signed by", signer), ("made with", generator), ("made from", ", ".join(ingredients)))
    return [f"  {name} {value}" for name, value in pairs if value] + [f"  note: {text}" for text in problems]


def _action_text(action: dict[str, object]) -> str:
    """Return one action of a manifest as a line: what, with what, and from when to when."""
    name, agent = str(action.get("action", "")), action.get("softwareAgent")
    agent_name = agent.get("name", "") if isinstance(agent, dict) else agent or ""
    changes = action.get("changes")
    spans = [
        f"{region['time'].get('start')} s to {region['time'].get('end')} s"
        for change in (changes if isinstance(changes, list) else ())
        for region in change.get("region", ())
        if "time" in region
    ]
    return " ".join(part for part in (name, ", ".join(spans), f"({agent_name})" if agent_name else "") if part)
