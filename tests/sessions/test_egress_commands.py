"""Where the server connects on behalf of others: what is refused, by which command, and what an administrator opens."""

from __future__ import annotations

import json

import pytest

from fakes import DEPLOYER

INSIDE = "169.254.169.254"


@pytest.mark.parametrize(
    "line",
    [
        f"logs:drain add hello http://{INSIDE}/latest",
        f"logs:drain add hello syslog+tcp://{INSIDE}:22",
        "logs:drain add hello https://localhost/logs",
        "logs:drain add hello https://inside.example.org/logs",
        "logs:drain add hello http://[::ffff:10.0.0.1]/logs",
        f"git:sync hello https://{INSIDE}/x.git",
        "git:sync hello git://inside.example.org/x.git",
        f"git:from-archive hello https://{INSIDE}/x.tar",
        f"git:from-image hello {INSIDE}:5000/x:1",
        "git:from-image hello localhost:5000/x:1",
        f"buildpacks:add hello https://{INSIDE}/x.git",
        "registry:login hello inside.example.org me secret",
    ],
)
def test_what_leads_into_the_servers_own_network_is_refused(hello, line):
    hello.remotes.hosts["inside.example.org"] = ["10.1.2.3"]
    refused = hello.run(line, caller=DEPLOYER)
    assert "[egress-refused]" in refused.err
    assert refused.status == 1
    assert hello.run("logs:drain list").out == ""


def test_a_registry_inside_is_not_pushed_to(hello):
    hello.remotes.hosts["inside.example.org"] = ["10.1.2.3"]
    hello.run("registry:set hello server inside.example.org")
    hello.run("registry:set hello push-on-release true")
    assert "[egress-refused]" in hello.run("ps:rebuild hello").err


def test_an_administrator_opens_networks_and_closes_them(hello):
    add = f"logs:drain add hello http://{INSIDE}/latest"
    assert "need" in hello.run(f"settings:set egress-allow {INSIDE}/32", caller=DEPLOYER).err
    assert hello.run(f"settings:set egress-allow 10.1.0.0/16,{INSIDE}/32").status == 0
    assert hello.run(add, caller=DEPLOYER).status == 0
    [row] = json.loads(hello.run("logs:drain list --format json").out)
    assert INSIDE in row["url"]
    assert hello.run("settings:set egress-allow").status == 0
    assert "[egress-refused]" in hello.run(add, caller=DEPLOYER).err


def test_a_name_that_does_not_resolve_now_may_be_a_drain_later(hello):
    hello.remotes.hosts["later.example.org"] = []
    assert hello.run("logs:drain add hello https://later.example.org/logs").status == 0


def test_files_of_the_server_are_named_by_admins_alone(hello, tmp_path):
    (tmp_path / "ca.pem").write_text("x")
    for path in (tmp_path / "ca.pem", "/etc/shadow", "/nowhere"):
        refused = hello.run(f"logs:drain add hello https://logs.example.org --ca-file {path}", caller=DEPLOYER)
        assert "--ca-file names a file on the server and needs the role admin" in refused.err
    assert hello.run(f"logs:drain add hello https://logs.example.org --ca-file {tmp_path / 'ca.pem'}").status == 0
