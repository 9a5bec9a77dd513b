"""Start and signal one private nginx. No other module does.

Signals are those of https://nginx.org/en/docs/control.html. The instance lives below its prefix and reads nothing from
``/etc/nginx``. Not thread-safe.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from paas.core.containers.tcp_table import Held
from paas.core.errors import InvalidValue, ProxyError
from paas.proxies.nginx import handover
from paas.proxies.nginx import sockets as nginx_sockets
from paas.proxies.nginx.errors import Emergencies, not_started, refused
from paas.proxies.nginx.host import NginxBuild, build
from paas.proxies.nginx.modules import Modules
from paas.proxies.nginx.modules import find as find_modules
from paas.proxies.nginx.processes import (
    children,
    find_all,
    heeds,
    holds,
    is_accepting,
    is_finishing,
    is_master,
    is_nginx,
    is_ready,
    send,
    started,
    wait_until,
)
from paas.proxies.nginx.status import StatusSocket
from paas.proxies.nginx.tree import begin_log
from paas.system.spans import span

START_SECONDS = 15.0
UMASK = 0o027
"""Logs contain addresses with tokens."""
RELOAD_SECONDS = 10.0
STOP_SECONDS = 5.0
QUIT_SECONDS = 2.0
REOPEN_SECONDS = 0.5


class Nginx:
    """One nginx instance.

    All its files are below ``prefix``; it listens on ``listen``:``http_port``, and ``https_port``.

    A ``managed`` one is started and stopped by the host's service manager, with `command`; here it is only found.
    """

    def __init__(
        self,
        prefix: Path,
        listen: str,
        http_port: int,
        binary: str = "nginx",
        *,
        https_port: int | None = None,
        managed: bool = False,
    ) -> None:
        self.prefix = prefix.resolve()
        host = f"[{listen}]" if ":" in listen else listen
        self.address = f"{host}:{http_port}"
        self.doors = tuple(port for port in (http_port, https_port) if port)
        self.secure_address = f"{host}:{https_port}" if https_port else ""
        self.binary = binary
        self.managed = managed
        self.main = self.prefix / "nginx.conf"
        self.pid_file = self.prefix / "run" / "nginx.pid"
        self.error_log = self.prefix / "logs" / "error.log"
        self.logs = (self.prefix / "logs" / "access.log", self.error_log)
        self._status = StatusSocket(self.prefix, self.main)
        self._modules: Modules | None = None

        if not re.fullmatch(r"[\w./@:+,=~ -]+", str(self.prefix)):
            raise InvalidValue(
                f"the folder {str(self.prefix)!r} cannot hold an nginx configuration",
                why="Its path has characters that mean something else there.",
                fix="Use a folder of letters, digits, spaces and . _ - + , = ~ @ : only.",
            )

    def command(self) -> list[str]:
        """Return the command that starts this instance in the background (add ``-g "daemon off;"`` for the foreground).
        """
        return self._command(self.main, str(self.error_log))

    def prepare(self) -> None:
        """Make the folder of the status socket, where that is not in the prefix. Raises `ProxyError`."""
        self._status.prepare()

    # State

    def master(self) -> int | None:
        """Return the process id of the running master, None if none runs."""
        try:
            pid = int(self.pid_file.read_text())
        except (OSError, ValueError):
            return None

        return pid if is_master(pid, self.prefix) else None

    def find(self) -> int | None:
        """Return it also if the pid file was lost; write that file again."""
        return self.master() or self._find_master()

    def deaf(self) -> bool:
        """Return True if no client can reach the status socket any more: its file was removed, or is another one."""
        return self._status.deaf()

    def move_socket(self) -> None:
        """Have the next reload make the status socket anew, by another name."""
        self._status.move()

    @property
    def status_socket(self) -> Path:
        """Socket on which the workers answer their generation."""
        return self._status.path

    def version(self) -> str:
        """Return ``nginx/1.22.1``, of the installed program. Raise `ProxyError` if it is missing."""
        return self._run([self.binary, "-v"]).stderr.strip().removeprefix("nginx version: ")

    def build(self) -> NginxBuild:
        """Return the capabilities of the installed program. Raise `ProxyError` if it is missing."""
        return build(self._run([self.binary, "-V"]).stderr)

    def modules(self) -> Modules:
        """Return its optional modules, searched once."""
        if self._modules is None:
            self._modules = find_modules(self._run([self.binary, "-V"]).stderr, self._loads)

        return self._modules

    def _loads(self, module: Path) -> bool:
        with tempfile.TemporaryDirectory(prefix="paas-nginx-") as folder:
            main = Path(folder) / "nginx.conf"
            main.write_text(f'load_module "{module}"; pid "{folder}/pid"; events {{}}')
            return self._run([self.binary, "-t", "-q", "-c", str(main), "-e", "stderr"]).returncode == 0

    def workers(self) -> frozenset[int]:
        """Return the process ids of all workers, including finishing ones."""
        master = self.master()
        found = children(master) if master else frozenset()
        return frozenset(pid for pid in found if is_accepting(pid) or is_finishing(pid))

    def finishing(self, pids: Iterable[int] | None = None) -> frozenset[int]:
        """Return the workers that still finish requests; of ``pids``, which were told to end, all that have not ended.

        A delayed one may not have read yet that it is to end.
        """
        if pids is None:
            return frozenset(filter(is_finishing, self.workers()))
        return frozenset(pid for pid in pids if is_accepting(pid) or is_finishing(pid))

    def held(self, pids: Iterable[int]) -> dict[int, Held | None]:
        """Return the connections of each of the workers; None if the kernel does not allow it."""
        return nginx_sockets.of_workers(frozenset(pids), self.doors)

    def since(self, pids: Iterable[int]) -> list[int]:
        """Return the workers in the order of their starts, the oldest first."""
        return sorted(pids, key=lambda pid: (started(pid), pid))

    def generation(self) -> str:
        """Return the generation that the workers answer; empty without an answer."""
        return self._status.ask()

    # Actions

    def test(self, main: Path) -> None:
        """Let nginx test the configuration with the main file ``main``. Raise `ConfigRefused` with its message."""
        with span("nginx -t"):
            status, words = self.check(main)

        if status != 0:
            raise refused(words, status)

    def check(self, main: Path) -> tuple[int, str]:
        """Return exit status and output of ``nginx -t`` for the configuration."""
        done = self._run([*self._command(main, "stderr"), "-t", "-q"])
        return done.returncode, done.stderr

    def start(self) -> frozenset[int]:
        """Take over the running instance, or start it. Return when it answers.

        Remains of a killed master (workers, socket, pid file) are removed first. Return the process ids of such
        workers, which finish their requests.
        """
        if self.find():
            return frozenset()

        if self.managed:
            if not wait_until(self._answers, START_SECONDS):
                raise ProxyError(
                    f"nginx did not appear within {START_SECONDS:.0f} seconds",
                    why=f"The service manager has to start it; {self.pid_file} names no nginx with this folder.",
                    fix=f"Start its service. Its command is: {' '.join(self.command())}",
                )

            return frozenset()

        orphans = self._processes()

        if self._take_over(orphans):
            self._quit(orphans)
            return frozenset(orphans)

        self._clear(orphans)
        emergencies = Emergencies(self.error_log)
        done = self._run(self.command())

        if done.returncode != 0:
            raise not_started(done.stderr)

        if not wait_until(self._answers, START_SECONDS):
            raise ProxyError("nginx started but gives no answer", why=emergencies.words(), fix=f"See {self.error_log}")

        return frozenset(orphans)

    def _answers(self) -> bool:
        return self.master() is not None and bool(self.generation())

    def _take_over(self, orphans: list[int]) -> bool:
        """Start a master that accepts on the sockets of orphaned workers. Return True if it answers.

        So these workers accept connections until it does, and no connection is refused.
        """
        accepting = [pid for pid in orphans if is_accepting(pid)]

        if not accepting:
            return False

        with handover.taken_from(accepting[0]) as sockets:
            if not sockets:
                return False

            self._forget_master()
            emergencies = Emergencies(self.error_log)
            process = handover.start(self.command(), self._environment(), sockets, UMASK)

        if wait_until(self._answers, START_SECONDS, lambda: process.poll() is not None):
            return True

        words = "" if process.poll() is None else emergencies.words()

        # It may be about to answer, and there must be only one.
        self._end([process.pid], STOP_SECONDS)
        process.wait()

        if words and not words.startswith("bind()"):
            # Without their sockets it would not start either, and those workers continue to serve.
            raise ProxyError("nginx does not start", why=words, fix=f"See {self.error_log}")

        return False

    def _forget_master(self) -> None:
        self.pid_file.unlink(missing_ok=True)
        self._status.forget()

    def reload(self, generation: str) -> frozenset[int]:
        """Let nginx read the files again, which answer ``generation``. Return when only new workers accept connections.

        Return the process ids of the previous workers; they finish their requests by the old configuration. Raise
        `ProxyError` if the new workers do not appear.
        """
        master = self.master()

        if master is None:
            raise ProxyError("nginx is not running")

        # A master that is still starting workers creates more old ones after this. It would not act on the signal
        # before it is done either, so this takes no time.
        wait_until(lambda: heeds(master, signal.SIGHUP), RELOAD_SECONDS)
        before = self.workers()
        emergencies = Emergencies(self.error_log)
        self._tell(master, signal.SIGHUP)

        def come() -> bool:
            return any(map(is_ready, children(master) - before))

        def failed() -> bool:
            return emergencies.final() or self.master() != master

        # The master lets old and new workers accept at the same time for 100 ms, and the kernel prefers the old ones.
        with span("nginx reload"):
            if wait_until(come, RELOAD_SECONDS, failed):
                self._quit(before)

                if wait_until(lambda: self.generation() == generation, RELOAD_SECONDS, failed):
                    return before

        raise ProxyError(
            "nginx did not take up its new configuration",
            why=emergencies.words() or f"No new worker answered within {RELOAD_SECONDS:.0f} seconds.",
            fix=f"See {self.error_log}",
        )

    def end(self, pids: Iterable[int]) -> None:
        """End the workers at once, with their connections."""
        pids = list(pids)
        send(pids, signal.SIGTERM)
        wait_until(lambda: not any(map(is_finishing, pids)), QUIT_SECONDS)

    def rotate(self, max_bytes: int) -> list[Path]:
        """Rename each larger log to ``<name>.1``, let nginx reopen its logs, and return the renamed files."""
        large = [log for log in self.logs if log.exists() and log.stat().st_size > max_bytes]
        aside = [log.replace(log.with_name(f"{log.name}.1")) for log in large]

        for log in large:
            begin_log(log)

        master = self.master()

        if not aside or master is None:
            return aside

        self._tell(master, signal.SIGUSR1)

        def begun() -> bool:
            accepting = [pid for pid in self.workers() if is_accepting(pid)]
            return not any(holds(pid, path) for pid in [master, *accepting] for path in aside)

        # Workers open the files themselves, and may lack permission for the folder: new workers inherit them.
        if not wait_until(begun, REOPEN_SECONDS):
            self._reload_later()
            wait_until(begun, RELOAD_SECONDS)

        return aside

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End the instance; requests may take ``seconds`` to finish. A managed one is left to its manager."""
        if self.managed:
            return

        self._end(self._processes(), seconds)
        self._forget_master()

        self._status.remove()

    # Steps

    def _command(self, main: Path, errors: str) -> list[str]:
        return [self.binary, "-p", str(self.prefix), "-c", str(main), "-e", errors]

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                command,
                check=False,
                cwd="/",
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                umask=UMASK,
                capture_output=True,
                text=True,
                errors="replace",
                start_new_session=True,
                timeout=START_SECONDS,
            )
        except FileNotFoundError as error:
            raise ProxyError("nginx is missing", why=f"There is no {self.binary}.", fix="Install nginx.") from error
        except subprocess.TimeoutExpired as error:
            raise ProxyError(f"{' '.join(command)} does not end", why=f"Waited {START_SECONDS:.0f} seconds.") from error

    @staticmethod
    def _environment() -> dict[str, str]:
        # NGINX would hand over the listening sockets of another nginx, LISTEN_FDS those of a service manager.
        return {name: value for name, value in os.environ.items() if not name.startswith(("NGINX", "LISTEN_"))}

    def _reload_later(self) -> None:
        """Let nginx read its files again without waiting."""
        master = self.master()

        if master is not None:
            self._tell(master, signal.SIGHUP)

    def _tell(self, master: int, number: signal.Signals) -> None:
        try:
            os.kill(master, number)
        except OSError as error:
            raise ProxyError(
                f"nginx (process {master}) cannot be given a signal: {error.strerror}",
                fix="The service of nginx has to run as the same user as this server.",
            ) from error

    def _find_master(self) -> int | None:
        """Return the master whose pid file was lost, and write it again."""
        for pid in find_all():
            if is_master(pid, self.prefix):
                self.pid_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.pid_file.write_text(f"{pid}\n")
                return pid

        return None

    def _processes(self) -> list[int]:
        """Return all processes of this instance, the master first."""
        ours = [pid for pid in find_all() if self._is_ours(pid)]
        return sorted(ours, key=lambda pid: not is_master(pid, self.prefix))

    def _is_ours(self, pid: int) -> bool:
        return is_master(pid, self.prefix) or (is_nginx(pid) and holds(pid, self.prefix))

    def _clear(self, orphans: list[int]) -> None:
        """End orphaned workers, and remove the files that would prevent a new start."""
        self._quit(orphans)
        self._end([pid for pid in orphans if is_accepting(pid)], QUIT_SECONDS)
        self._forget_master()

    def _quit(self, workers: Iterable[int]) -> None:
        """Let the workers accept no more connections. Return when none of them does."""
        accepting = [pid for pid in workers if is_accepting(pid)]
        send(accepting, signal.SIGQUIT)
        wait_until(lambda: not any(map(is_accepting, accepting)), QUIT_SECONDS)

    def _end(self, pids: list[int], seconds: float) -> None:
        # The last signal can't be refused: the time that it takes depends only on the machine.
        for number, patience in ((signal.SIGQUIT, seconds), (signal.SIGTERM, seconds), (signal.SIGKILL, START_SECONDS)):
            send(pids, number)

            if wait_until(lambda: not any(map(self._is_ours, pids)), patience):
                return
