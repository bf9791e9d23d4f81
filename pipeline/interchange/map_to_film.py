"""From the clocks of a list to the clock of a film; pure.

A label goes over as it is where the film shows labels. Where it shows none, a programme's first frame is that of the
film, and its labels become frames; the labels of a clip count from 00:00:00:00, as editing systems show a clip that has
no timecode.
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


class Outside(ValueError):
    """An entry has no place on the film; the message says why."""


class Onto:
    """Puts spans of one clock of a list onto a film."""

    def __init__(self, film: Film, listing: Listing, clock: str) -> None:
        self._film, self._listing, self._clock = film, listing, clock
        self._zero = _first_label(listing) if clock == "record" and film.start is None else None

    @property
    def notes(self) -> str:
        """What the user should hear: which label was taken for the film's first frame, where that was a guess."""
        if self._zero is None or self._listing.start is not None:
            return ""
        return (
            f"the film has no start timecode: its first frame is taken for {self._zero}, the first record time of the "
            "list; give --start-tc where it is another"
        )

    def place(self, entry: Entry, span: Span) -> tuple[Moment, Moment]:
        """Give (in, out) on the film's clock.

        Raises:
            Outside: a label does not exist, the span lies outside the film, or what it takes is not known.
        """
        try:
            start = self._moment(span.start, entry)
            end = self._moment(span.end, entry) if span.end is not None else self._later(start, span.frames)
            first, last = self._index(start), self._index(end)
        except Outside:
            raise
        except ValueError as error:  # a label that does not exist
            raise Outside(str(error)) from error
        if first is not None and last is not None:
            self._check(span, first, last)
        return start, end

    def _moment(self, moment: Moment, entry: Entry) -> Moment:
        """Turn one moment of the list into one of the film."""
        if not isinstance(moment, Timecode):
            return self._label_of(moment)
        if self._film.start is not None:
            return replace(moment, drop=moment.drop or self._film.start.drop)
        if self._clock == "source" or self._listing.labels_from_zero:
            return replace(moment, drop=moment.drop or (entry.drop and self._may_drop()))
        if self._zero is None:
            raise Outside(
                "the film has no start timecode, and the list does not tell where its programme begins; give --start-tc"
            )
        rate = counting_rate(self._rate(), moment.drop)
        count = timecode_to_frames(moment, rate) - timecode_to_frames(replace(self._zero, drop=moment.drop), rate)
        return Frames(count if count >= 0 else count + frames_per_day(rate, drop=moment.drop))

    def _label_of(self, moment: Seconds | Frames) -> Moment:
        """Give what counts from a programme's first frame as a label, where the film may be only a part of it."""
        start, film = self._listing.start, self._film
        if self._clock != "record" or start is None or film.start is None or film.rate is None:
            return moment
        rate = counting_rate(film.rate, film.start.drop)
        count = moment.count if isinstance(moment, Frames) else round(moment.value * rate)
        first = timecode_to_frames(start, counting_rate(film.rate, start.drop))
        return timecode_of_day(first + count, rate, drop=film.start.drop)

    def _later(self, start: Moment, frames: int) -> Moment:
        if isinstance(start, Frames):
            return Frames(start.count + frames)
        if isinstance(start, Seconds):
            return Seconds(start.value + frames / self._rate())
        rate = counting_rate(self._rate(), start.drop)
        count = timecode_to_frames(start, rate) + frames
        return timecode_of_day(count, rate, drop=start.drop)

    def _index(self, moment: Moment) -> int | None:
        """Count the frames from the film's first one; None where its rate is not known."""
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
            raise Outside(f"it holds no frame: {span}")
        # A container tells its length to within a frame, and sound may outlast the picture.
        if self._film.frames and last > self._film.frames + 1 + nominal_rate(self._rate()):
            raise Outside(f"{self._clock} {span} lies outside the film, which {self._film.range_text()}")

    def _rate(self) -> Fraction:
        found = self._film.rate or self._listing.rate
        if found is None:
            raise Outside("the frame rate is not known; give it with `rate`")
        return found

    def _may_drop(self) -> bool:
        rate = self._film.rate
        return rate is not None and counting_rate(rate, True) in DROP_FRAME_RATES


def _first_label(listing: Listing) -> Timecode | None:
    """Give the label of the programme's first frame: as told, or the earliest record time of a list of events."""
    if listing.start is not None or not listing.starts_at_first:
        return listing.start
    starts = [entry.record.start for entry in listing.entries if entry.record is not None and entry.kind == "clip"]
    labels = [label for label in starts if isinstance(label, Timecode)]
    return min(labels, key=lambda label: (label.hours, label.minutes, label.seconds, label.frames), default=None)
