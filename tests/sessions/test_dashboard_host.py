"""The host of the dashboard: the server's own, which no app gets, with a certificate like that of an app."""

import json
import re

import pytest

from fakes import Server
from paas.core.certs.acme import PRODUCTION
from paas.core.certs.certificate import CertificateSource
from paas.core.edge.vhost import Vhost
from paas.core.errors import PaasError
from paas.core.problem import details
from paas.edge import dashboard
from paas.proxies.nginx.modules import Modules
from paas.proxies.nginx.text import Secure, Templates
from paas.server import reconcile

HOST = "paas.example.org"
PROBLEM = re.compile(r"^    (default|\d+) '({.*})';$", re.MULTILINE)


@pytest.fixture
def public(tmp_path):
    """A server with a domain of its own."""
    made = Server(tmp_path / "root", {"domain": "example.org"})
    yield made
    made.close()


def hosts(server):
    vhost = server.proxy.served.get(dashboard.KEY)
    return vhost.hosts if vhost else ()


def test_it_is_below_the_first_global_domain(public):
    assert hosts(public) == (HOST,)
    public.run("domains:set-global other.org")
    assert hosts(public) == ("paas.other.org",)


def test_clients_that_send_slowly_hold_none_of_its_threads(public):
    served = public.proxy.served[dashboard.KEY]
    text = Templates().app(served, "127.0.0.1:8080")
    assert served.options.proxy_request_buffering
    assert "    client_max_body_size 4194304;" in text


def test_a_call_may_take_as_long_as_a_build_and_slow_readers_hold_no_thread(public):
    served = public.proxy.served[dashboard.KEY]
    text = Templates().app(served, "127.0.0.1:8080")
    assert "    proxy_read_timeout 3600s;" in text
    assert served.options.proxy_buffering
    assert text.count("        proxy_max_temp_file_size 64m;") == 2


def test_what_nginx_itself_answers_is_a_problem_document_for_programs(public):
    text = Templates().app(public.proxy.served[dashboard.KEY], "127.0.0.1:8080")
    problems = {status: json.loads(body) for status, body in PROBLEM.findall(text)}
    usual = details(PaasError("x"))

    assert problems.keys() == {"default", "400", "405", "413", "502", "504"}
    for status, parts in problems.items():
        assert parts.keys() == usual.keys()
        assert str(parts["status"]) == status.replace("default", "500")
        assert (parts["title"], parts["detail"]) == (parts["what"], parts["why"])
    api = text.partition("location /api/ {")[2].partition("}")[0]
    assert re.search(r"error_page (\d+ )*413 (\d+ )*502 503 504 @problem;", api)
    assert "The app " not in text


def test_an_app_has_none_of_that(public):
    public.run("apps:create shop")
    public.quiet()
    assert "dashboard" not in Templates().app(public.proxy.vhost("shop"), "127.0.0.1:8080")


def test_a_setting_moves_it_or_turns_it_off(public):
    assert "http://dash.example.net:8080" in public.run("settings:set dashboard-domain dash.example.net").err
    assert hosts(public) == ("dash.example.net",)
    public.run("settings:set dashboard-domain none")
    assert (hosts(public), dashboard.wanted(public.ctx)) == ((), False)
    assert "[invalid-value]" in public.run("settings:set dashboard-domain 'no host'").err


@pytest.mark.parametrize(
    "line", ["apps:create paas", f"apps:create {HOST}", f"domains:add shop {HOST}", "apps:rename shop paas",
             f"redirect:add shop {HOST} shop.example.org", "apps:clone shop paas"]
)  # fmt: skip
def test_no_app_takes_it(public, line):
    public.run("apps:create shop")

    refused = public.run(line)
    assert refused.status != 0
    assert "belongs to the dashboard" in refused.err
    assert "[domain-taken]" in refused.err
    assert hosts(public) == (HOST,)


def test_an_app_that_has_had_the_host_since_before_keeps_it(public):
    public.run("settings:set dashboard-domain none")
    public.run("apps:create paas")
    assert "belongs to the app 'paas'" in public.run("settings:set dashboard-domain ''").err
    assert public.ctx.settings.value("dashboard-domain") == "none"
    # As after an update from a version without a dashboard.
    public.ctx.settings.set("dashboard-domain", "")
    reconcile.settle(public.ctx)

    assert hosts(public) == ()
    assert public.proxy.vhost("paas").hosts == (HOST,)


def test_it_gets_a_certificate_by_itself(public):
    public.run("letsencrypt:set --global email ops@example.org")
    public.issue()

    assert (PRODUCTION, HOST) in public.acme.orders
    credentials = public.proxy.served[dashboard.KEY].tls.credentials
    assert [one.trusted for one in credentials] == [True]
    assert [one.source for one in public.ctx.store.certificates.of(None)] == [CertificateSource.ACME]
    assert any(door.upgrades for door in public.proxy.served[dashboard.KEY].doors)
    assert dashboard.url(public.ctx) == f"https://{HOST}:8443"
    listed = json.loads(public.run("letsencrypt:list --format json").out)
    assert [(one["app"], one["host"], one["state"]) for one in listed] == [("paas_dashboard", HOST, "valid")]


def test_what_nginx_gets_passes_requests_to_the_socket_and_is_the_same_each_time():
    vhost = Vhost(app=dashboard.NAME, key=dashboard.KEY, hosts=(HOST,), socket="/srv/paas data/web/web.sock")
    secure = Secure("0.0.0.0:443", None)
    texts = [Templates().app(vhost, "0.0.0.0:80", Modules(), secure=secure) for _ in range(2)]

    assert texts[0] == texts[1]
    assert 'server "unix:/srv/paas data/web/web.sock" max_fails=0;' in texts[0]
    assert "proxy_pass http://app-dashboard;" in texts[0]


def test_the_dashboard_stays_where_it_is_when_moving_it_fails_for_an_app(public):
    public.run("apps:create other")
    public.quiet()
    before = public.proxy.vhost("paas_dashboard").hosts
    public.proxy.refusals.add("other")
    assert public.run("settings:set dashboard-domain dash.example.net").status == 1
    assert public.proxy.vhost("paas_dashboard").hosts == before
