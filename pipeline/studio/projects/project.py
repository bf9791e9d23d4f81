"""An open film and its job: what the page shows of them, and every change that it can make."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...config.checked_job import Job, until_takes
from ...core.cancellation import exclusive
from ...core.edits.choices import CHOICE_NAMES, resolve_choices
from ...core.edits.edit import Edit
from ...core.errors import InputMediaError, PresetError, React1Error
from ...core.file import File
from ...core.values import Media
from ...core.version import version_text
from ...executors.base import CallMonitor, StoreContext
from ...interchange.places import PlaceFinder, PlaceOptions
from ...located_yaml.explain import is_url
from ...media.probe import probe, require_video
from ...media.timing.clock import frame_time_s, frame_tolerance_s, label_clock, with_start_timecode
from ...store.store import Store
from ..answers.film_answers import Clock, FilmFacts
from ..viewing.film_pictures import FilmPictures
from ..viewing.live import LivePreview
from ..viewing.playback import plays_in_browsers
from .finished_films import FinishedFilms
from .job_file import EditConflict, JobFile, Mark, WrittenEdit, file_mark
from .job_text import job_text
from .library import project_id
from .preset_values import JobValues, lists_version, other_film, place_of, step_choices, values_of
from .runnable_jobs import load_film, load_turnover
from .take_list import TakeList, WantedTake, name_of_take, place_key, plain_edit

_DAY_S = 24 * 3600.0


class Project:
    """One job file with its film."""

    def __init__(
        self,
        home: Path,
        job_path: Path,
        film_path: Path,
        notify: Callable[..., None],
        *,
        new_values: Mapping[str, str] | None = None,
        folders: tuple[Path, ...] = (),
    ) -> None:
        """Open a film with its job.

        Args:
            home: the folder of store and runs.
            job_path: the job; it needs not exist yet.
            film_path: the film.
            notify: sends an event to the pages: its kind, and its data by name.
            new_values: the inputs of a new job.
            folders: where films may be written besides the job's folder.

        Raises:
            InputMediaError: the film cannot be used.
        """
        self.id = project_id(job_path)
        self.home, self.film_path = home, film_path
        self.store = Store(home)
        self._notify = notify
        self._open_film()
        folder = home / "studio" / self.id
        self.job = JobFile(job_path, folder / "history.json", new_values, folders)
        self.list = TakeList(folder / "project.json")
        self.list.record.job, self.list.record.film = str(job_path), str(film_path)
        self.finished = FinishedFilms(self.store, self.list)
        self.seen = self.job.mark()
        """The state of the job file that the pages were last told of."""
        self.seen_lists = lists_version(self.job, film_path)
        """The same of the lists of spoken lines and markers."""
        self.film_problem = ""
        """Why the film cannot be used any more; empty while it can."""

    def film_mark(self) -> Mark | None:
        """Return what changes whenever the film is written; None while it is not there."""
        return file_mark(self.film_path)

    def _open_film(self) -> None:
        self.seen_film = self.film_mark()
        self._use_film(self.store.add_external(self.film_path))

    def _use_film(self, file: File) -> None:
        media = self._probe(self.film_path, file)
        self.video = require_video(media)
        self.media = media
        self.pictures = FilmPictures(self.film_path, media)
        self.live = LivePreview(self.film_path, media, self.pictures, self.new_context, self._report_scan)
        self.playable = plays_in_browsers(media, self.film_path.suffix)

    def read_film_again(self) -> None:
        """Use the film as it is now, after another program has written, moved or removed it.

        While it cannot be used, `film_problem` says why, and pictures are those of the film as it was.
        """
        self.seen_film, before = self.film_mark(), (self.live, self.pictures)
        if self.seen_film is None:
            self.film_problem = f"{self.film_path.name} was moved or removed; put it back to go on"
            return
        try:
            file = self.store.add_external(self.film_path)
            if file.digest != self.media.file.digest:
                self._use_film(file)
        except React1Error as error:
            self.film_problem = f"{self.film_path.name} was changed and cannot be used now: {error}"
            return
        self.film_problem = ""
        self._close_unused(before)

    def show_film(self, path: Path) -> None:
        """Show another film, which the job names by now.

        Raises:
            InputMediaError: it cannot be used; the one before stays.
        """
        before, place = (self.live, self.pictures), (self.film_path, self.seen_film)
        self.film_path = path
        try:
            self._open_film()
        except React1Error:
            self.film_path, self.seen_film = place
            raise
        self.film_problem, self.list.record.film = "", str(path)
        self._close_unused(before)

    def _close_unused(self, before: tuple[LivePreview, FilmPictures]) -> None:
        """Close what showed the film of before, if another one is shown now."""
        if self.pictures is not before[1]:
            self.__dict__.pop("_frame_times_s", None)
            for opened in before:
                opened.close()

    @property
    def problem(self) -> str:
        """Why the film that is shown cannot be edited now: it is not there, or not the job's; empty if it can."""
        return other_film(self.job, self.film_path) or self.film_problem

    def _require_own_film(self) -> None:
        """Refuse to make anything of a film that is not shown: its takes would be listed as those of the shown one."""
        if problem := other_film(self.job, self.film_path):
            raise PresetError(problem)

    def _probe(self, path: Path, file: File) -> Media:
        """Return the film's properties, from the cache if it was opened before: an hour of packets takes seconds."""
        key = {"what": "studio probe", "film": file.digest, "suffix": path.suffix, "version": version_text()}
        with closing(self.new_context()) as context:
            stored = context.cache_get(key)
            with suppress(OSError, ValueError):
                if stored is not None:
                    return Media.model_validate_json(stored.read_bytes())
            media = probe(path, file)
            written = context.temp_path("probe.json")
            written.write_text(media.model_dump_json(), "utf-8")
            context.cache_put(key, written)
            return media

    def close(self) -> None:
        """Close the film."""
        self.live.close()
        self.pictures.close()
        self.finished.close()

    def new_context(self, report: Callable[[float], None] = lambda _: None) -> StoreContext:
        """Return a context with the store's cache; close it after use."""
        return StoreContext(self.store, CallMonitor(report), time.monotonic() + _DAY_S)

    def made_once(self, parts: dict[str, Any], make: Callable[[StoreContext], Path | None]) -> Path | None:
        """Return a file of the cache; several requests for it at once make it once.

        Args:
            parts: its cache key.
            make: makes it, in a context that is closed afterwards; None if there is nothing to make.
        """
        with exclusive(json.dumps(parts, sort_keys=True)), closing(self.new_context()) as context:
            path = context.cache_get(parts)
            if path is None and (new_file := make(context)) is not None:
                context.cache_put(parts, new_file)
                path = context.cache_get(parts)
        return path

    def options(self) -> dict[str, Any]:
        """Return the job's inputs besides its edits; none while the job cannot be read."""
        try:
            return self.job.options()
        except PresetError:
            return {}

    def edits(self) -> list[WrittenEdit]:
        """Return the edits of the job; none while the job cannot be read."""
        try:
            return self.job.edits()
        except PresetError:
            return []

    def _report_scan(self, first: int, share: float) -> None:
        self.notify("faces", first=first, share=round(share, 3))

    def notify(self, kind: str, **data: Any) -> None:
        """Send an event about this project to the pages."""
        self._notify(kind, project=self.id, **data)

    def film_facts(self) -> FilmFacts:
        """Return what the page needs of the film, once."""
        (width, height), count = self.video.shown_size_px, self.video.frame_count
        return FilmFacts(
            name=self.film_path.name,
            path=str(self.film_path),
            width=width,
            height=height,
            frames=count,
            rate=self.clock().rate,
            first_s=float(frame_time_s(self.media, 0)),
            length_s=float(frame_time_s(self.media, count)),
            times=self._frame_times_s,
            slack_s=float(frame_tolerance_s(self.video)),
            sound=bool(self.media.audio),
            codec=self.video.codec,
            playable=self.playable,
            hdr=self.video.is_hdr,
            version=self.media.file.digest,
        )

    def clock(self) -> Clock:
        """Return how frames are labelled: by which rate, whether drop-frame, and the number of the first one."""
        rate, drop, start = label_clock(self.labelled_media())
        return Clock(rate=(rate.numerator, rate.denominator), drop=drop, start=start)

    def labelled_media(self) -> Media:
        """Return the film with the start timecode that the job says; with its own if the job's is not valid."""
        with suppress(React1Error):
            return with_start_timecode(self.media, self.start_tc() or None)
        return self.media

    def start_tc(self) -> str:
        """Return the timecode of the first frame that the job says; empty if it says none."""
        return str(self.options().get("start_tc") or "")

    @cached_property
    def _frame_times_s(self) -> list[float] | None:
        """When each frame is shown, and the end; None if the rate says it."""
        if self.video.constant_rate:
            return None
        ticks = np.append(self.video.timestamps.array, self.video.timestamps.end)
        times_s: list[float] = np.round(ticks * float(self.video.time_base) - float(self.media.start_s), 5).tolist()
        return times_s

    def frames_of(self, edit: Edit, values: JobValues | None) -> tuple[int, int]:
        """Return the frames [start, end) of an edit; `values` are those of the job.

        Raises:
            InputMediaError: it is outside the film, or its place does not exist.
            PresetError: the file that says where it lies cannot be read, or has no such marker.
        """
        place = place_of(values, self.film_path, edit)
        cues = place.cues if place.cues is None or is_url(place.cues) else self.store.add_external(Path(place.cues))
        options = PlaceOptions(cues, place.snap, place.within_s)
        with closing(self.new_context()) as context:
            start, end, _ = PlaceFinder(context, self.labelled_media(), options)(place.edit)
        if not 0 <= start < end <= self.video.frame_count:
            raise InputMediaError(f"{edit.place} is outside the film, or has no frame")
        return start, end

    @staticmethod
    def edit_name(written: WrittenEdit) -> str:
        """Return the name by which the page lists an edit."""
        return str(written.fields.get("name") or f"edit {written.index + 1}")

    def written(self, index: int, digest: str) -> WrittenEdit:
        """Return an edit as it is in the file.

        Raises:
            EditConflict: it was changed meanwhile.
        """
        same = [edit for edit in self.job.edits() if edit.digest == digest]
        if not same:
            raise EditConflict("this edit was changed in another tab or program; look at it, then do this again")
        return min(same, key=lambda edit: abs(edit.index - index))

    def want_takes(
        self, written: WrittenEdit, combinations: Sequence[Mapping[str, Any]], provider: str, agreed_usd: float | None
    ) -> list[WantedTake]:
        """Add takes of an edit to the list.

        Raises:
            PresetError: the edit, or a combination, is not valid.
        """
        if written.edit is None:
            raise PresetError(written.problem)
        name, values = self.edit_name(written), values_of(self.job)
        step, _ = step_choices(values)
        wanted = []
        for choices in combinations:
            fields = plain_edit(written, choices)
            edit = Edit.model_validate(fields)
            self.frames_of(edit, values)
            wanted.append(
                WantedTake(
                    edit_name=name,
                    place=place_key(edit),
                    edit=fields,
                    name=name_of_take(edit, {}, step),
                    provider=provider,
                    agreed_usd=agreed_usd,
                    film=self.media.file.digest,
                )
            )
        return wanted

    def take_job(self, take: WantedTake) -> Job:
        """Return the job that makes a take and no film.

        Raises:
            PresetError: the job is not valid.
        """
        self._require_own_film()
        edit = Edit.model_validate(take.edit)
        return until_takes(load_film(self.job, take.provider, edits=[edit]), page=False)

    def film_job(self, provider: str, kind: str) -> Job:
        """Return the job that makes the film, or the package for an editing system.

        Raises:
            PresetError: the job is not valid.
        """
        self._require_own_film()
        if kind == "film":
            return load_film(self.job, provider)
        edits = []
        for written in self.job.edits():
            if written.edit is None:
                raise PresetError(f"{self.edit_name(written)}: {written.problem}")
            edits.append(written.edit)
        return load_turnover(self.job, self.film_path, edits, provider)

    def pick(self, written: WrittenEdit, take: WantedTake) -> None:
        """Write the choice of a take into the job.

        Raises:
            PresetError: the take is not done.
        """
        if take.state != "done" or written.edit is None:
            raise PresetError("this take is not made yet")
        wanted_edit, (step, _) = Edit.model_validate(take.edit), step_choices(values_of(self.job))
        wanted, defaults = resolve_choices(wanted_edit, step), resolve_choices(step)
        if written.edit.takes is not None:
            for combination in written.edit.takes.takes:
                level = written.edit.model_copy(update={**combination.choices, "takes": None})
                if resolve_choices(level, step) == wanted and level.face == wanted_edit.face:
                    takes = {**written.fields["takes"], "pick": combination.name}
                    self.job.set_fields(written.index, written.digest, {"takes": takes})
                    return
        values: dict[str, Any] = {"takes": None}
        for name in CHOICE_NAMES:
            value = getattr(wanted, name)
            is_default = value == getattr(defaults, name) and name not in ("prompt", "temperature")
            values[name] = None if is_default and name not in written.fields else value
        if take.edit.get("face") != written.fields.get("face"):  # of faces that it compared until now
            values["face"] = take.edit.get("face")
        self.job.set_fields(written.index, written.digest, values)

    def clip_times(self, first: int, end: int) -> list[Fraction]:
        """Return when each frame of [first, end) is shown, from the first one on, and the end."""
        base = frame_time_s(self.media, first)
        return [frame_time_s(self.media, frame) - base for frame in range(first, end + 1)]

    def as_text(self, kind: str) -> str:
        """Return the job as `yaml`, as a `command`, or as `python`."""
        return job_text(self.job, self.film_path, kind, self.list.record.provider)
