"""HTTPS in nginx's files: what is written for each build of nginx, and the files with keys beside them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from paas.core.edge.address import local
from paas.core.edge.redirects import Redirect
from paas.core.edge.rules import Edge, Stream
from paas.core.edge.server_options import ServerOptions
from paas.core.edge.tls import Credential, Tls
from paas.core.edge.vhost import Vhost, VhostState
from paas.core.errors import InvalidValue
from paas.core.secret import Secret
from paas.proxies.nginx.host import NginxBuild, build, resolvers
from paas.proxies.nginx.modules import Modules
from paas.proxies.nginx.text import General, Secure, Templates
from paas.proxies.nginx.tree import CERTIFICATES, Tree

LISTEN = "127.0.0.1:8080"
OLD = Secure("127.0.0.1:8443", Path("/srv/nginx/certificates"))
NEW = Secure("0.0.0.0:443", Path("/srv/nginx/certificates"), http2_by_listen=False, http3=True)
OWN = Credential("CHAIN", Secret("KEY"), ("a.example",))
APP = Vhost(
    "my-app",
    "12",
    ("a.example", "b.example", "_"),
    local(20_001),
    tls=Tls((OWN,), hsts="max-age=60", thumbprint="thumb_print"),
    redirects=(Redirect("www.a.example", "a.example"), Redirect("old.example", "https://b.example/x", 308)),
)
TEMPLATES = Templates()


def _main(secure: Secure | None) -> str:
    return TEMPLATES.main(
        General(
            prefix=Path("/srv/nginx"),
            listen=LISTEN,
            status_socket=Path("/srv/nginx/run/status.sock"),
            user="",
            group="",
            open_files=20_000,
            drain_seconds=60,
            secure=secure,
            resolvers=("192.0.2.53", "[2001:db8::53]"),
        )
    )


def _blocks(text: str) -> list[str]:
    return text.split("\nserver {\n")[1:]


def test_each_host_has_its_doors() -> None:
    plain, upgraded, secured, www, old = _blocks(TEMPLATES.app(APP, LISTEN, secure=OLD))
    assert "server_name b.example ~.;" in plain
    assert "proxy_pass" in plain
    assert "server_name a.example;" in upgraded
    assert "return 301 https://$host:8443$request_uri;" in upgraded
    assert "listen 127.0.0.1:8443 ssl http2;" in secured
    assert f'ssl_certificate_key "/srv/nginx/certificates/{OWN.name}.pem";' in secured
    assert 'set $hsts "max-age=60";' in secured
    assert "return 301 https://a.example:8443$request_uri;" in www
    assert "return 308 https://b.example/x$request_uri;" in old
    challenges = [block for block in (plain, upgraded, secured, www, old) if "acme-challenge" in block]
    assert challenges == [plain, upgraded, www, old]
    assert "return 200 $acme_token.thumb_print;" in plain


def test_hosts_without_a_certificate_are_refused_by_name() -> None:
    files = TEMPLATES.bundle(APP, LISTEN, Modules(), ServerOptions(), OLD)
    assert files["apps/12.refused"].splitlines()[1] == "server_name b.example www.a.example old.example;"
    assert "apps/12.unserved" not in files
    assert "apps/12.refused" not in TEMPLATES.bundle(APP, LISTEN, Modules(), ServerOptions(), None)
    secured = replace(APP, hosts=("a.example", "_"), redirects=())
    assert "apps/12.refused" not in TEMPLATES.bundle(secured, LISTEN, Modules(), ServerOptions(), OLD)
    disabled = replace(APP, hosts=(), redirects=(), unserved=("a.example", "_"))
    files = TEMPLATES.bundle(disabled, LISTEN, Modules(), ServerOptions(), NEW)
    assert files["apps/12.refused"] == files["apps/12.unserved"]
    for main in (_main(OLD), _main(NEW)):
        assert main.count("include apps/*.refused;") == main.count("include apps/*.unserved;") == 1
    assert "ssl" not in _main(None)


def test_datagrams_hold_no_connection_for_long() -> None:
    streams = tuple(Stream(kind, "0.0.0.0", 53, local(20_005)) for kind in ("tcp", "udp"))
    vhost = Vhost("dns", "13", (), (), VhostState.EMPTY, edge=Edge(streams=streams))
    text = TEMPLATES.bundle(vhost, LISTEN, Modules(), ServerOptions())["apps/13.stream"]
    assert [block.count("proxy_timeout 30s;") for block in _blocks(text)] == [0, 1]


def test_the_port_of_the_scheme_is_left_out() -> None:
    assert "return 301 https://$host$request_uri;" in TEMPLATES.app(APP, "0.0.0.0:80", secure=NEW)
    unsecured = Vhost("a", "1", ("a.example",), local(1), redirects=(Redirect("b.example", "a.example"),))
    assert "return 301 http://a.example$request_uri;" in TEMPLATES.app(unsecured, "0.0.0.0:80", secure=NEW)
    assert "return 301 http://a.example:8080$request_uri;" in TEMPLATES.app(unsecured, LISTEN, secure=OLD)


def test_what_this_nginx_can_do_is_used() -> None:
    for text in (_main(OLD), TEMPLATES.app(APP, LISTEN, secure=OLD)):
        assert "quic" not in text
        assert "http2 on;" not in text
    assert "listen 0.0.0.0:443 quic default_server reuseport;" in _main(NEW)
    assert """on 'h3=":443"; ma=86400';""" in _main(NEW)
    text = TEMPLATES.app(APP, LISTEN, secure=NEW)
    assert "listen 0.0.0.0:443 quic;" in text
    assert "http2 on;" in text
    assert "ssl_reject_handshake on;" in _main(NEW)
    assert "resolver 192.0.2.53 [2001:db8::53] valid=300s;" in _main(NEW)


def test_without_a_port_for_https_there_is_none() -> None:
    assert "ssl" not in _main(None)
    assert "ssl" not in TEMPLATES.app(APP, LISTEN)


@pytest.mark.parametrize("value", ["max-age=1;\n}", 'max-age="1"', "max-age=1; other", "$host"])
def test_what_could_end_a_parameter_is_refused(value: str) -> None:
    with pytest.raises(InvalidValue):
        Tls(hsts=value)
    with pytest.raises(InvalidValue):
        Tls(thumbprint=value)


def test_the_build_of_nginx_is_read() -> None:
    new = "nginx version: nginx/1.26.3 (Debian)\nconfigure arguments: --with-http_v2_module --with-http_v3_module\n"
    assert build(new) == NginxBuild((1, 26, 3), http3=True)
    assert not build(new).http2_by_listen
    old = build("nginx version: nginx/1.22.1\nconfigure arguments: --with-http_ssl_module --with-http_v2_module\n")
    assert old.http2_by_listen and not old.http3


def test_name_servers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("# nameserver 192.0.2.9\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\nnameserver 2001:db8::1\n"
                    "nameserver\nnameserver six\nsearch example.org\n")  # fmt: skip
    assert resolvers(path) == ("192.0.2.53", "[2001:db8::1]")
    assert resolvers(tmp_path / "none") == ()


@pytest.mark.parametrize("damage", ["", "CHAIN", "CHAIN KEY and more", None])
def test_a_file_with_a_key_is_written_again_only_where_it_is_damaged(tmp_path: Path, damage: str | None) -> None:
    tree, path = Tree(tmp_path), tmp_path / CERTIFICATES / "abc.pem"
    tree.prepare()
    tree.keep("abc.pem", Secret("CHAIN KEY"))
    before = path.stat().st_ino
    if damage is not None:
        path.write_text(damage)
    tree.keep("abc.pem", Secret("CHAIN KEY"))
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("CHAIN KEY", 0o600)
    assert (path.stat().st_ino == before) is (damage is None)
