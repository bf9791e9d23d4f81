"""Which entries of a list are of a film, and on which clock; pure.

Source  CMX 3600 reels have eight characters, so that a longer name is cut there; a camera's file name begins with its
        reel or clip name (A001C003_…).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from ..core.errors import PresetError
from ..core.times import Timecode
from .entries import Clip, Entry, Listing
from .film import Film
from .list_options import ListFile
from .map_to_film import Onto, Outside

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{2,5}$")
_REEL_LENGTH = 8
_SHORTEST_PREFIX = 6


def belongs(clip: Clip | None, film: Film, asked: ListFile) -> bool:
    """Tell whether a clip of a list is the film, by its name, its file or its reel."""
    if clip is None:
        return False
    file = _file(clip.path)
    if asked.match == "folder" and (not film.folder or file.parent.name.casefold() != film.folder.casefold()):
        return False
    if asked.clip:
        return _plain(asked.clip) in {_plain(one) for one in (clip.name, clip.reel, clip.path, file.name) if one}
    if _plain(film.name) in {_plain(one) for one in (clip.name, file.name) if one}:
        return True
    return bool(clip.reel) and (clip.reel == film.reel or _is_reel(clip.reel, film.stem))


def _is_reel(reel: str, stem: str) -> bool:
    """Tell whether a film's name is a reel, or begins with it: whole, or as CMX cuts it."""
    short, long = reel.casefold().rstrip("."), stem.casefold()
    if short == long or _plain(short) == long:
        return True
    if len(short) < _SHORTEST_PREFIX or not long.startswith(short):
        return False
    return len(reel) == _REEL_LENGTH or not long[len(short)].isalnum()


def _plain(name: str) -> str:
    return _SUFFIX.sub("", name.casefold().strip())


def _file(path: str) -> PurePosixPath:
    text = unquote(urlsplit(path).path) if "://" in path else path
    return PurePosixPath(text.replace("\\", "/"))


def choose_clock(listing: Listing, film: Film, asked: ListFile) -> tuple[str, tuple[str, ...]]:
    """Give the clock that the film shows, `source` or `record`, and what the user should hear of the choice.

    Raises:
        PresetError: nothing tells; the message says what was found on both sides.
    """
    clips = [entry for entry in listing.entries if entry.clip is not None and entry.source is not None]
    ours = [entry for entry in clips if belongs(entry.clip, film, asked)]
    if asked.clock == "record":
        return "record", ()
    if ours:
        return "source", ()
    if asked.clock == "source" or asked.clip:
        raise PresetError(f"no clip of the list is {asked.clip or film.name!r}; it has {_found(clips)}")
    if not clips or _plain(listing.title) == _plain(film.name):
        return "record", ()
    if film.start is not None and _all_inside(listing, film):
        return "record", (
            f"the film is taken for the programme: all record times lie in it, and it {film.range_text()}",
        )
    raise PresetError(
        f"the list does not fit the film: {film.name!r} {film.range_text()}; the list has {_found(clips)}, and record "
        f"times {_between(listing)}; say `clock: record` where the film is the finished programme, or which `clip` "
        "it is"
    )


def _all_inside(listing: Listing, film: Film) -> bool:
    """Tell whether every record span that can be edited lies in the film, and there is one."""
    onto = Onto(film, listing, "record")
    spans = [(entry, entry.record) for entry in listing.entries if entry.record is not None and not entry.unusable]
    try:
        for entry, record in spans:
            onto.place(entry, record)
    except Outside:
        return False
    return bool(spans)


def _found(clips: Iterable[Entry]) -> str:
    """Name the clips of a list, each once, with where it was cut from."""
    told: dict[str, None] = {}
    for entry in clips:
        told[f"{entry.clip} ({entry.source})"] = None
    shown = list(told)[:4]
    more = f" and {len(told) - 4} more" if len(told) > 4 else ""
    return ("the clips " if len(told) != 1 else "the clip ") + ", ".join(shown) + more if told else "no clips"


def _between(listing: Listing) -> str:
    spans = [entry.record for entry in listing.entries if entry.record is not None]
    labels = [span.start for span in spans if isinstance(span.start, Timecode)]
    ends = [span.end for span in spans if isinstance(span.end, Timecode)]
    if not labels or not ends:
        return "from its own zero"
    return f"from {min(labels, key=_place)} to {max(ends, key=_place)}"


def _place(label: Timecode) -> tuple[int, int, int, int]:
    return label.hours, label.minutes, label.seconds, label.frames
