"""Map the clocks of a list to the clock of a film; pure.

If the film has a timecode, labels are used unchanged. If it has none, a programme's first frame is the film's first
frame and its labels become frame numbers; the labels of a clip count from 00:00:00:00, as editing systems show a clip
without timecode.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from ..core.times import (
    DROP_FRAME_RATES,
    Frames,
    Moment,
    Seconds,
    Timecode,
    counting_rate,
    frames_per_day,
    nominal_rate,
    timecode_of_day,
    timecode_to_frames,
)
from .entries import Entry, Listing, Span
from .film import Film


class NotOnFilm(ValueError):
    """An entry cannot be mapped to the film; the message gives the reason."""


class ClockMapper:
    """Map spans of one clock of a list to a film."""

    def __init__(self, film: Film, listing: Listing, clock: str) -> None:
        self._film, self._listing, self._clock = film, listing, clock
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
            self._check(span, first, last)
        return start, end

    def _moment(self, moment: Moment, entry: Entry) -> Moment:
        """Map one moment of the list to the film."""
        if not isinstance(moment, Timecode):
            return self._label_of(moment)
        if self._film.start is not None:
            return replace(moment, drop=moment.drop or self._film.start.drop)
        if self._clock == "source" or self._listing.labels_from_zero:
            return replace(moment, drop=moment.drop or (entry.drop and self._may_drop()))
        if self._zero is None:
            raise NotOnFilm(
                "the film has no start timecode, and the list does not say where its programme begins; give --start-tc"
            )
        rate = counting_rate(self._rate(), moment.drop)
        count = timecode_to_frames(moment, rate) - timecode_to_frames(replace(self._zero, drop=moment.drop), rate)
        return Frames(count if count >= 0 else count + frames_per_day(rate, drop=moment.drop))

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
        if isinstance(start, Frames):
            return Frames(start.count + frames)
        if isinstance(start, Seconds):
            return Seconds(start.value + frames / self._rate())
        rate = counting_rate(self._rate(), start.drop)
        count = timecode_to_frames(start, rate) + frames
        return timecode_of_day(count, rate, drop=start.drop)

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

    def _check(self, span: Span, first: int, last: int) -> None:
        if last <= first:
            raise NotOnFilm(f"it contains no frame: {span}")
        # A container gives its length to within a frame, and sound may last longer than the picture.
        if self._film.frames and last > self._film.frames + 1 + nominal_rate(self._rate()):
            raise NotOnFilm(f"{self._clock} {span} lies outside the film, which {self._film.range_text()}")

    def _rate(self) -> Fraction:
        rate = self._film.rate or self._listing.rate
        if rate is None:
            raise NotOnFilm("the frame rate is unknown; give it as `rate`")
        return rate

    def _may_drop(self) -> bool:
        rate = self._film.rate
        return rate is not None and counting_rate(rate, True) in DROP_FRAME_RATES


def _first_label(listing: Listing) -> Timecode | None:
    """Return the label of the programme's first frame: the list's own, or the earliest record time of its events."""
    if listing.start is not None or not listing.starts_at_first:
        return listing.start
    starts = [entry.record.start for entry in listing.entries if entry.record is not None and entry.kind == "clip"]
    labels = [label for label in starts if isinstance(label, Timecode)]
    return min(labels, key=lambda label: (label.hours, label.minutes, label.seconds, label.frames), default=None)
