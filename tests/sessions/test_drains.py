"""``logs:drain``: adding, listing and removing drains."""

import json

import pytest

from fakes import DEPLOYER, VIEWER
from paas.store.logs import DrainRecords

URL = "https://user:hush@logs.example:8443/token?key=hush"


def test_a_drain_is_added_listed_and_removed(hello):
    shown = "https://********@logs.example:8443/********"
    assert hello.run(f"logs:drain add hello '{URL}'", caller=DEPLOYER) == (
        0,
        "",
        f"-----> Added drain 1 to {shown}\n",
    )
    listed = hello.run("logs:drain list hello --format json").out
    assert json.loads(listed) == [
        {
            "id": 1, "app": "hello", "url": shown, "format": "json", "sent": 0, "queued": 0, "dropped": 0, "gaps": 0,
            "error": "", "error_at": "",
        }
    ]  # fmt: skip
    assert "hush" not in (hello.root / "paas.db").read_bytes().decode("latin-1")
    assert hello.run("logs:drain remove hello 1") == (0, "", f"-----> Removed drain 1 to {shown}\n")
    assert hello.run("logs:drain list").out == ""
    assert "[no-such-drain]" in hello.run("logs:drain remove hello 1").err


def test_the_drain_of_every_app_is_for_administrators(hello):
    assert hello.run("logs:drain add --global syslog+tls://logs.example", caller=DEPLOYER).status == 1
    assert hello.run("logs:drain add --global syslog+tls://logs.example").status == 0
    assert hello.run("logs:drain list").out == "1  (all)  syslog+tls://logs.example  syslog  0  0  0  0\n"
    assert hello.run("logs:drain list", caller=DEPLOYER).out == ""
    assert hello.run("logs:drain remove --global 1", caller=DEPLOYER).status == 1
    assert hello.run("logs:drain list", caller=VIEWER).status == 1


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("add hello ftp://x", "invalid-drain"),
        ("add hello logs.example:514", "invalid-drain"),
        ("add hello https://", "invalid-drain"),
        ("add hello https://x:99999/", "invalid-drain"),
        ("add hello syslog+tcp://x/path", "invalid-drain"),
        ("add hello 'https://x/a b'", "invalid-drain"),
        ("add hello https://x --type syslog", "invalid-drain"),
        ("add hello syslog://x --type json", "invalid-drain"),
        ("add hello http://x --ca-file /etc/passwd", "invalid-value"),
        ("add hello https://x --ca-file /nowhere", "invalid-value"),
        ("add hello", "usage"),
        ("add", "usage"),
        ("send hello https://x", "usage"),
        ("list hello 1", "usage"),
    ],
)
def test_what_is_no_drain_is_refused(hello, line, code):
    result = hello.run(f"logs:drain {line}")
    assert result.status == 2
    assert f"[{code}]" in result.err
    assert hello.ctx.store.table(DrainRecords).all() == []


def test_an_error_does_not_repeat_secrets(hello):
    assert "hush" not in hello.run("logs:drain add hello ftp://user:hush@x/hush").err
