"""The database: what is wanted, and what happened."""

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from paas.core.errors import AlreadyExists, NoSuchApp, NotFound, PaasError
from paas.core.model import SERVER, DeploymentStatus, Draft, Key, Process, ReleaseState, Replica
from paas.core.secret import Secret
from paas.dispatch.features import open_store
from paas.store import Store
from paas.store.database import Database
from paas.store.migrate import BY_POSITION, OWN, Migrations
from paas.store.values import Keys


@pytest.fixture
def store(tmp_path):
    made = open_store(tmp_path)
    yield made
    made.close()


@pytest.fixture
def app(store):
    return store.apps.create("hello", actor="ada", now=100.0)


def draft(**changes):
    values = {
        "image": "sha256:1",
        "commit": "c0ffee",
        "processes": (Process("web", None, 5000), Process("worker", "./work")),
        "config": {"A": Secret("1")},
        "shared": {"G": Secret("2")},
        "actor": "ada",
        "cause": "git push",
    }
    return Draft(**{**values, **changes})


def test_an_app_is_found_by_name_and_number(store, app):
    assert store.apps.get("hello") == store.apps.by_id(app.id) == store.apps.find("hello") == app
    assert (app.name, app.created_at, app.created_by, app.stopped, app.version) == ("hello", 100.0, "ada", False, None)
    assert store.apps.find("nope") is None
    for call in (lambda: store.apps.get("nope"), lambda: store.apps.by_id(99)):
        with pytest.raises(NoSuchApp):
            call()


def test_names_are_there_once(store, app):
    other = store.apps.create("other", actor="ada", now=1.0)
    for call in (lambda: store.apps.create("hello", actor="x", now=2.0), lambda: store.apps.rename(other, "hello")):
        with pytest.raises(AlreadyExists, match="the app 'hello' already exists"):
            call()
    assert store.apps.rename(other, "zebra").id == other.id
    assert [one.name for one in store.apps.all()] == ["hello", "zebra"]


def test_numbers_of_apps_are_not_used_again(store, app):
    store.apps.delete(app)
    assert store.apps.create("hello", actor="ada", now=1.0).id > app.id


