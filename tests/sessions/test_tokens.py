import sqlite3

import pytest
from web_fakes import Web

from fakes.server import DEPLOYER
from paas.core.errors import disk_full
from paas.store.tokens import Tokens


@pytest.fixture
def web(hello):
    made = Web(hello)
    yield made
    made.close()


def test_a_token_is_shown_once_and_only_its_hash_is_kept(hello):
    added = hello.run("tokens:add ci --role deploy --ttl 90d")
    token = added.out.strip()

    assert token.startswith("paas_")
    assert len(token) == len("paas_") + 48
    assert "not be shown again" in added.err
    rows = sqlite3.connect(hello.root / "paas.db").execute("SELECT * FROM tokens").fetchall()
    assert token not in repr(rows)
    listed = hello.run("tokens:list").out
    assert "ci" in listed and "deploy" in listed and token not in listed


def test_only_administrators_make_tokens(hello):
    refused = hello.run("tokens:add mine --role admin", caller=DEPLOYER)

    assert refused.status == 1
    assert "[forbidden]" in refused.err


def test_a_name_is_taken_once_and_free_after_its_removal(hello):
    hello.run("tokens:add ci")

    assert "[token-exists]" in hello.run("tokens:add ci").err
    assert hello.run("tokens:remove ci").status == 0
    assert "[no-such-token]" in hello.run("tokens:remove ci").err
    assert hello.run("tokens:add ci").status == 0


def test_a_token_gives_its_role_over_http_until_it_expires(web):
    token = web.token("view", ttl="1h")

    assert web.call("whoami", token=token).json == {"name": "view", "role": "view", "via": "http"}
    assert web.server.run("tokens:list --format json").out.count('"used_at": ""') == 0
    web.server.clock.advance(3601)
    expired = web.call("whoami", token=token)
    assert (expired.status_code, expired.json["code"]) == (401, "expired-token")


def test_a_full_disk_shuts_nobody_out(web, monkeypatch):
    token = web.token("view")

    def full(name, now):
        raise disk_full("the database")

    monkeypatch.setattr(web.server.ctx.store.table(Tokens), "used", full)
    assert web.call("whoami", token=token).status_code == 200


@pytest.mark.parametrize("token", ["paas_" + "0" * 48, "nonsense", "paas_", "\xff"])
def test_an_unknown_token_is_nobodys(web, token):
    answer = web.call("apps:list", token=token)

    assert (answer.status_code, answer.json["code"]) == (401, "unknown-token")


def test_a_removed_token_does_not_count_any_more(web):
    token = web.token("admin")
    web.server.run("tokens:remove admin")

    assert web.call("apps:list", token=token).status_code == 401
