"""A database that is lost, damaged, or not the one that belongs here is not served, and nothing else is changed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from paas.core.errors import DockerError, PaasError
from paas.core.model import Container
from paas.core.secret import Secret
from paas.core.server.intact import DiskTraces, Marker, Recorded, judge
from paas.server import intact
from paas.server.safekeeping import Safekeeper
from paas.store import Store
from paas.store.examination import examine, trouble
from paas.system.marker import MarkerFile
from paas.system.paths import Paths


def container(app_id: int = 1, release: int = 1, status: str = "running") -> Container:
    return Container("c1", f"app{app_id}.web.1.a", app_id, "web", 1, 0, release, status, "sha256:1")


RECORDED = Recorded("abc", checkpoint=5, last_app=3, newest={1: 6, 3: 0})
REFUSED = [
    # marker, what the database says, apps with files, containers, code, a piece of why
    (Marker("abc", 5), None, (), [], "database-lost", "was set up as the instance abc"),
    (None, None, {1, 2}, [], "database-lost", "There are files of the apps number 1, 2."),
    (Marker("xyz", 5), RECORDED, (), [], "database-foreign", "of the instance abc"),
    (Marker("abc", 6), RECORDED, (), [], "database-behind", "at checkpoint 5, and was at checkpoint 6"),
    (None, RECORDED, {1, 4}, [], "database-behind", "of the app number 4"),
    (None, RECORDED, (), [container(app_id=4)], "database-behind", "of the app number 4"),
    (None, RECORDED, (), [container(release=12)], "database-behind", "runs release v12, and the database has no"),
    (None, RECORDED, (), [container(app_id=3)], "database-behind", "no release of it"),
    (Marker("abc", 5, {1: 11}), RECORDED, (), [container(release=12)], "database-behind", "after v6"),
]


@pytest.mark.parametrize(("marker", "recorded", "apps", "containers", "code", "why"), REFUSED)
def test_what_is_not_served(marker, recorded, apps, containers, code, why):
    error = judge("/data", marker, recorded, DiskTraces(apps, containers))
    assert error is not None
    assert error.code == code
    assert why in error.why
    assert "Nothing was changed" in error.why
    assert "paas --root /data accept-database" in error.fix


SERVED = {
    "a new instance": (None, None, (), []),
    "one from before there were markers": (None, RECORDED, {1, 3}, [container(release=6)]),
    "as far as it was, or further": (Marker("abc", 4), RECORDED, {1}, []),
    "an app that was destroyed, with containers on their way out": (Marker("abc", 5), RECORDED, {2}, [container(2, 9)]),
    "a candidate whose release a power failure took": (None, RECORDED, (), [container(release=7, status="exited")]),
    "releases that somebody agreed to go on without": (Marker("abc", 5, {1: 12}), RECORDED, (), [container(1, 12)]),
}


@pytest.mark.parametrize("case", SERVED)
def test_what_is_served(case):
    marker, recorded, apps, containers = SERVED[case]
    assert judge("/data", marker, recorded, DiskTraces(apps, containers)) is None


# With files


@pytest.fixture
def paths(tmp_path):
    found = Paths(tmp_path)
    found.prepare()
    return found


@pytest.fixture
def instance(paths):
    """An instance with an app and a variable, that was stopped in peace."""
    store = Store(paths.root)
    store.instance.set("id", "abc")
    app = store.apps.create("hello", actor="ada", now=1.0)
    store.config.set(app, {"A": Secret("1")})
    intact.keep(store, paths, "abc")
    store.close()
    return paths


def none(instance: str) -> list[Container]:
    return []


def refusal(paths: Paths, look: Callable[[str], list[Container]] = none) -> PaasError:
    before = contents(paths.root)
    with pytest.raises(PaasError) as raised:
        intact.check(paths, look)
    assert contents(paths.root) == before
    return raised.value


def contents(folder: Path) -> dict[Path, bytes]:
    # The index of the log is memory that is shared through a file; a reader makes it, and an empty log.
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "paas.db-shm"]
    return {path: text for path in files if (text := path.read_bytes())}


def test_a_whole_one_passes(instance):
    intact.check(instance, none)
    assert trouble(instance.database) == ""


def test_an_empty_file_is_refused(instance):
    instance.database.write_bytes(b"")
    assert refusal(instance).code == "database-lost"


def test_a_missing_file_is_refused_and_not_made(instance):
    instance.database.unlink()
    assert refusal(instance).code == "database-lost"
    assert not instance.database.exists()


def test_without_a_marker_the_repositories_of_apps_tell(instance):
    instance.marker.unlink()
    instance.database.unlink()
    (instance.apps / "1" / "repo.git").mkdir(parents=True)
    assert refusal(instance).code == "database-lost"


def test_a_damaged_page_is_told_and_what_to_do(instance):
    with instance.database.open("r+b") as file:
        file.seek(2 * 4096)
        file.write(os.urandom(4096))
    error = refusal(instance)
    assert error.code == "database-damaged"
    assert "restore the database from a backup" in error.fix
    assert trouble(instance.database)


def test_a_file_that_is_no_database_is_told(instance):
    instance.database.write_bytes(b"rubbish" * 4096)
    assert refusal(instance).code == "database-damaged"


CHANGES = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
for number in range(200):
    database.execute("INSERT INTO apps (name, created_at, created_by) VALUES (?, 1, 'ada')", [f"app{number:03}"])
os._exit(0)
"""


