"""Findings about a host: each is fine, advice, or a problem with a fix. Decides only."""

from __future__ import annotations

import enum
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from paas.core.apps.lock import AppLock
from paas.core.builds import safety
from paas.core.builds.disk_space import Disk, Floors, Memory, lacks
from paas.core.containers.tcp_table import Listener
from paas.core.model import Container, Replica
from paas.core.sizes import size
from paas.core.times import timestamp

ISOLATED = (28, 0, 0)
"""First version of Docker Engine that drops packets from neighbors to loopback ports:
https://github.com/moby/moby/issues/45610
"""
RELOAD_SAFE = (28, 3, 3)
"""First version that also does so after a reload of firewalld: CVE-2025-54388."""
LOOPING = 3
OLD_LOCK_SECONDS = 7 * 86400.0
RESOLVE_SECONDS = 5.0


class Level(enum.Enum):
    """Severity of a finding."""

    OK = "ok"
    ADVICE = "advice"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One finding; ``why``, ``fix`` and ``code`` are empty if everything is fine."""

    level: Level
    subject: str
    what: str
    why: str = ""
    fix: str = ""
    code: str = ""


def _ok(subject: str, what: str) -> Finding:
    return Finding(Level.OK, subject, what)


def _advice(subject: str, what: str, why: str, fix: str, code: str) -> Finding:
    return Finding(Level.ADVICE, subject, what, why, fix, code)


def _problem(subject: str, what: str, why: str, fix: str, code: str) -> Finding:
    return Finding(Level.PROBLEM, subject, what, why, fix, code)


def version(text: str) -> tuple[int, ...]:
    """Return ``(20, 10, 24)`` for ``20.10.24+dfsg1``."""
    match = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def escapes(text: str, *, allowed: bool) -> Iterator[Finding]:
    """Yield whether builds can escape from that version of Docker Engine; ``allowed`` if an admin accepts that."""
    if safety.escapes(text):
        level = Level.ADVICE if allowed else Level.PROBLEM
        what = f"users who can push can gain root on this server: builds can escape from Docker {text}"
        yield Finding(level, "engine", what, safety.WHY, safety.WAYS_OUT, "engine-builds-escape")


def apart(text: str) -> Iterator[Finding]:
    """Yield the version of the engine for isolated builds."""
    yield _ok("builds", f"isolated, in a rootless Docker {text}")
    if safety.escapes(text):
        yield _advice(
            "builds",
            f"users who can push can read and change build data of other apps: builds can escape from Docker {text}",
            f"{safety.WHY} They reach the data of the builder's user, but not the host.",
            "Install Docker Engine 24.0.9, 25.0.2 or newer.",
            "builder-builds-escape",
        )


def engine(text: str, *, userland_proxy: bool) -> Iterator[Finding]:
    """Yield the version of Docker Engine, and how it publishes ports."""
    yield _ok("engine", f"Docker {text} answers")
    number = version(text)
    if number < ISOLATED:
        yield _advice(
            "engine",
            f"machines on the local network may reach the apps' own ports: Docker {text} is older than 28.0.0",
            "Before 28.0.0 a machine on the same network that adds a route reaches ports which are published on "
            "127.0.0.1, past nginx (moby#45610).",
            "Upgrade Docker to 28.3.3 or newer, or drop packets to 127.0.0.0/8 that come from outside: "
            "iptables -t raw -I PREROUTING ! -i lo -d 127.0.0.0/8 -j DROP",
            "engine-ports-reachable",
        )
    elif number < RELOAD_SAFE:
        yield _advice(
            "engine",
            f"Docker {text} is older than 28.3.3",
            "After a reload of firewalld the apps' own ports can be reached from the local network (CVE-2025-54388).",
            "Upgrade Docker to 28.3.3 or newer.",
            "engine-firewalld",
        )
    if userland_proxy:
        yield _advice(
            "engine",
            "every request passes through a proxy process of Docker",
            "Docker runs with userland-proxy, its default: an additional process and hop for each published port.",
            'Set "userland-proxy": false in /etc/docker/daemon.json and restart Docker.',
            "userland-proxy",
        )


def disks(found: Sequence[Disk], memory: Memory, floors: Floors) -> Iterator[Finding]:
    """Yield free disk space and memory for builds."""
    missing = lacks(found, memory, floors)
    for lack in missing:
        yield _problem(
            "room", lack.text, "Nothing is built below that floor.",
            f"'cleanup --dry-run' shows what could go; the floor is the setting {lack.setting}.", "no-room",
        )  # fmt: skip
    if not missing:
        for disk in found:
            inodes = f", {disk.inodes} inodes" if disk.inodes is not None else ""
            yield _ok("room", f"{disk.path}: {size(disk.free)} of {size(disk.total)}{inodes} free")
        yield _ok("room", f"memory: {size(memory.available)} of {size(memory.total)} available")


def old_workers(workers: int, clients: int, most: int, ended: int) -> Iterator[Finding]:
    """Yield the number of old workers that still have connections, and of those ended because there were too many."""
    if workers:
        yield _ok("nginx", f"{workers} old workers (limit {most}) still serve {clients} connections")
    if ended:
        yield _advice(
            "nginx", f"{ended} old workers were ended with their connections",
            "Connections that outlive a change keep their old workers running, and there were too many of these.",
            "Allow more (nginx:set --global old-generations) if there is memory for them; each takes some MB.",
            "old-workers-ended",
        )  # fmt: skip


def listening(sockets: Collection[Listener], ports: Mapping[str, int]) -> Iterator[Finding]:
    """Yield the state of the server's own ports by purpose; 0 for one that the system chose is skipped."""
    found = {listener.port for listener in sockets}
    for name, port in ports.items():
        if port and port in found:
            yield _ok("ports", f"{name}: {port} listens")
        elif port:
            yield _problem(
                "ports", f"nothing listens on port {port} for {name}", "", "The server's log says why.", "not-listening"
            )


