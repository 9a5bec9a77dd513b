"""Going on after a loss that no backup makes good: ``paas accept-database`` and ``paas forget-secrets``."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from paas.cli import main
from paas.core.errors import PaasError
from paas.core.model import Container
from paas.daemon import recovery
from paas.server import intact
from paas.store import Store
from paas.store.examination import examine
from paas.system.marker import MarkerFile


class Engine:
    """The containers that the engine has, whoever asks."""

    containers_there: Sequence[Container] = ()

    def __init__(self, instance: str, seconds: int) -> None:
        self.instance = instance

    def containers(self) -> Sequence[Container]:
        return self.containers_there


@pytest.fixture
def left(hello, monkeypatch):
    """The data root of an instance with an app of two releases, a variable and a password, that does not run."""
    hello.run("config:set hello A=1")
    hello.run("auth:add hello ada", stdin="a-password-1\n")
    intact.keep(hello.ctx.store, hello.paths, hello.scheduler.instance)
    hello.ctx.store.close()
    monkeypatch.setattr(recovery, "Docker", Engine)
    monkeypatch.setattr(Engine, "containers_there", ())
    return hello.paths


def typed(paths, line, capsys):
    status = main([f"--root={paths.root}", *line.split()])
    out, err = capsys.readouterr()
    return status, out, err


def running(release, app_id=1):
    return [Container("c1", "hello.web.1.a", app_id, "web", 1, 0, release, "running", "sha256:1")]


def test_a_whole_database_needs_nobody_s_word(left, capsys):
    status, out, _ = typed(left, "accept-database --force", capsys)
    assert (status, out) == (0, "Nothing has to be accepted: the database belongs to this server.\n")


def test_without_force_it_says_what_it_would_do(left, capsys):
    left.database.write_bytes(b"")
    marker = left.marker.read_bytes()
    status, out, err = typed(left, "accept-database", capsys)
    assert status == 2
    assert "the database in" in out and "is empty or missing" in out
    assert "the server would continue with the present database" in err
    assert "their containers and files of nginx are removed" in err
    assert (left.database.read_bytes(), left.marker.read_bytes()) == (b"", marker)


def test_an_empty_database_goes_on_as_the_same_instance_and_gives_no_number_twice(left, capsys):
    instance = MarkerFile(left.marker).read().instance
    (left.apps / "7" / "repo.git").mkdir(parents=True)
    left.database.unlink()
    assert typed(left, "accept-database --force", capsys)[0] == 0
    intact.check(left, lambda name: running(2, app_id=7))
    store = Store(left.root)
    assert store.instance.get("id") == instance
    assert store.apps.create("new", actor="ada", now=1.0).id == 8
    store.close()


def test_an_older_database_is_accepted_with_the_releases_that_it_lacks(left, capsys, monkeypatch):
    monkeypatch.setattr(Engine, "containers_there", running(9))
    assert typed(left, "accept-database", capsys)[0] == 2
    assert typed(left, "accept-database --force", capsys)[0] == 0
    intact.check(left, lambda name: running(9))
    with pytest.raises(PaasError) as raised:
        intact.check(left, lambda name: running(10))
    assert raised.value.code == "database-behind"


def test_a_damaged_one_can_t_be_accepted(left, capsys):
    left.database.write_bytes(b"rubbish" * 4096)
    status, _, err = typed(left, "accept-database --force", capsys)
    assert (status, "[database-damaged]" in err) == (1, True)


def test_it_is_not_done_beside_a_server_that_runs(left, capsys):
    held = recovery.Lock(left.root)
    status, _, err = typed(left, "accept-database --force", capsys)
    assert (status, "[already-running]" in err) == (1, True)
    del held


def test_secrets_without_their_key_are_given_up_and_a_guarded_app_is_taken_off_line(left, capsys):
    left.secret_key.unlink()
    status, _, err = typed(left, "forget-secrets", capsys)
    assert (status, "would be removed" in err, left.secret_key.exists()) == (2, True, False)

    status, out, _ = typed(left, "forget-secrets --force", capsys)
    assert status == 0
    assert "config: gave up 1\n" in out
    assert "hello: taken off line" in out
    store = Store(left.root)
    app = store.apps.get("hello")
    assert store.config.all(app) == {}
    assert store.edge.all(app) == {}
    assert not store.apps.domains_enabled(app)
    assert store.releases.current(app).config == {}
    store.close()


def test_what_the_key_opens_stays(left, capsys):
    status, out, _ = typed(left, "forget-secrets --force", capsys)
    assert (status, out) == (0, "")
    store = Store(left.root)
    assert list(store.config.all(store.apps.get("hello"))) == ["A"]
    store.close()


def test_where_there_is_nothing_it_is_said(tmp_path, capsys):
    for line in ("forget-secrets --force", "accept-database --force"):
        assert main([f"--root={tmp_path / 'none'}", line.split()[0], "--force"]) == 1
        assert "[no-instance]" in capsys.readouterr().err


def test_the_numbers_of_apps_that_were_never_there_stay_free(hello):
    hello.ctx.store.apps.reserve_numbers(0)
    assert examine(hello.paths.database).last_app == 1
