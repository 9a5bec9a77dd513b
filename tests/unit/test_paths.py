"""The folders of a data root."""

import errno
import os
from pathlib import Path

import pytest

from paas.core.errors import PaasError
from paas.core.model import App
from paas.system.paths import Paths


@pytest.fixture
def app(tmp_path):
    made = Paths(tmp_path)
    made.prepare()
    one = App(id=7, name="one", created_at=0.0, created_by="ada")
    (made.app(one) / "tree").mkdir(parents=True)
    (made.app(one) / "tree" / "file").touch()
    return made, one


def test_an_app_that_was_removed_leaves_nothing(app):
    made, one = app
    made.remove_app(one)
    assert list(made.apps.iterdir()) == []
    made.remove_app(one)


def test_what_is_written_while_it_is_removed_goes_with_the_next_start(app, monkeypatch):
    made, one = app

    def rmdir(path, **options):
        raise OSError(errno.ENOTEMPTY, "Directory not empty", path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", rmdir)
        made.remove_app(one)
    assert not made.app(one).exists()
    assert [path.name for path in made.apps.iterdir()] == [".7-0.gone"]
    made.remove_leftovers()
    assert list(made.apps.iterdir()) == []


def test_what_a_killed_server_was_building_or_fetching_goes_with_the_next_start(tmp_path):
    """Credentials of registries and git servers may be in it."""
    made = Paths(tmp_path)
    made.prepare()
    (made.work / "build-x" / "docker").mkdir(parents=True)
    (made.work / "build-x" / "docker" / "config.json").write_text("{}")
    made.remove_leftovers()
    assert list(made.work.iterdir()) == []


def test_a_folder_that_may_not_be_removed_is_an_error(app, monkeypatch):
    made, one = app

    def unlink(path, **options):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "unlink", unlink)
    with pytest.raises(PermissionError):
        made.remove_app(one)


def test_what_is_being_removed_does_not_start_again(tmp_path):
    paths = Paths(tmp_path)
    paths.refuse_torn_down()
    paths.mark_torn_down()
    with pytest.raises(PaasError, match="is being removed"):
        paths.refuse_torn_down()


def test_the_socket_of_the_web_is_where_other_users_get_to(tmp_path):
    shut, long = Paths(tmp_path / "shut" / "root"), Paths(tmp_path / ("long" * 30) / "root")
    (tmp_path / "shut").mkdir(mode=0o700)
    for paths in (shut, long):
        assert paths.web_socket.parent.parent in (Path("/run"), Path("/tmp"))
        assert len(str(paths.web_socket)) < 107
    assert shut.web_socket != long.web_socket
    assert Paths(Path("/srv/paas")).web_socket == Path("/srv/paas/web/web.sock")
