"""Files that are damaged or lost while apps serve: the server refuses or heals, and never serves older code."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import listings
import pytest
from cryptography.fernet import Fernet
from instance import Server, eventually, run
from load import Load
from test_service import app

from paas.system.paths import Paths

pytestmark = pytest.mark.real

State = dict[str, bytes]
"""Files of the data root by name."""

KEPT = ("paas.db", "paas.db-wal", "secret.key", "instance")


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory, stack: str) -> Path:
    return app(tmp_path_factory.mktemp("code"), stack, "first")


@pytest.fixture(scope="module")
def served(instance: Server, code: Path, stack: str) -> Server:
    """An instance with an app of several releases and a variable, and another app."""
    assert instance.git_push(code, "shop").status == 0
    assert instance.git_push(code, "other").status == 0
    for number in range(2):
        assert instance.paas(f"config:set shop NUMBER={number}").status == 0
    return instance


def body(server: Server) -> str:
    answer = server.get("shop")
    assert answer.status == 200, answer
    return answer.body


def running(server: Server, instance: str) -> set[str]:
    """The ids of the instance's containers, and what its nginx was given."""
    found = {str(row["Id"]) for row in listings.containers(f"paas.instance={instance}", ended=False)}
    files = {f"{path.name} {path.stat().st_ino}" for path in (server.root / "nginx" / "apps").iterdir()}
    return found | files


def alone(server: Server) -> None:
    """Waits until the containers of before are gone: one that is on its way out ends whatever becomes of the server."""
    label = f"paas.instance={server.instance()}"
    eventually(lambda: len(listings.containers(label, ended=True)) == 2)


def state(server: Server) -> State:
    return {name: (server.root / name).read_bytes() for name in KEPT if (server.root / name).exists()}


def put(server: Server, files: State) -> None:
    """Makes these the files, as somebody does who restores a backup."""
    for name in (*KEPT, "paas.db-shm"):
        (server.root / name).unlink(missing_ok=True)
    for name, data in files.items():
        (server.root / name).write_bytes(data)
        (server.root / name).chmod(0o600)


@contextmanager
def asked(server: Server) -> Iterator[Load]:
    """Inside, a client asks the app all the time; nothing fails, and it is never older code that answers."""
    before = body(server)
    with Load(server.http_port, "shop.localhost", rate=40) as load:
        yield load
    assert load.failures() == {}
    assert load.total() > 0
    assert int(body(server).split()[0][1:]) >= int(before.split()[0][1:])


# What the server refuses

Damage = Callable[[State], State]


def without(name: str) -> Damage:
    return lambda files: {other: data for other, data in files.items() if other != name}


def changed(name: str, change: Callable[[bytes], bytes]) -> Damage:
    return lambda files: {**files, name: change(files[name])}


def flipped(log: bytes) -> bytes:
    """With 64 bytes of rubbish a quarter into it: what was written after that is lost to SQLite."""
    place = len(log) // 4
    return log[:place] + os.urandom(64) + log[place + 64 :]


def rubbish(database: bytes) -> bytes:
    """With two pages of rubbish."""
    return database[:4096] + os.urandom(2 * 4096) + database[3 * 4096 :]


KILLED: dict[str, tuple[Damage, str, str]] = {
    "bytes of the log flipped": (changed("paas.db-wal", flipped), "database-behind", "runs release v"),
    "the log removed": (without("paas.db-wal"), "database-behind", "runs release v"),
}
STOPPED: dict[str, tuple[Damage, str, str]] = {
    "an empty database": (changed("paas.db", lambda data: b""), "database-lost", "was set up as the instance"),
    "no database": (without("paas.db"), "database-lost", "was set up as the instance"),
    "no database and no marker": (
        lambda files: without("instance")(without("paas.db")(files)), "database-lost", "There are files of the apps",
    ),
    "two pages of rubbish": (changed("paas.db", rubbish), "database-damaged", "SQLite says"),
    "no key": (without("secret.key"), "key-missing", "secret.key is missing"),
    "another key": (changed("secret.key", lambda key: Fernet.generate_key()), "wrong-key", "does not open"),
}  # fmt: skip


