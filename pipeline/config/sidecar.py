"""What edits that do not say in and out are looked for in: subtitles, a transcript, a timeline.

Takes   the inputs of a job, filled so far, and which of them were given.
Gives   the same with `cues` found beside the film, and with in and out in place of every marker.
Raises  BadInput where the film cannot be read; what is wrong else goes to `Problems`.

A job names the files as `cues` and `timeline`. Else they are looked for beside a local film under its own name, as
players look for subtitles: `film.srt`, `film.en.vtt`, `film.edl`. Else the film's own subtitles are read when it is
cut; those of a page are fetched with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..core.errors import React1Error
from ..core.suggest import none_called, shorten
from ..interchange.classify import place
from ..interchange.clip_matching import choose_clock
from ..interchange.entries import Entry, Listing
from ..interchange.list_options import ListFile
from ..interchange.map_to_film import Onto, Outside
from ..interchange.readers import read_listing
from ..located_yaml.explain import check
from ..located_yaml.located import Problems, Tree, grown
from ..located_yaml.model_walk import is_address
from .edit_lists import Lists, film_of, tell

CUES = (".srt", ".vtt")
TIMELINES = (".edl", ".otio", ".fcpxml")


def look_beside(
    filled: Mapping[str, Tree], given: Mapping[str, Tree], edits: str, lists: Lists, problems: Problems
) -> dict[str, Tree]:
    """Give the inputs that change; `edits` is the name of the one that holds the edits."""
    entries = filled[edits].entries
    found: dict[str, Tree] = {}
    if any(_at(entry, "cue") or _at(entry, "text") for entry in entries):
        found |= _with_cues(filled, given, problems)
    if any(_at(entry, "marker") for entry in entries):
        found |= _with_markers(filled, edits, lists, problems)
    return found


def _at(edit: Tree, key: str) -> Tree | None:
    at = edit.members.get("at")
    return at.members.get(key) if at is not None else None


def _with_cues(filled: Mapping[str, Tree], given: Mapping[str, Tree], problems: Problems) -> dict[str, Tree]:
    cues, source = filled.get("cues"), filled.get("source")
    if cues is None or cues.value is not None or source is None or not isinstance(source.value, str):
        return {}
    if is_address(source.value):
        wanted = filled.get("subtitles")
        return {"subtitles": wanted.with_value(True)} if wanted is not None and "subtitles" not in given else {}
    path = _beside(source, CUES, "cues", problems)
    return {"cues": cues.with_value(str(path))} if path is not None else {}


def _beside(source: Tree, suffixes: tuple[str, ...], name: str, problems: Problems) -> Path | None:
    """Find the file of a film's name beside it; with a language in its name, too."""
    film = Path(str(source.value))
    try:
        near = sorted(one for one in film.parent.iterdir() if one.suffix.lower() in suffixes and one.is_file())
    except OSError:
        return None  # the film itself is told of when it is read
    found = [one for one in near if one.stem == film.stem] or [one for one in near if _of(one, film)]
    if len(found) > 1:
        problems.at(
            source, f"{len(found)} files lie beside it: {', '.join(one.name for one in found)}; name one as {name}"
        )
        return None
    return found[0] if found else None


def _of(path: Path, film: Path) -> bool:
    stem, dot, language = path.stem.rpartition(".")
    return bool(dot) and stem == film.stem and 2 <= len(language) <= 8


def _with_markers(filled: Mapping[str, Tree], edits: str, lists: Lists, problems: Problems) -> dict[str, Tree]:
    """Put in and out in the place of each marker."""
    tree = filled[edits]
    first = next(marker for entry in tree.entries if (marker := _at(entry, "marker")))
    before = len(problems)
    named = _timeline(filled, problems)
    if named is None:
        if len(problems) == before:
            problems.at(
                first, "there is no timeline to look for a marker in: give an EDL, OTIO or FCPXML as `timeline`"
            )
        return {}
    asked = check(ListFile, named, problems)
    film = film_of(filled, asked, problems) if isinstance(asked, ListFile) else None
    if not isinstance(asked, ListFile) or len(problems) > before:
        return {}
    name = Path(str(asked.file)).name
    try:
        listing = read_listing(Path(str(asked.file)), name, asked.rate or (film.rate if film else None))
        clock, said = choose_clock(listing, film, asked) if film is not None else ("", ())
    except React1Error as error:
        tell(error, named, name, problems)
        return {}
    lists.files.append(Path(str(asked.file)))
    lists.notes += [f"{name}: {text}" for text in said]
    onto = Onto(film, listing, clock) if film is not None else None

    def put(edit: Tree) -> Tree:
        marker = _at(edit, "marker")
        if marker is None or not isinstance(marker.value, str):
            return edit
        try:
            entry = _marker(listing, marker.value)
            start, end = place(entry, film, asked, onto, clock)
        except Outside as error:
            problems.at(marker, f"{name}: {error}")
            return Tree(None, edit.place, edit.path, void=True)
        members = {key: value for key, value in edit.members.items() if key != "at"}
        span = {key: grown(str(one), marker.place, marker.path) for key, one in (("in", start), ("out", end))}
        return edit.with_value({**members, **span})

    return {edits: tree.with_value(tuple(put(entry) for entry in tree.entries))}


def _timeline(filled: Mapping[str, Tree], problems: Problems) -> Tree | None:
    """Give the job's timeline, else the one that lies beside the film."""
    named, source = filled.get("timeline"), filled.get("source")
    if named is not None and named.value is not None:
        return named
    if source is None or not isinstance(source.value, str) or is_address(source.value):
        return None
    path = _beside(source, TIMELINES, "timeline", problems)
    return grown({"file": str(path)}, source.place, ("timeline",)) if path is not None else None


def _marker(listing: Listing, name: str) -> Entry:
    """Find the one marker of a name, or whose text is that.

    Raises:
        Outside: there is none, or more than one; they are listed with their times.
    """
    markers = [entry for entry in listing.entries if entry.kind in ("marker", "row")]
    wanted = name.casefold().strip()
    found = [entry for entry in markers if entry.name.casefold() == wanted]
    found = found or [entry for entry in markers if wanted in (text.casefold().strip() for text in entry.texts)]
    if len(found) == 1:
        return found[0]
    if found:
        told = ", ".join(f"{entry.point or entry.span}" for entry in found[:5])
        raise Outside(f"{len(found)} markers are called {name!r}: at {told}; rename one, or give in and out")
    names = list(dict.fromkeys(shorten(f"{entry.name} ({entry.point or entry.span})") for entry in markers))[:12]
    raise Outside(f"there is no marker {shorten(name)!r}; {none_called(name, names)}")
