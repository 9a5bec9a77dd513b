"""``ssh-keys:*``: who may log in."""

import base64
import json
import threading

import pytest

from fakes import DEPLOYER
from paas.access import authorized_keys, keys, public_keys
from paas.core.access.caller import Access, Caller
from paas.jobs.locks import Announcements

NAMED = "ssh-keys:remove takes a name, or --fingerprint SHA256:… [usage]"


def key(letter, comment="me@example.org"):
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0 " + letter.encode() * 32
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} {comment}".strip()


def fingerprint(letter):
    return public_keys.parse(key(letter)).fingerprint


def test_a_key_is_added_listed_and_removed(server):
    added = server.run("ssh-keys:add alice", stdin=key("a") + "\n")
    assert added == (0, "", f"-----> Added alice ({fingerprint('a')}) with the role deploy\n")
    listed = f"alice  deploy  {fingerprint('a')}  ssh-ed25519  me@example.org  2026-01-01T00:00:00Z\n"
    assert server.run("ssh-keys:list") == (0, listed, "")
    assert server.run("ssh-keys:list alice").out == listed
    assert server.run("ssh-keys:list bob").out == ""
    assert json.loads(server.run("ssh-keys:list --format json").out) == [
        {
            "name": "alice",
            "role": "deploy",
            "fingerprint": fingerprint("a"),
            "type": "ssh-ed25519",
            "comment": "me@example.org",
            "created_at": "2026-01-01T00:00:00Z",
        }
    ]
    removed = server.run("ssh-keys:remove alice")
    assert removed == (0, "", f"-----> Removed alice ({fingerprint('a')})\n")
    assert server.run("ssh-keys:list") == (0, "", "")


def test_whoever_holds_its_connections_is_told_of_a_removed_key_and_token(server):
    told = []
    server.ctx.part(Announcements).listen(told.append)
    server.run("ssh-keys:add alice", stdin=key("a"))
    server.run("ssh-keys:remove alice")
    server.run("tokens:add ci")
    server.run("tokens:remove ci")
    assert [(news.fingerprint, news.token) for news in told] == [(fingerprint("a"), ""), ("", "ci")]
    alice = Caller("alice", Access.VIEW, "ssh", fingerprint=fingerprint("a"))
    ci, named_alike = Caller("ci", Access.VIEW, "http"), Caller("ci", Access.VIEW, "ssh", fingerprint="SHA256:x")
    concerned = [[news.concerns(caller) for caller in (alice, ci, named_alike, None)] for news in told]
    assert concerned == [[True, False, False, False], [False, True, False, False]]
    assert all(news.spared is not None for news in told)


@pytest.mark.parametrize("role", ["view", "deploy", "admin"])
def test_a_key_has_a_role(server, role):
    server.run(f"ssh-keys:add bob --role {role}", stdin=key("b"))
    caller = keys.caller(server.ctx, fingerprint("b"))
    assert (caller.name, caller.access, caller.via) == ("bob", Access[role.upper()], "ssh")
    assert keys.caller(server.ctx, fingerprint("a")) is None


def test_the_host_s_own_ssh_gets_every_key_bound_to_one_command(server):
    server.run("ssh-keys:add alice", stdin=key("a"))
    server.run("ssh-keys:add bob", stdin=key("b", comment=""))
    path = server.root / ".ssh" / "authorized_keys"
    first, second = path.read_text().splitlines()
    assert first.startswith('command="')
    assert f'/paas --root {server.root} shell --key {fingerprint("a")}",restrict,pty ssh-ed25519 AAAA' in first
    assert second.endswith(" bob")
    assert path.stat().st_mode & 0o777 == 0o600
    server.run("ssh-keys:remove alice")
    assert path.read_text().splitlines() == [second]


def test_of_two_keys_that_are_added_at_once_both_get_in(server, monkeypatch):
    write, lock, others = authorized_keys.write, server.ctx.store._database._lock, []

    def overtaken(path, there):
        if not others:
            others.append(threading.Thread(target=server.run, args=("ssh-keys:add bob",), kwargs={"stdin": key("b")}))
            others[0].start()
            if not lock._is_owned():
                # Nothing keeps the other one from being through before.
                others[0].join(60)
        write(path, there)

    monkeypatch.setattr(authorized_keys, "write", overtaken)
    server.run("ssh-keys:add alice", stdin=key("a"))
    others[0].join(60)
    lines = (server.root / ".ssh" / "authorized_keys").read_text().splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == ["alice", "bob"]


@pytest.mark.parametrize(
    ("line", "stdin", "complaint"),
    [
        ("ssh-keys:add", "", "ssh-keys:add: NAME is missing"),
        ("ssh-keys:add alice", "", "No public key was given"),
        ("ssh-keys:add alice", "ssh-ed25519 AAAA", "The public key is damaged"),
        ("ssh-keys:add alice", b"\xff", "the input is not UTF-8 text"),
        ("ssh-keys:add 'a b'", key("a"), "'a b' is not a name for a key"),
        ("ssh-keys:add alice --role root", key("a"), "'root' is not a role"),
        ("ssh-keys:add alice --role", key("a"), "--role needs a value"),
        ("ssh-keys:remove", "", NAMED),
        ("ssh-keys:remove a --fingerprint SHA256:b", "", NAMED),
    ],
)
def test_what_is_no_key_is_refused(server, line, stdin, complaint):
    result = server.run(line, stdin=stdin)
    assert (result.status, result.err.splitlines()[0]) == (2, f" !     {complaint}")
    assert server.run("ssh-keys:list").out == ""


def test_names_and_keys_are_there_once(server):
    server.run("ssh-keys:add alice", stdin=key("a"))
    assert server.run("ssh-keys:add other", stdin=key("a")) == (
        1,
        "",
        " !     this key is there already, as 'alice' [key-exists]\n",
    )
    assert server.run("ssh-keys:add alice", stdin=key("b")) == (
        1,
        "",
        " !     there is a key 'alice' already\n"
        " !     Choose another name, or run 'ssh-keys:remove alice' first. [key-exists]\n",
    )


def test_a_key_is_removed_by_its_fingerprint(server):
    server.run("ssh-keys:add alice", stdin=key("a"))
    assert server.run(f"ssh-keys:remove --fingerprint {fingerprint('a')}").status == 0
    assert server.run("ssh-keys:remove alice") == (
        1,
        "",
        " !     there is no key 'alice'\n !     'ssh-keys:list' lists them. [no-such-key]\n",
    )


@pytest.mark.parametrize("line", ["ssh-keys:add eve --role admin", "ssh-keys:list", "ssh-keys:remove alice"])
def test_keys_are_for_administrators(server, line):
    result = server.run(line, stdin=key("e"), caller=DEPLOYER)
    assert (result.status, result.out) == (1, "")
    assert "It needs the role admin; this key has deploy." in result.err
    assert server.run("ssh-keys:list").out == ""


def test_a_file_is_given_on_standard_input(server):
    assert server.run("ssh-keys:add me key.pub") == (
        2,
        "",
        " !     ssh-keys:add reads standard input\n !     Run: ssh-keys:add me < FILE [usage]\n",
    )
    assert server.run("ssh-keys:list").out == ""