def test_deleting_an_app_deletes_every_row_of_it(store, app, tmp_path):
    store.config.set(app, {"A": Secret("1")})
    store.properties.set(app, "git", "deploy-branch", "main")
    store.apps.set_domains(app, ["example.org"])
    store.apps.set_formation(app, {"web": 2})
    store.apps.set_replicas(app, [Replica("web", 1, 0, 1, 20000)])
    store.apps.give_port(app, "web", 1, 0, 20000)
    store.releases.add(app, draft(), 1.0)
    store.deployments.step(store.deployments.add(app, "push", "ada", "git push", 1.0), 1, "read")
    store.apps.delete(app)
    database = sqlite3.connect(tmp_path / "paas.db")
    tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    counts = {name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
    database.close()
    assert {name for name, count in counts.items() if count} <= {"sqlite_sequence", "migrations"}


def test_quantities_and_replicas(store, app):
    store.apps.set_formation(app, {"web": 2, "worker": 1})
    store.apps.set_formation(app, {"web": 3})
    assert store.apps.formation(app) == {"web": 3, "worker": 1}
    first = [Replica("worker", 1, 0, 1), Replica("web", 2, 1, 1, 20002), Replica("web", 1, 0, 1, 20001)]
    store.apps.set_replicas(app, first)
    assert store.apps.replicas(app) == [first[2], first[1], first[0]]
    store.apps.set_replicas(app, first[:1])
    assert store.apps.replicas(app) == first[:1]


def test_a_port_belongs_to_one_slot(store, app):
    other = store.apps.create("other", actor="ada", now=1.0)
    store.apps.give_port(app, "web", 1, 0, 20000)
    store.apps.give_port(app, "web", 1, 0, 20005)
    assert store.apps.port(app, "web", 1, 0) == 20005
    assert store.apps.port(app, "web", 1, 1) is None
    assert store.apps.ports_taken() == {20005}
    with pytest.raises(PaasError) as raised:
        store.apps.give_port(other, "web", 1, 0, 20005)
    assert raised.value.code == "port-taken"


def test_subnets(store, app):
    store.apps.set_subnet(app, "10.208.0.0/24")
    assert (store.apps.subnet(app), store.apps.subnets()) == ("10.208.0.0/24", {"10.208.0.0/24"})
    store.apps.set_subnet(app, None)
    assert (store.apps.subnet(app), store.apps.subnets()) == (None, set())


def test_domains_keep_their_order_and_have_one_owner(store, app):
    other = store.apps.create("other", actor="ada", now=1.0)
    store.apps.set_domains(app, ["z.example", "a.example"])
    store.apps.set_domains(None, ["localhost", "paas.example"])
    assert store.apps.domains(app) == ["z.example", "a.example"]
    assert store.apps.domains(None) == ["localhost", "paas.example"]
    assert store.apps.domain_owners() == {"z.example": app.id, "a.example": app.id}
    with pytest.raises(AlreadyExists, match=r"the domain a\.example belongs to the app 'hello'"):
        store.apps.set_domains(other, ["b.example", "a.example"])
    assert store.apps.domains(other) == []


def test_variables_of_apps_and_global_ones(store, app):
    store.config.set(app, {"B": Secret("2"), "A": Secret("1")})
    store.config.set(None, {"A": Secret("global")})
    store.config.set(app, {"B": Secret("3")})
    assert list(store.config.all(app).items()) == [("A", Secret("1")), ("B", Secret("3"))]
    store.config.unset(app, ["A", "NOPE"])
    assert store.config.all(app) == {"B": Secret("3")}
    store.config.replace(app, {"C": Secret("é\n")})
    assert store.config.all(app) == {"C": Secret("é\n")}
    assert store.config.all(None) == {"A": Secret("global")}


def test_a_transaction_counts_as_a_whole(store, app):
    def half():
        with store.transaction():
            store.config.set(app, {"A": Secret("1")})
            with store.transaction():
                store.apps.set_formation(app, {"web": 9})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert store.config.all(app) == {}
    assert store.apps.formation(app) == {}
    store.config.set(app, {"A": Secret("2")})
    assert store.config.all(app) == {"A": Secret("2")}


def test_releases_are_numbered_by_app_and_do_not_change(store, app):
    other = store.apps.create("other", actor="ada", now=1.0)
    first = store.releases.add(app, draft(), 10.0)
    second = store.releases.add(app, draft(image="sha256:2"), 20.0)
    assert (first.version, second.version, store.releases.add(other, draft(), 1.0).version) == (1, 2, 1)
    assert [store.releases.get(app, one.version) for one in store.releases.summaries(app)] == [second, first]
    assert store.releases.get(app, 1) == first
    assert first.processes == draft().processes
    assert (first.config, first.shared) == (draft().config, draft().shared)
    assert first.environment == {"A": Secret("1"), "G": Secret("2")}
    assert (first.state, first.created_at) == (ReleaseState.PENDING, 10.0)
    with pytest.raises(NotFound, match="hello has no release v9"):
        store.releases.get(app, 9)


def test_one_release_is_current(store, app):
    first, second = (store.releases.add(app, draft(), 1.0) for _ in range(2))
    assert store.releases.current(app) is None
    store.releases.make_current(app, first)
    assert store.releases.current(store.apps.by_id(app.id)).version == 1
    store.releases.make_current(app, second)
    states = {release.version: release.state for release in store.releases.summaries(app)}
    assert states == {1: ReleaseState.SUPERSEDED, 2: ReleaseState.CURRENT}
    store.releases.fail(second)
    assert store.releases.get(app, 2).state is ReleaseState.CURRENT
    store.releases.add(app, draft(), 1.0)
    assert store.releases.fail_pending() == 1
    assert store.releases.get(app, 3).state is ReleaseState.FAILED


def test_a_deployment_and_its_steps(store, app):
    assert store.deployments.last(app) is None
    number = store.deployments.add(app, "push", "ada", "git push", 1.0)
    assert store.deployments.last(app).status is DeploymentStatus.QUEUED
    store.deployments.begin(number, 2.0)
    store.deployments.step(number, 1, "read")
    store.deployments.step_done(number, 1, 0.5)
    store.deployments.step(number, 2, "build")
    store.deployments.note(number, commit="c0ffee")
    store.deployments.note(number, version=3)
    store.deployments.finish(number, DeploymentStatus.FAILED, 9.0, "build-failed")
    last = store.deployments.last(app)
    assert (last.status, last.step, last.started_at, last.finished_at) == (DeploymentStatus.FAILED, "build", 2.0, 9.0)
    assert (last.commit, last.version, last.error) == ("c0ffee", 3, "build-failed")
    assert store.deployments.steps(number) == [("read", 0.5), ("build", None)]


def test_what_a_crash_left_is_abandoned(store, app):
    queued = store.deployments.add(app, "push", "ada", "git push", 1.0)
    running = store.deployments.add(app, "push", "ada", "git push", 1.0)
    store.deployments.begin(running, 2.0)
    done = store.deployments.add(app, "push", "ada", "git push", 1.0)
    store.deployments.finish(done, DeploymentStatus.SUCCEEDED, 3.0)
    assert [found.id for found in store.deployments.abandon_unfinished(9.0)] == [queued, running]
    assert store.deployments.abandon_unfinished(9.0) == []
    assert store.deployments.last(app).status is DeploymentStatus.SUCCEEDED


def test_keys(store):
    key = Key("ada", "SHA256:a", "ssh-ed25519", "AAAA", "me", "admin", 5.0)
    store.table(Keys).add(key)
    assert store.table(Keys).all() == [key]
    assert store.table(Keys).by_fingerprint("SHA256:a") == key
    assert store.table(Keys).by_fingerprint("SHA256:b") is None
    assert store.table(Keys).remove(fingerprint="SHA256:a") == key
    with pytest.raises(NotFound, match="there is no key 'ada'"):
        store.table(Keys).remove(name="ada")


def test_facts_about_the_instance(store):
    assert store.instance.get("id") is None
    store.instance.set("id", "1")
    store.instance.set("id", "2")
    assert store.instance.get("id") == "2"


def test_everything_is_there_after_a_restart(store, app, tmp_path):
    store.config.set(app, {"A": Secret("1")})
    store.close()
    again = Store(tmp_path)
    assert again.config.all(again.apps.get("hello")) == {"A": Secret("1")}
    again.close()


def test_secrets_are_sealed_with_a_key_that_only_the_server_reads(store, app, tmp_path):
    store.config.set(app, {"A": Secret("hunter2hunter2")})
    store.releases.add(app, draft(config={"B": Secret("hunter3hunter3")}), 1.0)
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
    assert not any(b"hunter" in path.read_bytes() for path in tmp_path.glob("paas.db*"))
    store.close()


def test_a_lost_key_is_not_replaced_while_something_is_sealed_with_it(store, app, tmp_path):
    store.config.set(app, {"A": Secret("1")})
    store.close()
    key = tmp_path / "secret.key"
    right = key.read_bytes()

    key.unlink()
    with pytest.raises(PaasError) as raised:
        Store(tmp_path)
    assert raised.value.code == "key-missing"
    assert f"Restore {key}" in raised.value.fix
    assert not key.exists()

    for wrong in (Fernet.generate_key(), b"", b"rubbish"):
        key.write_bytes(wrong)
        with pytest.raises(PaasError) as raised:
            Store(tmp_path)
        assert raised.value.code == "wrong-key"
        assert key.read_bytes() == wrong

    key.write_bytes(right)
    back = Store(tmp_path)
    assert back.config.all(back.apps.get("hello")) == {"A": Secret("1")}
    back.close()


def test_a_key_is_made_while_nothing_is_sealed(store, tmp_path):
    store.close()
    (tmp_path / "secret.key").unlink()
    Store(tmp_path).close()
    assert (tmp_path / "secret.key").exists()


def test_a_database_of_a_newer_version_is_refused(store, tmp_path):
    store.close()
    database = sqlite3.connect(tmp_path / "paas.db")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(PaasError, match="the database was written by a newer version"):
        Store(tmp_path)


def test_many_threads_write_at_once(store, app):
    def work(number):
        for step in range(20):
            with store.transaction():
                found = store.apps.formation(app).get("web", 0)
                store.apps.set_formation(app, {"web": found + 1})
            store.instance.set(f"{number}-{step}", "x")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert store.apps.formation(app) == {"web": 80}


def test_what_the_server_does_by_itself_pushes_out_nothing_that_people_did(store):
    app = store.apps.create("crowded", actor="ada", now=1.0)
    push = store.deployments.add(app, "push", "ada", "git push", 1.0)
    repairs = [store.deployments.add(app, "repair", SERVER, "repair", 2.0) for _ in range(30)]
    for number in repairs:
        store.deployments.finish(number, DeploymentStatus.FAILED, 3.0)
    assert push not in store.deployments.older(app, 5)
    assert push in store.deployments.newest(5)
    store.deployments.forget_own(app, 5)
    assert {one.id for one in store.deployments.all(app)} == {push, *repairs[-5:]}


def plans(store, look):
    """How SQLite finds the rows of what is asked inside: a line for each table."""
    asked = []
    with store.watched(asked.append):
        look()
    plan = [row[3] for sql in asked for row in store._database.all(f"EXPLAIN QUERY PLAN {sql}")]
    return [line for line in plan if not line.startswith(("USE TEMP", "SCALAR"))]


LOOKS = {
    "builds of an app": lambda store, app: store.deployments.all(app, limit=20),
    "failed builds of an app": lambda store, app: store.deployments.all(app, status="failed", limit=1),
    "builds under way": lambda store, app: store.deployments.all(None, status="running"),
    "what a crash left": lambda store, app: store.deployments.abandon_unfinished(1.0),
    "releases a crash left": lambda store, app: store.releases.fail_pending(),
    "the end of a change": lambda store, app: store.deployments.older(app, 20),
    "what the server did": lambda store, app: store.deployments.forget_own(app, 20),
    "the newest trace": lambda store, app: store.traces.newest(app),
    "runs of an app": lambda store, app: store.runs.all(app, kind="run"),
    "the last run of an entry": lambda store, app: store.runs.all(app, kind="cron", entry="daily", limit=1),
    "runs to forget": lambda store, app: store.runs.ids(app),
    "logs to pack": lambda store, app: store.kept_logs.unpacked(),
}


@pytest.mark.parametrize("what", LOOKS)
def test_what_is_asked_does_not_take_longer_with_all_that_ever_happened(store, app, what):
    found = plans(store, lambda: LOOKS[what](store, app))
    assert found
    # These have only the few rows that are asked for.
    few = ("releases_pending", "kept_logs_unpacked")
    assert [line for line in found if line.startswith("SCAN") and not line.endswith(few)] == []


def test_the_last_run_of_an_entry_is_found_at_once(store, app):
    [plan] = plans(store, lambda: store.runs.all(app, kind="cron", entry="daily", limit=1))
    assert "entry=?" in plan


def test_what_the_server_did_is_found_among_all_that_people_did(store, app):
    assert any("actor=?" in line for line in plans(store, lambda: store.deployments.forget_own(app, 20)))
    assert any("actor=?" in line for line in plans(store, lambda: store.deployments.older(app, 20)))


def test_a_switch_does_not_look_through_the_releases_of_before(store, app):
    release = store.releases.add(app, draft(), 1.0)
    found = plans(store, lambda: store.releases.make_current(app, release))
    assert any("releases_current" in line for line in found)


def test_summaries_of_releases_are_read_without_their_secrets(store, app, monkeypatch):
    store.releases.add(app, draft(), 1.0)
    second = store.releases.add(app, draft(), 2.0)
    monkeypatch.setattr(store.releases, "_sealer", None)
    newest, oldest = store.releases.summaries(app)
    assert (newest.version, newest.state) == (2, ReleaseState.PENDING)
    assert (newest.commit, newest.image) == ("c0ffee", "sha256:1")
    assert (newest.created_at, newest.actor, newest.cause) == (second.created_at, "ada", "git push")
    assert oldest.version == 1


def test_ports_of_slots_that_nobody_wants_are_taken_back(store, app):
    other = store.apps.create("other", actor="ada", now=1.0)
    for port, owner, index, slot in [(1, app, 1, 0), (2, app, 1, 1), (3, app, 2, 0), (4, other, 2, 0)]:
        store.apps.give_port(owner, "web", index, slot, port)
    store.apps.take_back_ports(app, {("web", 1)})
    assert store.apps.ports_taken() == {1, 2, 4}


def test_a_copy_that_was_made_while_the_server_runs_is_a_backup(store, app, tmp_path):
    store.config.set(app, {"A": Secret("1")})
    folder = tmp_path / "restored"
    folder.mkdir()
    with store.transaction():
        # What is under way is not part of it, and holds it up as little as it is held up.
        store.config.set(app, {"A": Secret("2")})
        with closing(sqlite3.connect(tmp_path / "paas.db")) as other:
            other.execute("VACUUM INTO ?", [str(folder / "paas.db")])
    shutil.copy(tmp_path / "secret.key", folder)
    restored = Store(folder)
    assert restored.config.all(app) == {"A": Secret("1")}
    assert restored.apps.create("next", actor="ada", now=1.0).id == app.id + 1
    restored.close()


def test_a_database_of_any_older_version_is_brought_up_to_date(tmp_path):
    scripts = [OWN.scripts[number] for number in BY_POSITION]
    for have in range(1, len(scripts) + 1):
        folder = tmp_path / str(have)
        folder.mkdir()
        with closing(sqlite3.connect(folder / "paas.db")) as old:
            for script in scripts[:have]:
                old.executescript(script.read_text())
            old.executescript(
                "INSERT INTO apps (name, created_at, created_by) VALUES ('hello', 1.0, 'ada');"
                "INSERT INTO deployments (app_id, kind, actor, cause, status, started_at)"
                f" VALUES (1, 'push', 'ada', 'git push', 'running', 1.0); PRAGMA user_version = {have};"
            )
        made = Store(folder)
        assert made.apps.get("hello").id == 1
        assert [one.kind for one in made.deployments.abandon_unfinished(2.0)] == ["push"]
        assert made._database.all("PRAGMA foreign_key_check") == []
        made.close()


def migrations(folder: Path, **scripts: str) -> Migrations:
    """Scripts that make a table each; their names are those of the parameters without the leading letter."""
    folder.mkdir(exist_ok=True)
    for name, table in scripts.items():
        (folder / f"{name[1:]}.sql").write_text(f"CREATE TABLE {table} (id INTEGER);")
    return Migrations("notes", folder)


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as opened:
        return {row[0] for row in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_gap_in_the_numbers_of_migrations_is_no_migration(tmp_path):
    path = tmp_path / "paas.db"
    Database(path, [migrations(tmp_path / "scripts", _0001_first="a", _0007_second="b")]).close()
    Database(path, [migrations(tmp_path / "scripts", _0009_third="c")]).close()
    assert {"a", "b", "c"} <= tables(path)


def test_a_migration_with_a_lower_number_than_those_that_ran_runs_all_the_same(tmp_path):
    path = tmp_path / "paas.db"
    Database(path, [migrations(tmp_path / "scripts", _0001_first="a", _0007_second="b")]).close()
    Database(path, [migrations(tmp_path / "scripts", _0003_late="c")]).close()
    # Another time would fail: the table is there.
    Database(path, [migrations(tmp_path / "scripts")]).close()
    assert {"a", "b", "c"} <= tables(path)


def test_a_migration_of_the_platform_that_comes_late_runs_in_an_old_database(tmp_path):
    with closing(sqlite3.connect(tmp_path / "paas.db")) as old:
        for number in BY_POSITION[:7]:
            old.executescript(OWN.scripts[number].read_text())
        old.execute("PRAGMA user_version = 7")
    folder = tmp_path / "scripts"
    folder.mkdir()
    for script in OWN.scripts.values():
        (folder / script.name).write_text(script.read_text())
    (folder / "0014_late.sql").write_text("CREATE TABLE late (id INTEGER);")
    Database(tmp_path / "paas.db", [Migrations("", folder)]).close()
    assert {"late", "edge", "drains"} <= tables(tmp_path / "paas.db")


def test_two_migrations_with_one_number_are_a_mistake(tmp_path):
    with pytest.raises(ValueError, match="has the same number as"):
        Database(tmp_path / "paas.db", [migrations(tmp_path / "scripts", _0001_first="a", _0001_second="b")])


def test_the_migrations_that_databases_of_old_versions_count_keep_their_numbers():
    assert set(BY_POSITION) <= OWN.scripts.keys()


def test_a_database_with_a_migration_that_this_version_lacks_is_refused(tmp_path):
    path = tmp_path / "paas.db"
    Database(path, [migrations(tmp_path / "newer", _0001_first="a", _0002_second="b")]).close()
    with pytest.raises(PaasError, match="newer version"):
        Database(path, [migrations(tmp_path / "older", _0001_first="a")])
