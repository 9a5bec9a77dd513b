"""State of liveness checks, and its report."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from paas.core.health import liveness
from paas.core.health.checks import Check
from paas.core.health.liveness import CheckState, RestartHistory
from paas.core.model import App, Process, Replica
from paas.jobs.jobs import Job


@dataclass(frozen=True)
class Watched:
    """Check of a container; ``number`` is its index among the container's checks."""

    app: App
    replica: Replica
    process: Process
    check: Check
    container_id: str
    number: int

    @property
    def key(self) -> tuple[str, int]:
        """Key of its `CheckState`."""
        return self.container_id, self.number


class LivenessState:
    """State of all liveness checks. Thread-safe. Times are seconds of the monotonic clock.

    ``stalled`` has the reasons why containers accept no connections, by app id and label.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: list[Watched] = []
        self._pulses: dict[tuple[str, int], CheckState] = {}
        self._pasts: dict[str, RestartHistory] = {}
        self._looking: set[tuple[str, int]] = set()
        self._restarts: dict[str, Job | None] = {}
        self.stalled: Mapping[tuple[int, str], str] = {}

    def watch(self, watched: Sequence[Watched], now: float) -> None:
        """Replace the watched checks; those watched before keep their state."""
        with self._lock:
            self._watched = list(watched)
            old = self._pulses
            self._pulses = {one.key: old.get(one.key, CheckState(now + one.check.initial_delay)) for one in watched}
            there = {one.container_id for one in watched}
            self._pasts = {key: past for key, past in self._pasts.items() if key in there}

    def take_due(self, now: float) -> list[Watched]:
        """Return the due checks. The caller reports each with `judge` or `put_off`."""
        with self._lock:
            due = [one for one in self._watched if self._pulses[one.key].due <= now and not self._busy(one)]
            self._looking |= {one.key for one in due}
            return due

    def _busy(self, one: Watched) -> bool:
        return one.key in self._looking or one.container_id in self._restarts

    def judge(self, one: Watched, why: str, now: float) -> bool:
        """Record the result; ``why`` is empty if it passed. Return True if the container must be restarted now."""
        with self._lock:
            self._looking.discard(one.key)
            pulse = self._pulses.get(one.key)
            if pulse is None:
                return False
            past = liveness.forgiven(self._pasts.get(one.container_id, RestartHistory()), now)
            interval = one.check.interval
            seen = liveness.failed(pulse, interval, now, why) if why else liveness.passed(pulse, interval, now)
            self._pulses[one.key], self._pasts[one.container_id] = seen, past

            restart = seen.failures >= one.check.tries and past.may_restart(now)
            if not restart or one.container_id in self._restarts:
                return False
            self._restarts[one.container_id] = None
            return True

    def put_off(self, one: Watched, now: float) -> None:
        """Record that the check could not run: it is due again after an interval."""
        with self._lock:
            self._looking.discard(one.key)
            if one.key in self._pulses:
                self._pulses[one.key] = replace(self._pulses[one.key], due=now + one.check.interval)

    def restarting(self, one: Watched, job: Job | None) -> None:
        """Record the job that restarts the container; None if none could be started."""
        with self._lock:
            if job is None:
                self._restarts.pop(one.container_id, None)
            else:
                self._restarts[one.container_id] = job

    def settle(self, now: float) -> None:
        """Record finished restarts; the checks of these containers start again."""
        with self._lock:
            through = {key: job for key, job in self._restarts.items() if job is not None and job.done.is_set()}
            for container_id, job in through.items():
                del self._restarts[container_id]
                if job.result is True:
                    self._pasts[container_id] = liveness.restarted(self._pasts.get(container_id, RestartHistory()), now)
                for one in self._watched:
                    if one.container_id == container_id:
                        self._pulses[one.key] = CheckState(now + max(one.check.initial_delay, one.check.interval))

    def idle(self) -> bool:
        """Return True if no check and no restart is in progress."""
        with self._lock:
            return not self._looking and all(job is not None and job.done.is_set() for job in self._restarts.values())

    def report(self, app: App, now: float) -> dict[str, str]:
        """Return the state of each checked container of the app by label: that of its worst check."""
        with self._lock:
            rows: dict[str, str] = {}
            for one in sorted(self._watched, key=lambda one: self._pulses[one.key].failures):
                pulse, past = self._pulses[one.key], self._pasts.get(one.container_id, RestartHistory())
                if one.app.id == app.id and (pulse.seen or past.restarts):
                    rows[one.replica.label] = liveness.describe(pulse, past, one.check.tries, now)
            return dict(sorted(rows.items()))
