"""The studio behind the page: open projects, work in the background, providers and the ledger.

What changes is sent to every open page as server-sent events.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ..config.checked_job import Job
from ..core.cancellation import exclusive
from ..core.errors import Interrupted, PresetError, React1Error
from ..core.settings import path_in
from ..jobs.ledger import Ledger
from ..providers.choose_provider import get_provider, provider_names, resolve_provider_name
from ..providers.prices import current_price
from ..runner.planning.plan import plan_job, stored_takes
from ..runner.run_records.outcome import RunResult
from ..store.store import Store
from .answers.general_answers import Bill, BillItem, LedgerAnswer, PaidCall, Provider
from .answers.job_answers import JobState
from .background_work import Progress, Work
from .event_stream import EventStream
from .page_words import page_message
from .projects.job_file import JobFile, Mark
from .projects.library import FILMS, Library, is_job, project_id
from .projects.preset_values import lists_version
from .projects.project import Project
from .projects.project_state import describe_project, take_owners
from .projects.signing import signer_of
from .projects.take_list import MadeFilm, WantedTake
from .studio_options import StudioOptions
from .viewing.playback import make_proxy, make_wave, proxy_parts, wave_parts

_WATCH_S = 0.5
_NAME_BYTES = 255
"""Of the longest name that a file can have on most file systems."""


LEDGER_ROWS = 200
"""Paid calls that the page lists."""


class Studio:
    """Everything that the server's endpoints use."""

    def __init__(self, options: StudioOptions) -> None:
        self.options = options
        self.library = Library(options.folders, options.home / "studio" / "jobs")
        self.events = EventStream()
        self.work = Work(options.home, self._progressed)
        self._projects: dict[str, Project] = {}
        self._lock = threading.RLock()
        self._media_work = ThreadPoolExecutor(1, thread_name_prefix="react1-studio-media")
        self._media_state: dict[str, tuple[float, str]] = {}
        """What is being made of a film, by its cache key: the share done, and what went wrong."""

    def close(self) -> None:
        """Stop all work and close all films."""
        self.work.close()
        self._media_work.shutdown(wait=True, cancel_futures=True)
        for project in self._projects.values():
            project.close()

    def open(self, path: Path) -> Project:
        """Open a film or a job.

        Raises:
            PresetError: the job cannot be used.
            InputMediaError: the film cannot be used.
        """
        if path.suffix.lower() in FILMS:
            return self._open(self._job_of(path), path)
        if not is_job(path):
            raise PresetError(f"{path.name} is neither a film nor a job")
        document = JobFile(path, path.with_name("unused")).document()
        source = document.get("source")
        if not isinstance(source, str):
            raise PresetError(f"{path.name} names no film")
        if "://" in source:
            raise PresetError(f"{path.name} names the film {source}; download it first, and name the file")
        return self._open(path, self.library.resolve(str(path_in(path.parent, source))))

    def project(self, name: str) -> Project:
        """Return an open project; it is opened again after a restart.

        Raises:
            PresetError: there is none.
        """
        with self._lock:
            if name in self._projects:
                return self._projects[name]
        for file in self.library.files():
            job = file.path if file.kind == "job" else self._job_of(file.path)
            if project_id(job) == name:
                return self.open(file.path if file.kind == "job" or not job.exists() else job)
        raise PresetError("this film is not open any more; open it again")

    def _job_of(self, film: Path) -> Path:
        """Return the job of a film: beside it, or in the home folder where that may not be written or named so."""
        sidecar = film.with_name(f"{film.name}.react1.yaml")
        is_name = len(os.fsencode(sidecar.name)) <= _NAME_BYTES
        if is_name and (sidecar.exists() or os.access(film.parent, os.W_OK)):
            return sidecar
        return self.library.jobs / f"{project_id(film)}.yaml"

    def _open(self, job: Path, film: Path) -> Project:
        name = project_id(job)
        with exclusive(f"studio project {name}"):  # a long film takes a while, in which the open ones go on
            if name not in self._projects:
                values, folders = self.library.new_job(job, film)
                project = Project(self.options.home, job, film, self.events.send, new_values=values, folders=folders)
                project.list.save()
                with self._lock:
                    self._projects[name] = project
            project = self._projects[name]
            if project.film_path != film:
                project.show_film(film)
                self._film_is_new(project)
            with self._lock:  # what could not be made is tried again
                for key in [key for key, (_, problem) in list(self._media_state.items()) if problem]:
                    del self._media_state[key]
            return project

    def state(self, project: Project) -> JobState:
        """Return the state of a project for the page."""
        return describe_project(project, self.work.progress)

    def changed(self, project: Project) -> None:
        """Let all pages of a project ask for its state."""
        project.seen = project.job.mark()
        project.notify("project", version=project.job.version)

    async def watch_files(self) -> None:
        """Let the pages know when another program has written an open film, its job, or a list of its lines or markers.

        A long film takes minutes to read; all others, and its own job, are watched meanwhile.
        """
        written: dict[str, Mark | None] = {}
        reading: dict[str, asyncio.Task[None]] = {}
        while True:
            await asyncio.sleep(_WATCH_S)
            for project in list(self._projects.values()):
                lists = await asyncio.to_thread(lists_version, project.job, project.film_path)
                if project.job.mark() != project.seen or lists != project.seen_lists:
                    project.seen_lists = lists
                    self.changed(project)
                mark, reader = project.film_mark(), reading.get(project.id)
                if mark == project.seen_film:
                    written.pop(project.id, None)
                elif written.get(project.id, project.seen_film) != mark:
                    written[project.id] = mark
                elif reader is None or reader.done():  # it is not written any more
                    reading[project.id] = asyncio.create_task(asyncio.to_thread(self._film_changed, project))

    def _film_changed(self, project: Project) -> None:
        project.read_film_again()
        self._film_is_new(project)

    def _film_is_new(self, project: Project) -> None:
        for what in ("proxy", "wave"):
            self._media_state.pop(f"{project.id} {what}", None)
        self.changed(project)

    def _progressed(self, item: str, progress: Progress) -> None:
        self.events.send("progress", item=item, share=round(progress.share, 3), doing=progress.doing)

    def make_takes(self, project: Project, takes: Sequence[WantedTake]) -> list[WantedTake]:
        """Queue takes; those that exist, or are being made, are returned as they are."""
        listed = [project.list.add_take(take) for take in takes]
        for take in listed:
            if take.state == "waiting" and take.id not in self.work.progress:
                self._make_take(project, take)
        self.changed(project)
        return listed

    def _make_take(self, project: Project, take: WantedTake) -> None:
        def load() -> Job:
            project.list.update(take, state="working", error="", film=project.media.file.digest)
            self.changed(project)
            return project.take_job(take)

        def done(result: RunResult, job: Job, _progress: Progress) -> None:
            parts = stored_takes(job, Store(self.options.home, read_only=True))
            failures = [note for part in parts if part.status != "done" for note in part.notes[-1:]]
            if failures or not parts:
                raise PresetError(failures[0] if failures else "the take is not in the store; make it again")
            project.list.update(
                take,
                state="done",
                parts=[part.model_dump(mode="json") for part in parts],
                cost_usd=result.cost_usd,
                seconds=round(sum(part.seconds for part in parts), 3),
            )
            self.changed(project)

        is_paid = resolve_provider_name(take.provider) != "local"
        self.work.start(
            take.id,
            load,
            done,
            lambda error: self._fail(project, take, error),
            paid=is_paid,
            agreed_usd=take.agreed_usd,
        )

    def make_film(
        self, project: Project, kind: str, provider: str, agreed_usd: float | None, replace: bool
    ) -> MadeFilm:
        """Queue the film, or the package for an editing system."""
        film = project.list.add_film(MadeFilm.model_validate({"kind": kind, "job_version": project.job.version}))

        def load() -> Job:
            version, film_version = project.job.version, project.media.file.digest  # it may have waited for long
            project.list.update(film, state="working", job_version=version, film=film_version)
            self.changed(project)
            return project.film_job(provider, kind)

        def done(result: RunResult, _job: Job, _progress: Progress) -> None:
            output = str(result.output) if result.output else ""
            project.list.update(
                film,
                state="done",
                run=result.run,
                output=output,
                turnover=str(result.turnover) if result.turnover else "",
                timelines=[path.name for path in result.timelines],
                report=str(result.report) if result.report else "",
                notes=[*result.notes],
                status=result.status,
                cost_usd=result.cost_usd,
                signer=signer_of(result.output) if kind == "film" and result.output else "",
            )
            self.changed(project)

        self.work.start(
            film.id,
            load,
            done,
            lambda error: self._fail(project, film, error),
            agreed_usd=agreed_usd,
            replace=replace,
        )
        self.changed(project)
        return film

    def _fail(self, project: Project, item: WantedTake | MadeFilm, error: BaseException) -> None:
        state = "stopped" if isinstance(error, Interrupted) else "failed"
        try:
            project.list.update(item, state=state, error=page_message(error))
        finally:  # also where a full disk takes no record of it
            self.changed(project)

    def bill(self, project: Project, jobs: Sequence[Callable[[], Job]]) -> Bill:
        """Return what jobs would cost, and what their plans say.

        Raises:
            React1Error: a job would be refused.
        """
        store = Store(self.options.home, read_only=True)
        items: list[BillItem] = []
        notes: list[str] = []
        total = 0.0
        for load in jobs:
            for row in plan_job(load(), store):
                if row.cost_usd:
                    items.append(BillItem(segment=row.segment, take=row.take, usd=row.cost_usd))
                    total += row.cost_usd
                notes += [note for note in row.remarks if note not in notes]
        return Bill(usd=round(total, 6), items=items, notes=notes)

    def share_agreed(self, project: Project, takes: Sequence[WantedTake], agreed_usd: float) -> None:
        """Let each take cost what it costs now, of what was agreed to for all: each is a run of its own.

        Raises:
            PresetError: together they cost more, because the job or a price has changed since the bill.
        """
        costs_usd = [self.bill(project, [partial(project.take_job, take)]).usd for take in takes]
        if sum(costs_usd) > agreed_usd + 1e-6:
            costs, agreed = f"${sum(costs_usd):.2f}", f"${agreed_usd:.2f}"
            raise PresetError(f"these takes cost {costs} now, and {agreed} was agreed to; nothing was sent")
        for take, cost_usd in zip(takes, costs_usd, strict=True):
            take.agreed_usd = cost_usd

    def providers(self) -> list[Provider]:
        """Return the providers, and whether each can be used here; the local engine comes first."""
        names = [name for name in provider_names() if name not in ("auto", "local")]
        return [_provider_row(name) for name in ("local", *names)]

    def ledger(self) -> LedgerAnswer:
        """Return the newest paid calls, newest first, and what all calls cost."""
        ledger = Ledger(self.options.home)
        newest = [ledger.read(call.key, call.attempt) for call in ledger.summaries(newest=LEDGER_ROWS)]
        rows = [
            PaidCall(
                at=entry.intended.at,
                provider=entry.intended.call.provider,
                segment=entry.intended.segment,
                prompt=entry.intended.call.parameters.get("prompt"),
                temperature=entry.intended.call.parameters.get("temperature"),
                state=entry.state,
                usd=entry.cost_usd,
                request_id=entry.request_id,
            )
            for entry in newest
            if entry.intended is not None
        ]
        sums = ledger.sums()
        return LedgerAnswer(calls=rows, usd=round(sums.cost_usd + sums.rehearsal_cost_usd, 6))

    def remove_edit(self, project: Project, index: int, digest: str) -> None:
        """Remove an edit, and stop its takes: nobody would see them on the page, and others wait for them.

        Raises:
            EditConflict: it was changed meanwhile.
        """
        before = take_owners(project, project.edits())
        project.job.remove(index, digest)
        for take_id in before.keys() - take_owners(project, project.edits()).keys():
            self.work.stop(take_id)

    def media_file(self, project: Project, what: str) -> tuple[Path | None, float, str]:
        """Return the proxy or the waveform of a film, or the share that is made and what went wrong.

        Args:
            project: the film's project.
            what: `proxy` or `wave`.
        """
        parts, make = (
            (proxy_parts(project.media), make_proxy) if what == "proxy" else (wave_parts(project.media), make_wave)
        )
        cached = project.store.cache_get(parts)
        if cached is not None:
            return cached, 1.0, ""
        key = f"{project.id} {what}"
        with self._lock:
            if key not in self._media_state:
                self._media_state[key] = (0.0, "")
                self._media_work.submit(self._make_media, project, what, key, make)
            share, problem = self._media_state[key]
        return None, share, problem

    def _make_media(self, project: Project, what: str, key: str, make: Callable[..., None]) -> None:
        sent = -1.0

        def report(share: float) -> None:
            nonlocal sent
            self._media_state[key] = (share, "")
            if share - sent >= 0.01:
                sent = share
                project.notify(what, share=round(share, 3))

        try:
            with closing(project.new_context(report)) as context:
                make(context, project.media)
        except Exception as error:  # whatever it was, the page must not wait for ever
            self._media_state[key] = (0.0, page_message(error))
            project.notify(what, share=1.0)
            raise
        self._media_state.pop(key, None)
        project.notify(what, share=1.0)


def _provider_row(name: str) -> Provider:
    """Return what the page shows of a provider: its label, its price, and why it cannot be used."""
    label, problem, price = f"React-1 by {name}", "", ""
    if name == "local":
        label, price = "Local preview engine", "free"
    else:
        with suppress(React1Error):
            row = current_price(name, datetime.now(UTC).date())
            price = f"${row.usd_per_s:g} per second" if row.usd_per_s else f"${row.usd_per_frame:g} per frame"
    try:
        get_provider(name).require()
    except React1Error as error:
        problem = page_message(error)
    return Provider(name=name, label=label, problem=problem, price=price or "price unknown")
