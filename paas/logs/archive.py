"""Keeping the logs of containers that go: linked before the engine removes them, packed afterwards.

Where the engine's files are not for this process they are read through its API, and packed at once.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from paas.core.errors import NoSuchApp, PaasError
from paas.core.logs import json_file, query
from paas.core.logs import line as logline
from paas.core.logs.json_file import JsonLog
from paas.core.model import App, Container
from paas.core.runs.oneoff import Run
from paas.jobs.events import EventLog
from paas.schedulers.base import Scheduler
from paas.store import Store
from paas.store.logs import KeptLog
from paas.system import log_files, segments
from paas.system.clock import Clock
from paas.system.log_files import LogFiles
from paas.system.paths import Paths

_log = logging.getLogger(__name__)
MOST_LOGS = 1000
"""Of processes so many logs are kept of each app at most, and of runs and cron jobs so many."""
STOP_SECONDS = 0.5
NOT_KEPT = "release"
"""Containers of phases: what they write is shown in, and kept with, the log of the deploy."""



class LogArchive:
    """Keeps logs, of each app at most as much as its property ``logs store-size`` says: the oldest go first."""

    def __init__(self, store: Store, scheduler: Scheduler, clock: Clock, paths: Paths) -> None:
        self._store = store
        self._scheduler = scheduler
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
        scheduler.before_removal = self.keep

    def keep(self, container_id: str) -> None:
        """Takes the log of a container that has ended, before it is removed. What fails is told, and stops nothing."""
        try:
            container = self._scheduler.inspect(container_id)
            if container is None or container.process_type == NOT_KEPT or container.status == "created":
                return
            app = self._store.apps.by_id(container.app_id)
        except NoSuchApp:
            return
        except PaasError as error:
            _log.warning("the log of container %.12s can't be kept: %s", container_id, error.what)
            return
        kept = threading.Event()
        with self._lock:
            other = self._keeping.setdefault(container.id, kept)
        if other is not kept:
            # Another thread removes it, too: it must not be gone before that has read its log.
            other.wait()
            return
        try:
            if self._store.kept_logs.find(container.id) is None:
                self._take(app, container)
        except NoSuchApp:
            # Destroyed meanwhile, and its logs with it.
            return
        except (PaasError, OSError) as error:
            _log.warning("the log of %s %s could not be kept: %s", app.name, container.label, error)
            said = f"The log of v{container.release} of this process could not be kept: {error}"
            self._events.tell(app.id, container.label, said, release=container.release)
        finally:
            with self._lock:
                del self._keeping[container.id]
            kept.set()

    def keep_run(self, app: App, run: Run, container_id: str, path: Path) -> None:
        """Takes what a run wrote, from a file of lines after their timestamps. What fails is told; it stops nothing."""
        began = query.rfc3339(run.started_at)
        row = KeptLog(container_id, app.id, run.label, run.version, began, began, began, 0)
        try:
            self._folder(app)
            with path.open("rb") as lines:
                self._pack(row, _encoded(lines))
        except (PaasError, OSError) as error:
            _log.warning("the log of %s %s is not among the app's: %s", app.name, run.label, error)

    def _take(self, app: App, container: Container) -> None:
        began = logline.fixed(container.started_at) or query.rfc3339(self._clock.now())
        row = KeptLog(container.id, app.id, container.label, container.release, began, began, began, 0)
        folder = self._folder(app)
        current = self._scheduler.log_file(container.id)
        if current and self._link(current, raw(folder, container.id)):
            self._store.kept_logs.put(self._measured(row))
            self._queue(container.id)
        elif current:
            self._pack(row, segments.contents(current))
        else:
            with self._scheduler.read_log(container.id, 0.0) as lines:
                self._pack(row, _encoded(lines))

    def _folder(self, app: App) -> Path:
        """Where the app's logs are kept; `FileNotFoundError` once the app has gone with its folder."""
        folder = self._paths.logs(app.id)
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def _link(self, current: Path, target: Path) -> bool:
        """Gives the files another name, below the data root; False where that is not possible."""
        made: list[Path] = []
        try:
            for path in log_files.rotated(current):
                name = target.with_name(target.name + path.name.removeprefix(current.name))
                # What is there was left by a kill, before it was recorded.
                name.unlink(missing_ok=True)
                os.link(path, name)
                made.append(name)
        except OSError:
            # Another file system, or files of another user: what was linked goes, and the log is copied.
            for path in made:
                path.unlink(missing_ok=True)
            return False
        return True

    def _measured(self, row: KeptLog) -> KeptLog:
        """With its size, and the times of its first and last line."""
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
            # It wrote nothing: that it ran is all there is to know.
            path.unlink(missing_ok=True)
            if _of_run(row):
                # Which its own row tells.
                return
        first, last = (parts[0].first, parts[-1].last) if parts else (row.first, row.last)
        size = sum(part.size for part in parts)
        with self._room(row.app_id):
            self._store.kept_logs.put(replace(row, first=first, last=last, bytes=size, segments=tuple(parts)))
            self._prune(row.app_id)

    def _room(self, app_id: int) -> threading.Lock:
        """Held while logs of the app make room. Reading and packing take longer, and hold up nobody."""
        with self._lock:
            return self._rooms.setdefault(app_id, threading.Lock())

    def make_room(self, app: App) -> None:
        """Its logs take no more from now on than they may."""
        with self._room(app.id):
            self._prune(app.id)

    def _limit(self, app_id: int) -> int:
        app = self._store.apps.by_id(app_id)
        return int(self._store.properties.of(app).value("logs", "store-size"))

    def _prune(self, app_id: int) -> None:
        """The oldest logs go, until those that are left have room."""
        app = self._store.apps.by_id(app_id)
        rows = self._store.kept_logs.of(app)
        surplus = sum(row.bytes for row in rows if row.segments is not None) - self._limit(app_id)
        spare = {kind: sum(_of_run(row) is kind for row in rows) - MOST_LOGS for kind in (False, True)}
        for row in rows:
            kind = _of_run(row)
            if row.segments is None or (surplus <= 0 and spare[kind] <= 0):
                continue
            if row is rows[-1] and surplus < row.bytes:
                # Of the newest, as much stays as there is room for.
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
        """Removes a log."""
        folder = self._paths.logs(row.app_id)
        self._store.kept_logs.remove(row.container)
        for path in [packed(folder, row.container), *log_files.rotated(raw(folder, row.container))]:
            path.unlink(missing_ok=True)

    # In the background

    def start(self) -> None:
        """Begins to pack, with what a stop of the server left."""
        for row in self._store.kept_logs.unpacked():
            self._queue(row.container)
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)
        self._thread.start()

    def _queue(self, container: str) -> None:
        with self._lock:
            self._unpacked += 1
        self._waiting.put(container)

    def stop(self) -> None:
        """Packs nothing more; what is not packed by then is packed after the next start."""
        self._stopping.set()
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while (container := self._waiting.get()) is not None and not self._stopping.is_set():
            try:
                self.pack(container)
            except (PaasError, OSError) as error:
                _log.warning("the log of container %.12s could not be packed: %s", container, error)
            except Exception:  # noqa: BLE001  # a fault with one log must not end the only thread that packs all
                _log.exception("the log of container %.12s could not be packed", container)
            finally:
                with self._lock:
                    self._unpacked -= 1

    def pack(self, container: str) -> None:
        """Packs a log that was linked."""
        row = self._store.kept_logs.find(container)
        if row is None or row.segments is not None:
            return
        current = raw(self._paths.logs(row.app_id), container)
        with suppress(NoSuchApp):
            self._pack(row, segments.contents(current))
        for path in log_files.rotated(current):
            path.unlink(missing_ok=True)

    def idle(self) -> bool:
        """Whether nothing waits to be packed."""
        return not self._unpacked


def _of_run(row: KeptLog) -> bool:
    """Whether it is the log of a run or a cron job, which may be many and say little."""
    return logline.source_of(row.process.partition(".")[0]) != logline.APP


def form_of(row: KeptLog, app: str, wanted: Callable[[bytes], bool] | None = None) -> JsonLog:
    """How the log of the container is read; ``wanted`` as of `JsonLog`."""
    return JsonLog(logline.source_of(row.process.partition(".")[0]), row.process, row.release, app, wanted)


def packed(folder: Path, container: str) -> Path:
    """The packed log of the container."""
    return folder / f"{container[:24]}.gz"


def raw(folder: Path, container: str) -> Path:
    """The log of the container as the engine wrote it; what was rotated is beside it."""
    return folder / f"{container[:24]}.log"


def _encoded(lines: Iterable[bytes]) -> Iterator[bytes]:
    for line in lines:
        found = logline.parse(line, "")
        yield json_file.encode(found.time, found.text + b"\n")
