"""The file for the host's own SSH server, and the paths of an instance."""

import errno
import os
import sys

import pytest

from paas.access import authorized_keys
from paas.core.model import App, Key
from paas.system.paths import Paths

KEYS = [
    Key("ada", "SHA256:aaa", "ssh-ed25519", "AAAA", "ada@laptop", "admin"),
    Key("bob@work", "SHA256:bbb", "ssh-rsa", "BBBB", "", "view"),
]


@pytest.fixture
def path(tmp_path):
    (tmp_path / ".ssh").mkdir()
    return tmp_path / ".ssh" / "authorized_keys"


def test_every_key_may_run_one_command_and_nothing_else(path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/paas", "serve"])
    authorized_keys.write(path, KEYS)
    command = f"/usr/local/bin/paas --root {path.parent.parent} shell --key"
    assert path.read_text() == (
        f'command="{command} SHA256:aaa",restrict,pty ssh-ed25519 AAAA ada\n'
        f'command="{command} SHA256:bbb",restrict,pty ssh-rsa BBBB bob@work\n'
    )
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_the_program_is_that_beside_python_when_it_runs_as_a_module(path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/paas/__main__.py"])
    monkeypatch.setattr(sys, "executable", "/opt/venv/bin/python3")
    authorized_keys.write(path, KEYS[:1])
    assert path.read_text().startswith('command="/opt/venv/bin/paas --root ')


def test_what_was_in_the_file_is_replaced(path):
    path.write_text("ssh-rsa OLD\n")
    path.chmod(0o644)
    authorized_keys.write(path, [])
    assert path.read_text() == ""
    assert path.stat().st_mode & 0o777 == 0o600


def test_folders_are_named_after_the_number_and_closed_to_others(tmp_path):
    paths = Paths(tmp_path / "root", folders=("drains",))
    paths.prepare()
    paths.prepare()
    assert paths.root.stat().st_mode & 0o777 == 0o711
    assert {path.name: path.stat().st_mode & 0o777 for path in paths.root.iterdir()} == {
        "apps": 0o700,
        "jobs": 0o700,
        "runs": 0o700,
        "work": 0o700,
        "drains": 0o700,
        "ssh": 0o700,
        ".ssh": 0o700,
    }
    app = App(7, "hello", 0.0, "ada")
    assert paths.repository(app) == paths.root / "apps" / "7" / "repo.git"
    paths.app(app).mkdir()
    paths.remove_app(app)
    paths.remove_app(app)
    assert not paths.app(app).exists()
    assert paths.remove_all()
    assert not paths.root.exists()


def test_a_root_that_is_a_mount_point_is_emptied_and_stays(tmp_path, monkeypatch):
    paths = Paths(tmp_path / "root")
    paths.prepare()
    rmdir = os.rmdir

    def busy(path, **options):
        if str(path) == str(paths.root):
            raise OSError(errno.EBUSY, "Device or resource busy", str(path))
        rmdir(path, **options)

    monkeypatch.setattr(os, "rmdir", busy)
    assert not paths.remove_all()
    # Services that start at the next boot, or when they ended, must not take it for a new instance.
    assert list(paths.root.iterdir()) == [paths.torn_down]