def published(
    sockets: Collection[Listener], wanted: Mapping[str, Sequence[Replica]], running: Mapping[str, set[str]]
) -> Iterator[Finding]:
    """Yield whether the ports of containers are bound, and only on the loopback address. ``running``: labels by app."""
    open_to_all = {listener.port for listener in sockets if not listener.loopback}
    local = {listener.port for listener in sockets if listener.loopback}
    count = 0
    for app, replicas in wanted.items():
        for replica in replicas:
            if replica.port is None or replica.label not in running[app]:
                continue
            count += 1
            if replica.port in open_to_all:
                yield _problem(
                    "ports", f"{app} {replica.label}: port {replica.port} is open on other addresses than 127.0.0.1",
                    "Clients may reach it without nginx.", f"Find the program: ss -ltnp sport = {replica.port}",
                    "port-open",
                )  # fmt: skip
            elif replica.port not in local:
                yield _problem(
                    "ports", f"{app} {replica.label}: nothing listens on its port 127.0.0.1:{replica.port}",
                    "Docker does not publish it, although the container runs.", f"Run 'ps:restart {app}'.",
                    "port-missing",
                )  # fmt: skip
    yield _ok("ports", f"{count} published on 127.0.0.1")


def domains(
    owners: Mapping[str, str], resolved: Mapping[str, frozenset[str] | None], own: frozenset[str]
) -> Iterator[Finding]:
    """Yield the state of the apps' names in DNS.

    ``owners`` has the app of each; ``resolved`` is None without an answer in time.
    """
    for name, app in owners.items():
        found = resolved[name]
        if found is None:
            yield _advice(
                "dns", f"{name} ({app}) was not answered within {RESOLVE_SECONDS:g} s", "",
                "Check the name servers in /etc/resolv.conf.", "dns-slow",
            )  # fmt: skip
        elif not found:
            yield _problem(
                "dns", f"{name} ({app}) does not resolve", "Clients cannot reach the app by that name.",
                f"Add a DNS record for it, or run 'domains:remove {app} {name}'.", "dns-missing",
            )  # fmt: skip
        elif not found & own:
            yield _advice(
                "dns", f"{name} ({app}) resolves to {', '.join(sorted(found))}, which is not an address of this host",
                "That is right behind a router or another proxy, and wrong otherwise.",
                f"Point its DNS record to one of: {', '.join(sorted(_outside(own))) or 'this host'}", "dns-elsewhere",
            )  # fmt: skip
        else:
            yield _ok("dns", f"{name} ({app}) resolves to this host")


