"""Archive of the logs of removed containers. Log files are hard-linked before Docker removes them, and packed later.

If this process cannot read Docker's files, logs are read through its API and packed at once.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from paas.core.errors import NoSuchApp, PaasError
from paas.core.logs import json_file, query
from paas.core.logs import line as logline
from paas.core.logs.json_file import JsonLog
from paas.core.model import App, Container
from paas.core.runs.oneoff import Run
from paas.jobs.events import EventLog
from paas.schedulers.base import Scheduler
from paas.schedulers.registry import Schedulers
from paas.store import Store
from paas.store.logs import KeptLog
from paas.system import log_files, segments
from paas.system.clock import Clock
from paas.system.log_files import LogFiles
from paas.system.paths import Paths

_log = logging.getLogger(__name__)
MOST_LOGS = 1000
"""Limit per app on the number of logs of processes, and on that of runs and cron jobs."""
STOP_SECONDS = 0.5
NOT_KEPT = "release"
"""Process type of phase containers: their output is part of the deployment's log."""



class LogArchive:
    """Archive of logs, limited for each app by its property ``logs store-size``: the oldest are deleted first."""

    def __init__(self, store: Store, schedulers: Schedulers, clock: Clock, paths: Paths) -> None:
        self._store = store
        self._clock = clock
        self._paths = paths
        self._events = EventLog(store, clock)
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._rooms: dict[int, threading.Lock] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._unpacked = 0
        self._keeping: dict[str, threading.Event] = {}
        for scheduler in schedulers:
            scheduler.before_removal = partial(self.keep, scheduler)

    def keep(self, scheduler: Scheduler, container_id: str) -> None:
        """Archive the log of an ended container before it is removed. Failures are only logged."""
        try:
            container = scheduler.inspect(container_id)
            if container is None or container.process_type == NOT_KEPT or container.status == "created":
                return
            app = self._store.apps.by_id(container.app_id)
        except NoSuchApp:
            return
        except PaasError as error:
            _log.warning("Could not archive the log of container %.12s: %s", container_id, error.what)
            return
        kept = threading.Event()
        with self._lock:
            other = self._keeping.setdefault(container.id, kept)
        if other is not kept:
            # Another thread is archiving it: the caller must not remove the container before that is done.
            other.wait()
            return
        try:
            if self._store.kept_logs.find(container.id) is None:
                self._take(scheduler, app, container)
        except NoSuchApp:
            # The app was destroyed meanwhile, with its logs.
            return
        except (PaasError, OSError) as error:
            _log.warning("Could not archive the log of %s %s: %s", app.name, container.label, error)
            said = f"Could not archive the log of this process of v{container.release}: {error}"
            self._events.tell(app.id, container.label, said, release=container.release)
        finally:
            with self._lock:
                del self._keeping[container.id]
            kept.set()

    def keep_run(self, app: App, run: Run, container_id: str, path: Path) -> None:
        """Archive the output of a run from a file of timestamped lines. Failures are only logged."""
        began = query.rfc3339(run.started_at)
        row = KeptLog(container_id, app.id, run.label, run.version, began, began, began, 0)
        try:
            self._folder(app)
            with path.open("rb") as lines:
                self._pack(row, _encoded(lines))
        except (PaasError, OSError) as error:
            _log.warning("Could not archive the log of %s %s: %s", app.name, run.label, error)

    def _take(self, scheduler: Scheduler, app: App, container: Container) -> None:
        began = logline.fixed(container.started_at) or query.rfc3339(self._clock.now())
        row = KeptLog(container.id, app.id, container.label, container.release, began, began, began, 0)
        folder = self._folder(app)
        current = scheduler.log_file(container.id)
        if current and self._link(current, raw(folder, container.id)):
            self._store.kept_logs.put(self._measured(row))
            self._queue(container.id)
        elif current:
            self._pack(row, segments.contents(current))
        else:
            with scheduler.read_log(container.id, 0.0) as lines:
                self._pack(row, _encoded(lines))

    def _folder(self, app: App) -> Path:
        """Return the folder of the app's logs. Raise `FileNotFoundError` if the app and its folder are gone."""
        folder = self._paths.logs(app.id)
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def _link(self, current: Path, target: Path) -> bool:
        """Hard-link the files below the data root. Return False if that is not possible."""
        made: list[Path] = []
        try:
            for path in log_files.rotated(current):
                name = target.with_name(target.name + path.name.removeprefix(current.name))
                # An existing file was left when the server was killed before recording it.
                name.unlink(missing_ok=True)
                os.link(path, name)
                made.append(name)
        except OSError:
            # Another file system, or files of another user: remove the links, the caller copies the log.
            for path in made:
                path.unlink(missing_ok=True)
            return False
        return True

    def _measured(self, row: KeptLog) -> KeptLog:
        """Return the row with the size, and the times of the first and last line."""
        current = raw(self._paths.logs(row.app_id), row.container)
        files = LogFiles(current, form_of(row, ""))
        try:
            last = next((line for line in files.backward() if line.source), None)
            files.seek("")
            first = next(iter(files.read(1 << 16)), None)
        finally:
            files.close()
        size = sum(path.stat().st_size for path in log_files.rotated(current))
        return replace(
            row, bytes=size, first=first.time if first else row.first, last=last.time if last else row.last
        )

    def _pack(self, row: KeptLog, chunks: Iterable[bytes]) -> None:
        path = packed(self._paths.logs(row.app_id), row.container)
        parts = segments.pack(chunks, path, form_of(row, ""))
        parts = segments.trim(path, parts, self._limit(row.app_id))
        if not parts:
            # It wrote nothing: record only that it ran.
            path.unlink(missing_ok=True)
            if _of_run(row):
                # A run has a row of its own for that.
                return
        first, last = (parts[0].first, parts[-1].last) if parts else (row.first, row.last)
        size = sum(part.size for part in parts)
        with self._room(row.app_id):
            self._store.kept_logs.put(replace(row, first=first, last=last, bytes=size, segments=tuple(parts)))
            self._prune(row.app_id)

    def _room(self, app_id: int) -> threading.Lock:
        """Return the lock held while old logs of the app are deleted. Reading and packing don't hold it."""
        with self._lock:
            return self._rooms.setdefault(app_id, threading.Lock())

    def make_room(self, app: App) -> None:
        """Delete the app's oldest logs until its limits hold."""
        with self._room(app.id):
            self._prune(app.id)

    def _limit(self, app_id: int) -> int:
        app = self._store.apps.by_id(app_id)
        return int(self._store.properties.of(app).value("logs", "store-size"))

    def _prune(self, app_id: int) -> None:
        """Delete the oldest logs until the limits hold."""
        app = self._store.apps.by_id(app_id)
        rows = self._store.kept_logs.of(app)
        surplus = sum(row.bytes for row in rows if row.segments is not None) - self._limit(app_id)
        spare = {kind: sum(_of_run(row) is kind for row in rows) - MOST_LOGS for kind in (False, True)}
        for row in rows:
            kind = _of_run(row)
            if row.segments is None or (surplus <= 0 and spare[kind] <= 0):
                continue
            if row is rows[-1] and surplus < row.bytes:
                # Keep as much of the newest log as fits.
                self._shorten(row, row.bytes - surplus)
                return
            self.drop(row)
            surplus -= row.bytes
            spare[kind] -= 1

    def _shorten(self, row: KeptLog, limit: int) -> None:
        parts = segments.trim(packed(self._paths.logs(row.app_id), row.container), row.segments or (), limit)
        if not parts:
            self.drop(row)
            return
        size = sum(part.size for part in parts)
        self._store.kept_logs.put(replace(row, first=parts[0].first, bytes=size, segments=tuple(parts)))

    def drop(self, row: KeptLog) -> None:
        """Delete a log."""
        folder = self._paths.logs(row.app_id)
        self._store.kept_logs.remove(row.container)
        for path in [packed(folder, row.container), *log_files.rotated(raw(folder, row.container))]:
            path.unlink(missing_ok=True)

    # In the background

    def start(self) -> None:
        """Start packing, first the logs left unpacked by the previous stop."""
        for row in self._store.kept_logs.unpacked():
            self._queue(row.container)
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)
        self._thread.start()

    def _queue(self, container: str) -> None:
        with self._lock:
            self._unpacked += 1
        self._waiting.put(container)

    def stop(self) -> None:
        """Stop packing; the remaining logs are packed after the next start."""
        self._stopping.set()
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while (container := self._waiting.get()) is not None and not self._stopping.is_set():
            try:
                self.pack(container)
            except (PaasError, OSError) as error:
                _log.warning("Could not pack the log of container %.12s: %s", container, error)
            except Exception:  # noqa: BLE001  # a failure with one log must not end the only packing thread
                _log.exception("Could not pack the log of container %.12s", container)
            finally:
                with self._lock:
                    self._unpacked -= 1

    def pack(self, container: str) -> None:
        """Pack a log that was linked."""
        row = self._store.kept_logs.find(container)
        if row is None or row.segments is not None:
            return
        current = raw(self._paths.logs(row.app_id), container)
        with suppress(NoSuchApp):
            self._pack(row, segments.contents(current))
        for path in log_files.rotated(current):
            path.unlink(missing_ok=True)

    def idle(self) -> bool:
        """Return True if nothing is waiting to be packed."""
        return not self._unpacked


def _of_run(row: KeptLog) -> bool:
    """Return True for the log of a run or a cron job: they may be many and short."""
    return logline.source_of(row.process.partition(".")[0]) != logline.APP


def form_of(row: KeptLog, app: str, wanted: Callable[[bytes], bool] | None = None) -> JsonLog:
    """Return the reader for the container's log; ``wanted`` as in `JsonLog`."""
    return JsonLog(logline.source_of(row.process.partition(".")[0]), row.process, row.release, app, wanted)


def packed(folder: Path, container: str) -> Path:
    """Return the path of the container's packed log."""
    return folder / f"{container[:24]}.gz"


def raw(folder: Path, container: str) -> Path:
    """Return the path of the container's log as Docker wrote it; rotated files are beside it."""
    return folder / f"{container[:24]}.log"


def _encoded(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        found = logline.parse(line, "")
        yield json_file.encode(found.time, found.text + b"\n")