def refuses(server: Server, files: State, cases: dict[str, tuple[Damage, str, str]]) -> None:
    """Each kind of damage is refused with what to do, while the app serves on and nothing that runs is touched."""
    instance = json.loads(files["instance"])["instance"]
    before, answer = running(server, instance), body(server)
    for case, (damage, code, why) in cases.items():
        damaged = damage(files)
        put(server, damaged)
        said = server.refused()
        assert f"[{code}]" in said, (case, said)
        assert why in said, (case, said)
        assert "apps and nginx serve on" in said, (case, said)
        assert "estore" in said, (case, said)
        assert (running(server, instance), body(server)) == (before, answer), case
        # Nothing is made that would look like something to restore; a log may be there, and empty.
        assert {name for name, data in state(server).items() if data} <= damaged.keys(), case
    put(server, files)


def test_a_log_that_loses_its_end_is_never_older_code(served: Server) -> None:
    with asked(served):
        # Somebody who reads the database, a backup, keeps what is written from now on in the log.
        eventually(lambda: (served.root / "paas.db-wal").stat().st_size == 0)
        with closing(sqlite3.connect(served.root / "paas.db", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM apps").fetchall()
            for number in range(3):
                assert served.paas(f"config:set shop NUMBER=log-{number}").status == 0
            newest = body(served)
            alone(served)
            served.kill9()
            files = state(served)
        refuses(served, files, KILLED)
        served.start()
    assert body(served) == newest


def test_a_database_or_key_that_is_lost_or_damaged_is_refused(served: Server) -> None:
    with asked(served):
        alone(served)
        served.stop()
        refuses(served, state(served), STOPPED)
        served.start()


def test_an_earlier_database_is_refused_and_a_backup_of_now_is_not(served: Server) -> None:
    with asked(served):
        served.stop()
        earlier = state(served)["paas.db"]
        served.start()
        assert served.paas("config:set shop NUMBER=later").status == 0
        newest = body(served)
        alone(served)
        served.stop()
        refuses(
            served,
            state(served),
            {
                "with the marker": (changed("paas.db", lambda data: earlier), "database-behind", "checkpoint"),
                "without it": (
                    lambda files: {**without("instance")(files), "paas.db": earlier}, "database-behind", "release v",
                ),
            },
        )  # fmt: skip
        served.start()
    assert body(served) == newest


def test_after_a_reboot_apps_are_served_though_the_server_refuses(served: Server) -> None:
    served.stop()
    files, answer = state(served), body(served)
    eventually(lambda: not _killed(_nginx(served)))
    put(served, changed("paas.db", lambda data: b"")(files))
    assert "[database-lost]" in served.refused()
    assert body(served) == answer
    put(served, files)
    served.start()
    assert body(served) == answer


def _killed(pids: list[int]) -> list[int]:
    """The processes, which were given the signal. A master may have started more workers meanwhile."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return pids


def _nginx(server: Server) -> list[int]:
    """The processes of the instance's nginx."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            opened = [str(link.readlink()) for link in (entry / "fd").iterdir()] if words.startswith(b"nginx: ") else []
        except OSError:
            continue
        if any(path.startswith(f"{server.root}/nginx/") for path in opened):
            found.append(int(entry.name))
    return found


# What it heals

VANISH = [
    ["nginx/run/status.sock"],
    ["nginx/run", "control.sock", "jobs"],
    ["nginx/apps/1.conf", "the socket of the web"],
    ["nginx/logs", "runs", "work"],
    ["nginx/apps", ".ssh"],
    ["nginx/nginx.conf"],
    ["nginx"],
]
"""What vanishes at one time, of nginx one thing."""


def remove(server: Server, path: Path) -> None:
    """Removes the file or folder at once: whoever looks finds all of it, or nothing."""
    aside = server.folder / "aside"
    path.rename(aside)
    shutil.rmtree(aside) if aside.is_dir() else aside.unlink()


def place(server: Server, name: str) -> Path:
    return Paths(server.root).web_socket if "web" in name else server.root / name


def there(path: Path) -> bool:
    # The status socket comes back by its other name.
    return path.exists() or (path.name == "status.sock" and path.with_name("status-2.sock").exists())


def dashboard(server: Server) -> int:
    return server.get("", "/sign-in", host="paas.localhost").status


def test_what_vanishes_while_it_runs_comes_back_and_pushes_go_on(served: Server, code: Path, stack: str) -> None:
    eventually(lambda: dashboard(served) == 200)
    with asked(served):
        master = (served.root / "nginx" / "run" / "nginx.pid").read_text()
        for names in VANISH:
            paths = [place(served, name) for name in names]
            for path in paths:
                remove(served, path)
            eventually(lambda paths=paths: all(map(there, paths)))  # type: ignore[misc]
            # Answered after the repair: what vanishes while nginx reads it is missing until the next look.
            assert served.paas("nginx:show-config shop").status == 0
        app(code, stack, "pushed after that")
        pushed = eventually(lambda: (done := served.git_push(code, "shop")).status == 0 and done)
        assert pushed.status == 0
        assert body(served).endswith("pushed after that")
        assert served.get("other").status == 200
        eventually(lambda: dashboard(served) == 200)
        assert (served.root / "nginx" / "run" / "nginx.pid").read_text() == master
    found = json.loads(served.paas("doctor --format json").out)
    assert not [row for row in found if row["level"] == "problem" and row["subject"] in ("nginx", "files")], found


def test_a_push_right_after_goes_through(served: Server, code: Path, stack: str) -> None:
    with asked(served):
        for name in ("jobs", "nginx/run", "nginx"):
            remove(served, served.root / name)
            app(code, stack, f"pushed without {name}")
            pushed = served.git_push(code, "shop")
            assert pushed.status == 0, (name, pushed.err)
            assert body(served).endswith(f"pushed without {name}")
            assert served.get("other").status == 200


def test_lost_host_keys_are_told_loudly(served: Server) -> None:
    keys = {path: path.read_bytes() for path in (served.root / "ssh").iterdir()}
    with asked(served):
        served.stop()
        shutil.rmtree(served.root / "ssh")
        served.start()
        assert "THE SSH HOST KEY HAS CHANGED" in served.said()
        assert "[host-key-changed]" in served.paas("doctor").out
        for path, data in keys.items():
            path.write_bytes(data)
        served.restart()
        assert "[host-key-changed]" not in served.paas("doctor").out


# Without a backup


def test_an_empty_database_goes_on_where_somebody_accepts_it(served: Server) -> None:
    served.stop()
    files = state(served)
    instance = json.loads(files["instance"])["instance"]
    put(served, changed("paas.db", lambda data: b"")(files))
    assert served.paas("accept-database").status == 2
    assert body(served)
    assert served.paas("accept-database --force").status == 0
    served.start()
    assert served.instance() == instance
    assert json.loads(served.paas("apps:list --format json").out) == []
    # What belonged to the apps that are lost is removed, as is said before.
    eventually(lambda: listings.containers(f"paas.instance={instance}", ended=False) == [])


def test_an_instance_that_is_damaged_can_be_removed(served: Server) -> None:
    instance = served.instance()
    served.stop()
    (served.root / "paas.db").write_bytes(b"rubbish" * 2048)
    # A root that is a mount point is emptied, and stays.
    run("mount", "--bind", str(served.root), str(served.root))
    try:
        removed = served.paas("teardown --force")
        assert removed.status == 0, removed.err
        assert "which is a mount point and stays" in removed.out
        assert [path.name for path in served.root.iterdir()] == ["torn-down"]
    finally:
        run("umount", str(served.root))
    assert listings.containers(f"paas.instance={instance}") == []
    served.log.close()
