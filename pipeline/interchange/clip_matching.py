"""Match the clips of a list to a film, and choose the clock that the film shows; pure.

CMX 3600 reel names have eight characters, so longer names are truncated; a camera's file name begins with its reel or
clip name (A001C003_…).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from ..core.errors import PresetError
from ..core.times import Timecode
from .entries import Clip, Entry, ListFile, Listing
from .film import Film
from .map_to_film import ClockMapper, NotOnFilm

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{2,5}$")
_REEL_LENGTH = 8
_MIN_PREFIX = 6


def is_clip_of_film(clip: Clip | None, film: Film, options: ListFile) -> bool:
    """Check whether a clip of a list is the film, by its name, its file or its reel."""
    if clip is None:
        return False
    file = _file(clip.path)
    if options.match == "folder" and (not film.folder or file.parent.name.casefold() != film.folder.casefold()):
        return False
    if options.clip:
        return _stem(options.clip) in {_stem(name) for name in (clip.name, clip.reel, clip.path, file.name) if name}
    if _stem(film.name) in {_stem(name) for name in (clip.name, file.name) if name}:
        return True
    return bool(clip.reel) and (clip.reel == film.reel or _is_reel(clip.reel, film.stem))


def _is_reel(reel: str, stem: str) -> bool:
    """Check whether a film's name is a reel name or begins with one, in full or as CMX truncates it."""
    short, long = reel.casefold().rstrip("."), stem.casefold()
    if short == long or _stem(short) == long:
        return True
    if len(short) < _MIN_PREFIX or not long.startswith(short):
        return False
    return len(reel) == _REEL_LENGTH or not long[len(short)].isalnum()


def _stem(name: str) -> str:
    return _SUFFIX.sub("", name.casefold().strip())


def _file(path: str) -> PurePosixPath:
    text = unquote(urlsplit(path).path) if "://" in path else path
    return PurePosixPath(text.replace("\\", "/"))


def choose_clock(listing: Listing, film: Film, options: ListFile) -> tuple[str, tuple[str, ...]]:
    """Return the clock that the film shows, `source` or `record`, and notes on the choice for the user.

    Raises:
        PresetError: the clock cannot be determined; the message describes both the film and the list.
    """
    clips = [entry for entry in listing.entries if entry.clip is not None and entry.source is not None]
    of_film = [entry for entry in clips if is_clip_of_film(entry.clip, film, options)]
    if options.clock == "record":
        return "record", ()
    if of_film:
        return "source", ()
    if options.clock == "source" or options.clip:
        raise PresetError(f"no clip of the list is {options.clip or film.name!r}; it has {_describe_clips(clips)}")
    if not clips or _stem(listing.title) == _stem(film.name):
        return "record", ()
    if film.start is not None and _all_inside(listing, film):
        return "record", (
            f"the film is treated as the programme: all record times lie in it, and it {film.range_text()}",
        )
    raise PresetError(
        f"the list does not fit the film: {film.name!r} {film.range_text()}; the list has {_describe_clips(clips)}, "
        f"and record times {_record_range(listing)}; set `clock: record` if the film is the finished programme, or "
        "`clip` to the clip that it is"
    )


def _all_inside(listing: Listing, film: Film) -> bool:
    """Check whether there are editable record spans and all of them lie in the film."""
    mapper = ClockMapper(film, listing, "record")
    spans = [(entry, entry.record) for entry in listing.entries if entry.record is not None and not entry.unusable]
    try:
        for entry, record in spans:
            mapper.place(entry, record)
    except NotOnFilm:
        return False
    return bool(spans)


def _describe_clips(clips: Iterable[Entry]) -> str:
    """List the distinct clips of a list with their source spans."""
    labels = list(dict.fromkeys(f"{entry.clip} ({entry.source})" for entry in clips))
    if not labels:
        return "no clips"
    more = f" and {len(labels) - 4} more" if len(labels) > 4 else ""
    return ("the clips " if len(labels) != 1 else "the clip ") + ", ".join(labels[:4]) + more


def _record_range(listing: Listing) -> str:
    spans = [entry.record for entry in listing.entries if entry.record is not None]
    labels = [span.start for span in spans if isinstance(span.start, Timecode)]
    ends = [span.end for span in spans if isinstance(span.end, Timecode)]
    if not labels or not ends:
        return "from its own zero"
    return f"from {min(labels, key=_label_key)} to {max(ends, key=_label_key)}"


def _label_key(label: Timecode) -> tuple[int, int, int, int]:
    return label.hours, label.minutes, label.seconds, label.frames