def _outside(addresses: Collection[str]) -> list[str]:
    return [address for address in addresses if not address.startswith(("127.", "fe80:")) and address != "::1"]


def drift(app: str, wanted: Sequence[Replica], there: Sequence[Container]) -> Iterator[Finding]:
    """Yield differences between desired and actual containers of one app. ``there`` have details."""
    slots = {(found.process_type, found.index, found.slot): found for found in there}
    wrong = False
    for replica in wanted:
        found = slots.pop((replica.process_type, replica.index, replica.slot), None)
        if found is None or found.status not in ("running", "restarting", "paused"):
            state = "is not there" if found is None else f"is {found.status} (exit status {found.exit_code})"
            wrong = True
            yield _problem(
                "drift", f"{app} {replica.label} {state}", "It should run.",
                f"The server restarts it automatically; if it exits again: 'logs {app} -p {replica.label}'.",
                "container-missing",
            )  # fmt: skip
        elif found.status == "restarting" or found.restarts >= LOOPING:
            wrong = True
            yield _problem(
                "drift", f"{app} {replica.label} crashes again and again: it was restarted {found.restarts} times",
                f"Its last exit status was {found.exit_code}" + (", out of memory." if found.oom_killed else "."),
                f"See 'logs {app} -p {replica.label}'; 'releases:rollback {app}' goes back.", "crash-loop",
            )  # fmt: skip
    for surplus in slots.values():
        wrong = True
        yield _advice(
            "drift", f"{app} has the container {surplus.name}, which is not wanted any more", "It may be draining.",
            f"'cleanup {app}' removes it once it has ended.", "container-surplus",
        )  # fmt: skip
    if not wrong:
        yield _ok("drift", f"{app}: {len(wanted)} of {len(wanted)} containers run" if wanted else f"{app}: none wanted")


def locks(app: str, lock: AppLock | None, now: float) -> Iterator[Finding]:
    """Yield locks that may have been forgotten."""
    if lock is None or not lock.holds(now):
        return
    if lock.until is None and now - lock.since > OLD_LOCK_SECONDS:
        yield _advice(
            "locks", f"{app} is locked since {timestamp(lock.since)}, without an end",
            f"By {lock.actor}: {lock.reason or 'no reason given'}.", f"Run 'apps:unlock {app}'.", "stale-lock",
        )  # fmt: skip
    else:
        yield _ok("locks", f"{app} is locked: {lock.words()}")


def overdue(running: Mapping[str, float], limit: float, now: float) -> Iterator[Finding]:
    """Yield deployments that take longer than any build may: descriptions by start time."""
    for words, since in running.items():
        if now - since > limit:
            yield _advice(
                "locks", f"{words} is under way for {(now - since) / 3600:.1f} h", "Others of the app wait for it.",
                "See 'builds:output', or end it with 'builds:cancel'.", "stale-build",
            )  # fmt: skip


def host_keys(changed: Mapping[str, tuple[str, str]], folder: str) -> Iterator[Finding]:
    """Yield changed keys of the SSH server, by kind: the recorded and the present one."""
    for kind, (before, now) in changed.items():
        yield _problem(
            "files", f"the SSH host key {kind} has changed", f"It was {before} and is {now}.\n"
            "Clients that know the server refuse to connect and warn about an attack.",
            f"Restore {folder} from a backup and start the server again. To keep the new key: 'host-keys:accept'",
            "host-key-changed",
        )  # fmt: skip
    if not changed:
        yield _ok("files", "the SSH host keys are those that clients know")


def key_file(path: str, mode: int | None) -> Finding:
    """Return the finding about the key that secrets are encrypted with."""
    if mode is None:
        return _problem(
            "files", f"{path} is missing", "Secrets in the database can't be read without it.",
            "Restore it from the backup that belongs to the database.", "key-missing",
        )  # fmt: skip
    if mode & 0o077:
        return _problem(
            "files", f"{path} has the permissions {mode:o}", "Other users of the host can read all secrets with it.",
            f"Run: chmod 600 {path}", "key-readable",
        )  # fmt: skip
    return _ok("files", f"{path} is readable by the server only")
