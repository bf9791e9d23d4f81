"""Match a film with the entries of a list: what its header and first frame say, and the list's clocks on its clock.

Of a URL only the name is known. A start timecode from the user takes precedence over the film's own.

If the film has a timecode, labels are used unchanged. If it has none, a programme's first frame is the film's first
frame and its labels become frame numbers; the labels of a clip count from 00:00:00:00, as editing systems show a clip
without timecode.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from ..core.errors import PresetError, shorten
from ..core.times import (
    DAY_HOURS,
    DROP_FRAME_RATES,
    Frames,
    Moment,
    Seconds,
    Timecode,
    counting_rate,
    frames_per_day,
    nominal_rate,
    order_key,
    parse_time,
    timecode_of_day,
    timecode_to_frames,
)
from ..media.timing.frame_rate import COMMON_RATES, common_rate
from .entries import Entry, Listing, Span


@dataclass(frozen=True)
class Film:
    """The media that the edits are for."""

    name: str
    """File name."""
    folder: str = ""
    """Name of its folder; empty for a URL."""
    reel: str = ""
    """Reel name of its timecode track."""
    rate: Fraction | None = None
    """Frames per second of its labels."""
    start: Timecode | None = None
    """Label of its first frame."""
    frames: int = 0
    """Number of frames according to the container; 0 if unknown."""

    @property
    def stem(self) -> str:
        """Return the file name without its suffix."""
        return PurePosixPath(self.name).stem

    def range_text(self) -> str:
        """Describe start, end and length on the film's clock."""
        if not self.frames or self.rate is None:
            return "has an unknown length"
        length = f"{self.frames} frames at {float(self.rate):g}/s"
        if self.start is None:
            return f"has no start timecode and lasts {length}"
        return f"runs from {self.start} to {self.label(self.frames)}, {length}"

    def label(self, frame: int) -> Timecode:
        """Return the label of a frame, wrapping at midnight; the film must have a start timecode and a rate."""
        if self.start is None or self.rate is None:
            raise ValueError(f"{self.name} has no start timecode")
        rate = counting_rate(self.rate, self.start.drop)
        return timecode_of_day(timecode_to_frames(self.start, rate) + frame, rate, drop=self.start.drop)


def read_film(path: Path, start_tc: str = "", rate: Fraction | None = None) -> Film:
    """Read a local film; `rate` is used if the container's own is none in common use, as where it varies.

    Raises:
        InputMediaError: the file is not a film.
        PresetError: `start_tc` is not a timecode.
    """
    # Not with the module: most jobs have no list whose entries are matched with a film.
    from ..media.frames.decode import main_video_stream
    from ..media.frames.film_readers import open_media
    from ..media.probe import start_timecode

    with open_media(path) as container:
        stream = main_video_stream(container)
        own_rate = _rate(stream)
        rate = own_rate if own_rate in COMMON_RATES else rate or own_rate
        start = _user_label(start_tc, rate)
        if start is None:
            start = _film_label(start_timecode(container, stream, _first_frame(container, stream)), rate)
        return Film(path.name, path.absolute().parent.name, _reel(container), rate, start, _frames(container, stream))


def film_from_url(url: str, start_tc: str = "", rate: Fraction | None = None) -> Film:
    """Build the film of a URL that has not been fetched."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name or "video"
    return Film(name, rate=rate, start=_user_label(start_tc, rate))


def _user_label(text: str, rate: Fraction | None) -> Timecode | None:
    """Parse a start timecode from the user; a label that the rate does not have is refused with its neighbours."""
    if not text:
        return None
    try:
        label = parse_time(text)
        if isinstance(label, Timecode) and rate is not None:
            timecode_to_frames(label, counting_rate(rate, label.drop))
    except ValueError as error:
        raise PresetError(f"start_tc: {error}") from error
    if not isinstance(label, Timecode):
        raise PresetError(
            f"start_tc: {shorten(repr(text))} is not a timecode; write HH:MM:SS:FF, or HH:MM:SS;FF for drop-frame"
        )
    return label


def _film_label(text: str, rate: Fraction | None) -> Timecode | None:
    """Parse a film's own start timecode; return None if it cannot be parsed."""
    try:
        label = parse_time(text.strip().replace(".", ";").replace(",", ";"))
        if isinstance(label, Timecode):
            timecode_to_frames(label, counting_rate(rate or Fraction(60), label.drop))
    except ValueError:
        return None
    return label if isinstance(label, Timecode) else None