@pytest.fixture
def killed(instance):
    """An instance that was killed after many changes which are in the log alone."""
    subprocess.run([sys.executable, "-c", CHANGES, str(instance.database)], check=True)
    return instance


def log_of(paths: Paths) -> Path:
    return paths.database.with_name("paas.db-wal")


def test_a_log_with_flipped_bytes_takes_changes_back_and_is_refused(killed):
    intact.check(killed, lambda name: [container(app_id=201, release=0)])
    log = bytearray(log_of(killed).read_bytes())
    log[len(log) // 2 : len(log) // 2 + 64] = os.urandom(64)
    log_of(killed).write_bytes(log)
    assert 1 < examine(killed.database).last_app < 201
    error = refusal(killed, lambda name: [container(app_id=201)])
    assert (error.code, "the app number 201" in error.why) == ("database-behind", True)


def test_a_log_that_was_removed_is_refused_where_something_newer_runs(killed):
    log_of(killed).unlink()
    assert refusal(killed, lambda name: [container(app_id=201)]).code == "database-behind"


def test_what_was_folded_in_stays_though_the_log_goes(killed):
    store = Store(killed.root)
    intact.keep(store, killed, "abc")
    files = {path.name: path.read_bytes() for path in killed.root.glob("paas.db*")}
    store.close()
    assert files["paas.db-wal"] == b""
    killed.database.write_bytes(files["paas.db"])
    assert examine(killed.database).last_app == 201
    assert MarkerFile(killed.marker).read() == Marker("abc", 2)


def test_an_earlier_file_in_its_place_is_refused(instance):
    earlier = instance.database.read_bytes()
    store = Store(instance.root)
    store.apps.create("other", actor="ada", now=1.0)
    intact.keep(store, instance, "abc")
    store.close()
    instance.database.write_bytes(earlier)
    error = refusal(instance)
    assert (error.code, "at checkpoint 1, and was at checkpoint 2" in error.why) == ("database-behind", True)


def test_a_reader_holds_a_checkpoint_up_and_the_marker_does_not_run_ahead(instance):
    store = Store(instance.root)
    with closing(sqlite3.connect(instance.database, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM apps").fetchall()
        store.apps.create("other", actor="ada", now=1.0)
        intact.keep(store, instance, "abc")
        assert MarkerFile(instance.marker).read().checkpoint == 1
    intact.keep(store, instance, "abc")
    assert MarkerFile(instance.marker).read().checkpoint == 3
    intact.keep(store, instance, "abc")
    assert MarkerFile(instance.marker).read().checkpoint == 3
    store.close()


def test_an_engine_that_does_not_answer_is_logged_and_keeps_nobody_waiting(instance, caplog):
    def down(name: str) -> list[Container]:
        raise DockerError("Docker does not answer")

    intact.check(instance, down)
    assert "Could not compare the database with the containers" in caplog.text


def test_a_marker_that_nobody_can_read_counts_as_none(instance):
    for text in ("", "[]", "{}", '{"instance": "abc", "checkpoint": "x"}'):
        instance.marker.write_text(text)
        assert MarkerFile(instance.marker).read() is None
    intact.check(instance, none)


# While it is served


def test_damage_that_is_met_later_is_an_error_with_what_to_do(instance):
    store = Store(instance.root)
    store.close()
    with instance.database.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(instance.database.stat().st_size - 4096))
    with pytest.raises(PaasError) as raised:
        Store(instance.root).apps.all()
    assert raised.value.code == "database-damaged"


def test_a_record_is_made_safe_at_once(hello):
    keeper = Safekeeper(hello.ctx)
    keeper.tick()
    number = MarkerFile(hello.paths.marker).read().checkpoint
    assert not hello.ctx.store.recorded.is_set()
    hello.run("config:set hello A=1")
    assert hello.ctx.store.recorded.is_set()
    keeper.tick()
    assert MarkerFile(hello.paths.marker).read().checkpoint > number
    assert (hello.root / "paas.db-wal").stat().st_size == 0


def test_a_copy_of_the_database_alone_has_everything_then(hello, tmp_path):
    hello.run("config:set hello A=1")
    Safekeeper(hello.ctx).tick()
    shutil.copy(hello.root / "paas.db", tmp_path / "paas.db")
    found = examine(tmp_path / "paas.db")
    assert found.newest == {1: 2}
    assert found.instance == hello.scheduler.instance