def _rate(stream: Any) -> Fraction | None:
    """Return the container's frame rate, rounded to the nearest rate in use."""
    rate = stream and (stream.guessed_rate or stream.average_rate)
    return common_rate(Fraction(rate)) if rate else None


def _frames(container: Any, stream: Any) -> int:
    if stream is None:
        return 0
    if stream.frames:
        return int(stream.frames)
    duration_s = Fraction(stream.duration or 0) * Fraction(stream.time_base)
    duration_s = duration_s or Fraction(container.duration or 0) / 10**6
    rate = stream.average_rate or stream.guessed_rate
    return round(duration_s * rate) if rate else 0


def _first_frame(container: Any, stream: Any) -> Any:
    if stream is None:
        return None
    import av

    try:
        return next(iter(container.decode(stream)), None)
    except av.FFmpegError:
        return None


def _reel(container: Any) -> str:
    names = (stream.metadata.get("reel_name") for stream in container.streams)
    return str(next((name for name in names if name), ""))


class NotOnFilm(ValueError):
    """An entry cannot be mapped to the film; the message gives the reason."""


class ClockMapper:
    """Map spans of one clock of a list to a film.

    `rate` is the frames per second of the list's labels, if it is not the film's.
    """

    def __init__(self, film: Film, listing: Listing, clock: str, rate: Fraction | None = None) -> None:
        self._film, self._listing, self._clock = film, listing, clock
        self._label_rate = rate or film.rate or listing.rate
        self._zero = _first_label(listing) if clock == "record" and film.start is None else None

    @property
    def notes(self) -> str:
        """Return a note if the label of the film's first frame is an assumption; else an empty string."""
        if self._zero is None or self._listing.start is not None:
            return ""
        return (
            f"the film has no start timecode: its first frame is assumed to be {self._zero}, the first record time of "
            "the list; give --start-tc if that is wrong"
        )

    def place(self, entry: Entry, span: Span) -> tuple[Moment, Moment]:
        """Return (in, out) on the film's clock.

        Raises:
            NotOnFilm: a label does not exist, the span lies outside the film, or the frame rate or the start of the
                programme is unknown.
        """
        try:
            start = self._moment(span.start, entry)
            end = self._moment(span.end, entry) if span.end is not None else self._add_frames(start, span.frames)
            first, last = self._index(start), self._index(end)
        except NotOnFilm:
            raise
        except ValueError as error:  # a label that does not exist
            raise NotOnFilm(str(error)) from error
        if first is not None and last is not None:
            self._check(span, end, first, last)
        return start, end

    def _moment(self, moment: Moment, entry: Entry) -> Moment:
        """Map one moment of the list to the film."""
        if not isinstance(moment, Timecode):
            return self._label_of(moment)
        start = self._film.start
        if start is not None:
            drop = moment.drop or (start.drop and _may_drop(self._label_rate))
            return self._film_label(replace(moment, drop=drop), start)
        if self._clock == "source" or self._listing.labels_from_zero:
            drop = moment.drop or (entry.drop and _may_drop(self._label_rate))
            zero = Timecode(0, 0, 0, 0, drop=drop and _may_drop(self._film.rate))
            return self._film_label(replace(moment, drop=drop), zero)
        if self._zero is None:
            raise NotOnFilm(
                "the film has no start timecode, and the list does not say where its programme begins; give --start-tc"
            )
        rate = counting_rate(self._require_rate(self._label_rate), moment.drop)
        count = timecode_to_frames(moment, rate) - timecode_to_frames(replace(self._zero, drop=moment.drop), rate)
        count = count if count >= 0 else count + frames_per_day(rate, drop=moment.drop)
        return Frames(_nearest(count * self._film_frames_per_label))

    @property
    def _film_frames_per_label(self) -> Fraction:
        """Return the film's frames per frame of the list.

        Where one rate is a multiple of the other but for NTSC's thousandth, it is that multiple: 30 may mean 29.97.
        """
        film, labels = self._film.rate, self._label_rate
        if film is None or labels is None:
            return Fraction(1)
        counted, listed = nominal_rate(film), nominal_rate(labels)
        return Fraction(counted, listed) if not counted % listed or not listed % counted else film / labels

    def _film_label(self, label: Timecode, start: Timecode) -> Timecode:
        """Return the film's label for a label of the list; `start` is where the film's labels begin."""
        ratio, film_rate = self._film_frames_per_label, self._film.rate
        if ratio == 1 or film_rate is None or self._label_rate is None:
            return label
        rate, film_rate = counting_rate(self._label_rate, label.drop), counting_rate(film_rate, start.drop)
        scaled, rest = divmod(start.frames * nominal_rate(rate), nominal_rate(film_rate))
        elapsed = timecode_to_frames(label, rate)
        elapsed -= timecode_to_frames(replace(start, frames=scaled, drop=label.drop), rate)
        count = _nearest((elapsed - Fraction(rest, nominal_rate(film_rate))) * ratio)
        return timecode_of_day(timecode_to_frames(start, film_rate) + count, film_rate, drop=start.drop)

    def _label_of(self, moment: Seconds | Frames) -> Moment:
        """Return a moment that counts from the programme's first frame as a label, if the film has labels."""
        start, film = self._listing.start, self._film
        if self._clock != "record" or start is None or film.start is None or film.rate is None:
            return moment
        rate = counting_rate(film.rate, film.start.drop)
        count = moment.count if isinstance(moment, Frames) else round(moment.value * rate)
        first = timecode_to_frames(start, counting_rate(film.rate, start.drop))
        return timecode_of_day(first + count, rate, drop=film.start.drop)

    def _add_frames(self, start: Moment, frames: int) -> Moment:
        """Return the moment of the film that is some frames of the list after another one."""
        if isinstance(start, Seconds):
            return Seconds(start.value + frames / self._require_rate(self._label_rate))
        count = _nearest(frames * self._film_frames_per_label)
        if isinstance(start, Frames):
            return Frames(start.count + count)
        rate = counting_rate(self._require_rate(self._film.rate or self._label_rate), start.drop)
        return timecode_of_day(timecode_to_frames(start, rate) + count, rate, drop=start.drop)

    def _index(self, moment: Moment) -> int | None:
        """Return the frame number in the film; None if its rate is unknown."""
        film = self._film
        if isinstance(moment, Frames):
            return moment.count
        if film.rate is None:
            return None
        if isinstance(moment, Seconds):
            return round(moment.value * film.rate)
        if moment.drop and film.start is not None and not film.start.drop:
            raise ValueError(f"timecode {moment} is drop-frame, but the film's clock is not: it starts at {film.start}")
        rate = counting_rate(film.rate, moment.drop)
        count = timecode_to_frames(moment, rate)
        if film.start is not None:
            count -= timecode_to_frames(film.start, rate)
        return count if count >= 0 else count + frames_per_day(rate, drop=moment.drop)

    def _check(self, span: Span, end: Moment, first: int, last: int) -> None:
        """Refuse a span without a frame, or outside the film; `end` is its end on the film."""
        if last <= first:
            raise NotOnFilm(f"it contains no frame: {span}")
        if first < 0:
            raise NotOnFilm(f"{self._clock} {span} begins before the film")
        # A container gives its length to within a frame. A time may follow the sound, which may last longer.
        surplus = 1 + (nominal_rate(self._require_rate(self._film.rate)) if isinstance(end, Seconds) else 0)
        if self._film.frames and last > self._film.frames + surplus:
            raise NotOnFilm(f"{self._clock} {span} lies outside the film, which {self._film.range_text()}")

    def _require_rate(self, rate: Fraction | None) -> Fraction:
        if rate is None:
            raise NotOnFilm("the frame rate is unknown; give it as `rate`")
        return rate


def _may_drop(rate: Fraction | None) -> bool:
    """Check whether labels at a rate may be drop-frame."""
    return rate is not None and counting_rate(rate, True) in DROP_FRAME_RATES


def _nearest(value: Fraction) -> int:
    """Return the nearest integer; the upper one of two."""
    return (2 * value + 1).__floor__() // 2


def _first_label(listing: Listing) -> Timecode | None:
    """Return the label of the programme's first frame: the list's own, or the earliest record time of its events."""
    if listing.start is not None or not listing.starts_at_first:
        return listing.start
    starts = [entry.record.start for entry in listing.entries if entry.record is not None and entry.kind == "clip"]
    labels = sorted((label for label in starts if isinstance(label, Timecode)), key=order_key)
    if labels and labels[-1].hours - labels[0].hours > DAY_HOURS // 2:  # it runs over midnight
        return next(label for label in labels if label.hours >= DAY_HOURS // 2)
    return labels[0] if labels else None
