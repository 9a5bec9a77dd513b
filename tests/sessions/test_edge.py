"""What apps have at the edge: each change is served at once, and what makes no sense is refused before it counts."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from fakes import DEPLOYER, VIEWER, Behaviour
from fakes.gates import eventually
from fakes.requests import request_line
from paas.core.edge.rules import AccessRule, Header, Maintenance, RateLimits, Route
from paas.proxies.base import Logs

API = {"Procfile": "web: ./web\n", "paas.yml": "processes: {api: {command: ./web, port: 7000}}\n"}


def deployed(server, *apps):
    """Apps with a web and an api, which listen."""
    server.scheduler.tell("api", Behaviour(port=7000))
    for app in apps:
        server.deployed(app, API)
        assert server.run(f"ps:scale {app} api=1").status == 0


def edge(server, app="hello"):
    return server.proxy.vhost(app).edge


def listed(server, line):
    result = server.run(f"{line} --format json", caller=VIEWER)
    assert result.status == 0, result.err
    return json.loads(result.out)


def fails(result, *words):
    assert result.status != 0
    for word in words:
        assert word in result.err
    assert "internal" not in result.err
    return True


def test_networks_are_allowed_denied_listed_and_removed(hello):
    hello.run("access:deny hello 192.0.2.7", caller=DEPLOYER)
    done = hello.run("access:allow hello 192.0.2.0/24 2001:DB8::/32", caller=DEPLOYER)
    said = "deny 192.0.2.7, allow 192.0.2.0/24, allow 2001:db8::/32"

    assert done == (0, "", f"-----> hello: {said}\n")
    rules = (AccessRule("192.0.2.7", False), AccessRule("192.0.2.0/24", True), AccessRule("2001:db8::/32", True))
    assert edge(hello).rules == rules
    assert listed(hello, "access:list hello")[0] == {"network": "192.0.2.7", "action": "deny"}

    assert fails(hello.run("access:remove hello 192.0.2.0/24 10.0.0.0/8"), "has no rule for 10.0.0.0/8")
    assert edge(hello).rules == rules
    hello.run("access:remove hello 192.0.2.0/24 2001:db8::/32 192.0.2.7")
    assert edge(hello).rules == ()


@pytest.mark.parametrize("network", ["192.0.2.1/24", "a.example", "192.0.2.0/33", "1;2", ""])
def test_what_is_no_network_is_refused(hello, network):
    assert fails(hello.run(["access:allow", "hello", network]), "is not a network", "invalid-network")
    assert fails(hello.run("access:allow hello"), "access:allow APP 192.0.2.0/24")


def test_a_user_gets_in_with_a_password_that_nobody_can_read_again(hello):
    done = hello.run("auth:add hello ada", stdin=b"s3cret word\n", caller=DEPLOYER)

    assert done == (0, "", "-----> hello is protected by a password; ada has access\n")
    user = edge(hello).users[0]
    assert user.name == "ada"
    assert user.hash.reveal().startswith("$6$rounds=1000$")
    assert "s3cret" not in repr(user) + user.hash.reveal()
    assert b"$6$" not in (hello.root / "paas.db").read_bytes()
    assert listed(hello, "auth:list hello") == ["ada"]

    assert fails(hello.run("auth:remove hello bob"), "has no user bob", "It has: ada")
    assert hello.run("auth:remove hello ada").err == "-----> hello: no longer protected by a password\n"
    assert edge(hello).users == ()


@pytest.mark.parametrize(
    ("user", "word", "why"),
    [("a:b", b"x", "is not a user name"), ("ada", b"", "missing password"), ("ada", b"a\x00b", "invalid password")],
)
def test_a_user_or_password_that_cannot_be_is_refused(hello, user, word, why):
    assert fails(hello.run(["auth:add", "hello", user], stdin=word), why)


def test_maintenance_goes_on_with_a_message_and_off_again(hello):
    done = hello.run(["maintenance:on", "--message", "Back at 5 o'clock; {$}", "--allow-ip", "192.0.2.7,::1", "hello"])
    assert done.err == "-----> hello is in maintenance, except for 192.0.2.7, ::1\n"
    assert edge(hello).maintenance == Maintenance("Back at 5 o'clock; {$}", ("192.0.2.7", "::1"))
    report = listed(hello, "maintenance:report hello")
    assert report == {"enabled": "true", "message": "Back at 5 o'clock; {$}", "allow-ip": "192.0.2.7,::1"}

    assert hello.run("maintenance:off hello").err == "-----> hello is served again\n"
    assert edge(hello).maintenance is None
    assert "not in maintenance" in hello.run("maintenance:off hello").err
    assert fails(hello.run(["maintenance:on", "hello", "--message", "a\nb"]), "cannot be shown")
    assert fails(hello.run("maintenance:on hello --allow-ip here"), "is not a network")
    assert fails(hello.run("maintenance:report --global"), "set per app")


def test_headers_are_set_in_place_of_others_and_unset(hello):
    hello.run("headers:set hello X-Robots-Tag noindex", caller=DEPLOYER)
    hello.run(["headers:set", "hello", "x-robots-tag", 'no"ne; $1'])
    assert edge(hello).headers == (Header("x-robots-tag", 'no"ne; $1'),)

    hello.run("nginx:set hello security-headers true")
    hello.run("headers:set hello X-Frame-Options DENY")
    names = [row["header"] for row in listed(hello, "headers:list hello")]
    assert sorted(names) == sorted(
        ["X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "x-robots-tag", "X-Frame-Options"]
    )
    assert Header("X-Frame-Options", "DENY") in edge(hello).headers

    hello.run("headers:unset hello x-robots-tag X-Frame-Options")
    assert Header("X-Frame-Options", "SAMEORIGIN") in edge(hello).headers
    assert fails(hello.run("headers:unset hello X-None"), "has no header X-None")


@pytest.mark.parametrize(
    ("name", "value"),
    [("Connection", "x"), ("X A", "x"), ("X;", "x"), ("X-A", "a\r\nSet-Cookie: b"), ("X-A", "ü"), ("X-A", " ")],
)
def test_a_header_that_cannot_be_sent_is_refused(hello, name, value):
    assert fails(hello.run(["headers:set", "hello", name, value]), "invalid-header")
    assert edge(hello).headers == ()


def test_limits_are_properties(hello):
    for line in ("rate 5r/s", "burst 3", "connections 9"):
        assert hello.run(f"limit:set hello {line}").status == 0

    assert edge(hello).limits == RateLimits(300, 3, 9)
    assert fails(hello.run("limit:set hello rate 5"), "10r/s")


def test_a_path_goes_to_another_process_type(server):
    deployed(server, "shop")
    done = server.run("routes:add --strip shop /api api", caller=DEPLOYER)

    assert done == (0, "", "-----> shop/api goes to api, without the prefix\n")
    (port,) = edge(server, "shop").routes[0].upstreams
    assert edge(server, "shop").routes == (Route("/api", (port,), True),)
    assert port not in server.proxy.vhost("shop").upstreams
    assert listed(server, "routes:list shop") == [{"prefix": "/api", "to": "api", "strip": "true"}]

    server.run("routes:remove shop /api/")
    assert edge(server, "shop").routes == ()


def test_a_path_that_goes_to_another_app_follows_it_through_deploys_and_its_end(server):
    deployed(server, "shop", "blog")
    server.run("routes:add shop /blog blog:")
    before = edge(server, "shop").routes[0].upstreams
    reloads = server.proxy.reloads

    assert server.run("ps:restart blog").status == 0

    after = edge(server, "shop").routes[0].upstreams
    assert after != before
    assert after == server.proxy.vhost("blog").upstreams
    assert server.proxy.reloads == reloads + 1

    server.run("ps:stop blog")
    assert edge(server, "shop").routes[0].upstreams == ()
    server.run("apps:rename blog diary")
    assert listed(server, "routes:list shop")[0]["to"] == "diary:web"
    server.run("apps:destroy --force diary")
    assert edge(server, "shop").routes[0].upstreams == ()
    assert server.run("ps:restart shop").status == 0


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("routes:add hello api worker", "is not a path prefix"),
        ("routes:add hello / worker", "is the app itself"),
        ("routes:add hello /a/../b worker", "is not a path prefix"),
        ("routes:add hello /.well-known/acme-challenge/x worker", "reserved for ACME challenges"),
        ("routes:add hello /api web", "goes to web already"),
        ("routes:add hello /api worker", "accepts no requests"),
        ("routes:add hello /api none", "has no process type none"),
        ("routes:add hello /api gone:web", "gone"),
        ("routes:remove hello /api", "has no route /api"),
    ],
)
def test_a_route_that_leads_nowhere_is_refused(hello, line, why):
    assert fails(hello.run(line), why)
    assert edge(hello).routes == ()


def test_a_prefix_belongs_to_one_thing(server):
    deployed(server, "shop")
    server.run("routes:add shop /api api")
    assert fails(server.run("nginx:set shop cache-paths /img,/api"), "/api is used twice", "prefix-taken")
    assert edge(server, "shop").cache.prefixes == ()


def test_snippets_are_for_admins(hello):
    assert hello.run("snippets:set hello extra", stdin=b"return 204;").status == 0
    assert edge(hello).snippets[0].text == "return 204;"
    assert listed(hello, "snippets:list hello") == ["extra"]
    assert hello.run("snippets:show hello extra").out == "return 204;\n"
    assert "return 204;" in hello.run("nginx:show-config hello").out
    for caller in (VIEWER, DEPLOYER):
        assert "return 204;" not in hello.run("nginx:show-config hello", caller=caller).out
    assert fails(hello.run("snippets:show hello other"), "It has: extra")

    for line in ("snippets:set hello extra", "snippets:remove hello extra", "snippets:show hello extra"):
        assert fails(hello.run(line, caller=DEPLOYER), "admin")

    assert fails(hello.run("snippets:set hello ../x", stdin=b""), "is not a name for a snippet")
    hello.run("snippets:remove hello extra")
    assert edge(hello).snippets == ()


def test_a_snippet_that_names_ports_is_no_obstacle_while_there_are_none(hello, tmp_path):
    tea = b"location /tea { proxy_pass http://127.0.0.1:{{ ports[0] }}; }"
    assert hello.run("snippets:set hello tea", stdin=tea).status == 0
    for line in ("ps:stop hello", "ps:start hello", "ps:scale hello web=0", "apps:clone --skip-deploy hello copy"):
        assert hello.run(line).status == 0, line
    assert hello.run("nginx:set --global gzip false").status == 0
    assert hello.run("domains:add-global x.example").status == 0
    hello.killed(tmp_path / "again").close()


def test_an_app_that_cannot_be_written_down_stops_neither_others_nor_the_start(hello, tmp_path):
    hello.deployed("other")
    hello.run("snippets:set hello odd", stdin=b"return 204;")
    # As an older version may have left it.
    hello.ctx.store.edge.replace(hello.app("other"), "route", {"/x": "api", "/x/": "api"})
    assert fails(hello.run("domains:add-global x.example"), "/x is used twice", "prefix-taken")
    hello.ctx.store.edge.replace(hello.app("other"), "route", {})

    hello.ctx.store.edge.replace(hello.app(), "snippet", {"odd": "{{ nothing }}"})
    assert fails(hello.run("nginx:set --global bind-address-ipv6 ::1"), "the snippet odd of hello", "odd.conf.j2:1")
    assert hello.run("domains:add other www.example.org").status == 0
    again = hello.killed(tmp_path / "again")
    assert again.proxy.vhost("hello").edge.snippets[0].text == "return 204;"
    assert again.proxy.vhost("other").hosts == ("www.example.org", "other.localhost")
    again.close()


@pytest.mark.parametrize("text", ["a {{ 1/0 }}", "{% for i in range(10**6) %}{% endfor %}", "{{ ports + 1 }}", "{% if"])
def test_a_snippet_that_is_no_template_is_refused_with_app_and_line(hello, text):
    assert fails(hello.run("snippets:set hello odd", stdin=f"\n{text}"), "the snippet odd of hello", "odd.conf.j2:2")
    hello.run("apps:create empty")
    assert hello.run("snippets:set empty odd", stdin=b"{% if").status == 2
    assert edge(hello).snippets == ()


def test_a_clone_that_cannot_be_made_leaves_nothing(hello):
    hello.run("headers:set hello X-A 1")
    hello.proxy.refusals.add("copy")
    assert fails(hello.run("apps:clone --skip-deploy hello copy"), "refuses the configuration of copy")
    hello.proxy.refusals.clear()
    assert hello.run("apps:list --quiet").out.split()[0] == "hello"
    assert "copy" not in hello.run("apps:list").out
    assert hello.run("apps:clone --skip-deploy hello copy").status == 0


def test_ports_are_open_on_loopback_unless_somebody_says_public(server):
    deployed(server, "shop")
    done = server.run("ports:add shop tcp:5432 api")
    assert done.err == "-----> tcp 127.0.0.1:5432 goes to api of shop\n"
    done = server.run("ports:add --public shop tcp:5433 api")
    assert "tcp 0.0.0.0:5433" in done.err and "open to every client" in done.err

    rows = [(row["address"], row["port"], row["process"]) for row in listed(server, "ports:list shop")]
    assert rows == [("127.0.0.1", "5432", "api"), ("0.0.0.0", "5433", "api")]
    assert listed(server, "ports:report shop") == {"map": "tcp 127.0.0.1:5432 to api, tcp 0.0.0.0:5433 to api"}
    assert [stream.port for stream in edge(server, "shop").streams] == [5432, 5433]

    server.run("ports:remove shop tcp:5432")
    assert [stream.port for stream in edge(server, "shop").streams] == [5433]
    assert fails(server.run("ports:remove shop tcp:5432"), "has no tcp port 5432")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("--public blog tcp:5432 api", "It belongs to shop, as tcp 127.0.0.1:5432"),
        ("--address ::1 blog tcp:8080 api", "The server itself listens there"),
        ("--public blog tcp:20500 api", "are reserved for containers"),
        ("blog tcp:70000 api", "from 1 to 65535"),
        ("blog sctp:5 api", "tcp:5432 or udp:53"),
        ("blog tcp:5433 none", "has no process type none"),
        ("blog udp:5433 api", "listens on no udp port"),
        ("--public --address ::1 blog tcp:5433 api", "exclude each other"),
        ("--address here blog tcp:5433 api", "an IP address"),
    ],
)
def test_a_port_that_is_taken_or_makes_no_sense_is_refused(server, line, why):
    deployed(server, "shop", "blog")
    server.run("ports:add shop tcp:5432 api")
    assert fails(server.run(f"ports:add {line}"), why)
    assert edge(server, "blog").streams == ()


@pytest.mark.parametrize(
    ("port", "fix"),
    [
        ("http:80:5000", "processes.web.port"),
        ("https:443:5000", "letsencrypt:enable"),
    ],
)
@pytest.mark.parametrize("process", ["", " web"])
def test_a_scheme_of_the_web_is_answered_with_what_does_the_same(server, port, fix, process):
    deployed(server, "shop")
    assert fails(server.run(f"ports:add shop {port}{process}"), fix)
    assert edge(server, "shop").streams == ()


@pytest.mark.parametrize("port", ["grpc:80:50051", "grpcs:443:50051", "grpc:50051"])
def test_grpc_as_a_scheme_of_ports(server, port):
    deployed(server, "shop")
    done = server.run(f"ports:add shop {port}")
    assert (done.status, "port 50051 after the next deploy" in done.err) == (0, True)
    assert not server.proxy.vhost("shop").grpc
    assert server.run("ps:rebuild shop").status == 0

    assert server.proxy.vhost("shop").grpc
    web = server.ctx.store.releases.current(server.app("shop")).process("web")
    assert (web.protocol, web.port) == ("grpc", 50051)
    assert "50051" in server.run("ports:list shop").out
    assert "grpc to web:50051" in server.run("ports:report shop").out

    assert fails(server.run("ports:remove shop grpc:80:50052"), "no grpc port 50052")
    assert server.run(f"ports:remove shop {port}").status == 0
    assert server.run("ps:rebuild shop").status == 0
    assert not server.proxy.vhost("shop").grpc
    assert server.run("releases:rollback shop").status == 0
    assert server.proxy.vhost("shop").grpc


@pytest.mark.parametrize("words", ["grpc:80:50051 api", "grpc:80:50051 --public", "grpc:80:0", "grpc:", "tcp:5432"])
def test_ports_that_make_no_sense(server, words):
    deployed(server, "shop")
    assert server.run(f"ports:add shop {words}").status != 0
    assert server.run("ports:list shop --format json").out.strip() == "[]"


def test_ports_need_an_admin_and_the_module(server):
    deployed(server, "shop")
    assert fails(server.run("ports:add shop tcp:5432 api", caller=DEPLOYER), "admin")
    server.proxy.modules.clear()
    assert fails(server.run("ports:add shop tcp:5432 api"), "libnginx-mod-stream")
    assert fails(server.run("nginx:set shop brotli true"), "libnginx-mod-http-brotli-filter")
    assert server.run("nginx:set shop brotli false").status == 0


def test_what_nginx_refuses_is_as_it_was_before(hello):
    hello.run("access:allow hello 192.0.2.0/24")
    hello.proxy.refusals.add("hello")

    for line in ("access:deny hello 10.0.0.0/8", "maintenance:on hello", "nginx:set hello gzip false"):
        assert fails(hello.run(line), "nginx refuses the configuration of hello")
    assert fails(hello.run("nginx:set --global gzip false"), "of hello")

    hello.proxy.refusals.clear()
    assert hello.run("domains:add hello www.example.org").status == 0
    assert edge(hello).rules == (AccessRule("192.0.2.0/24", True),)
    assert edge(hello).maintenance is None
    assert hello.proxy.vhost("hello").options.gzip


def test_server_wide_properties_reach_the_server_alone(hello):
    hello.run("nginx:set --global client-header-timeout 7s")
    hello.run("nginx:set --global underscore-in-headers true")
    hello.run("nginx:set --global bind-address-ipv6 ::1")

    options = hello.proxy.options
    assert (options.client_header_timeout, options.underscores_in_headers, options.listen_ipv6) == (7, True, "::1")
    assert fails(hello.run("nginx:set hello client-header-timeout 7s"), "applies to the whole server")
    assert fails(hello.run("nginx:set --global bind-address-ipv6 127.0.0.1"), "IPv6")


@pytest.mark.parametrize(
    "value",
    [
        *("gzip maybe", "proxy-buffers 8", "proxy-buffers '0 4k'", "proxy-buffer-size 2m", "keepalive-timeout ever"),
        *("access-log-path /etc/passwd", "x-forwarded-for-value $http_cookie", "proxy-keepalive 1e3"),
        *("cache-paths assets", "cache-paths /a;b", "cache-for 0s", "send-timeout 1y", "x-forwarded-port-value 70000"),
    ],
)
def test_each_wrong_value_is_refused_with_its_rule(hello, value):
    assert fails(hello.run(f"nginx:set hello {value}"), "is not a value for it", "invalid-value")


SITE = {
    "Procfile": "web: ./web\n",
    "paas.yml": "edge: {static: {/assets/: public/assets}, error_pages: public/errors}\n",
}


def tar(**files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"top/{name}")
            entry.size, entry.mtime = len(text), 1_700_000_000
            archive.addfile(entry, io.BytesIO(text))
        for name, kind in (("link", tarfile.SYMTYPE), ("../../up", tarfile.REGTYPE), ("pipe", tarfile.FIFOTYPE)):
            entry = tarfile.TarInfo(f"top/{name}")
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
    return data.getvalue()


@pytest.fixture
def site(server):
    server.scheduler.folders["public/assets"] = tar(**{"js/app.js": b"let a", ".env": b"secret"})
    server.scheduler.folders["public/errors"] = tar(**{"502.html": b"<p>", "readme.html": b"", "999.html": b""})
    server.deployed("site", SITE)
    return server


def test_files_of_a_release_are_served_from_a_folder_of_its_own(site):
    files = edge(site, "site").files
    root = Path(files.root)
    assert (files.prefixes, files.pages) == (("/assets",), (502,))
    found = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    assert found == [".errors/502.html", ".errors/999.html", ".errors/readme.html", "assets/js/app.js"]
    assert (root / "assets/js/app.js").stat().st_mtime == 1_700_000_000

    site.scheduler.folders["public/assets"] = tar(**{"js/app.js": b"let b"})
    site.run("config:set site A=b")
    after = Path(edge(site, "site").files.root)
    assert after != root
    assert ((after / "assets/js/app.js").read_text(), (root / "assets/js/app.js").read_text()) == ("let b", "let a")

    site.run("releases:rollback site")
    assert edge(site, "site").files.prefixes == ("/assets",)
    for number in range(5):
        site.run(f"config:set site A={number}")
    assert not root.exists()
    site.run("apps:destroy --force site")
    assert not list((site.root / "static").iterdir())


def test_a_deploy_without_one_of_its_folders_fails_and_leaves_what_serves(site):
    before = edge(site, "site")
    del site.scheduler.folders["public/errors"]
    assert fails(site.run("config:set site A=b"), "has no folder public/errors")
    assert edge(site, "site") == before
    assert Path(before.files.root).exists()
    assert len(list(Path(before.files.root).parent.iterdir())) == 1


def test_a_clone_has_the_edge_of_its_model_but_not_its_ports(server):
    deployed(server, "shop")
    server.run("headers:set shop X-A b")
    server.run("ports:add shop tcp:5432 api")
    assert server.run("apps:clone shop copy").status == 0

    assert edge(server, "copy").headers == (Header("X-A", "b"),)
    assert edge(server, "copy").streams == ()


def test_the_configuration_is_shown_and_checked(hello):
    assert hello.run("nginx:show-config hello", caller=VIEWER).out == "# 1\n"
    assert hello.run("nginx:show-config --global").out == "# server\n"
    done = hello.run("nginx:validate-config hello", caller=VIEWER)
    assert done == (0, "", "-----> the nginx configuration is valid\n")

    hello.proxy.validity = (1, "nginx: [emerg] no\n")
    result = hello.run("nginx:validate-config")
    assert (result.status, result.err) == (1, " !     nginx: [emerg] no\n-----> the nginx configuration is invalid\n")


LINE = {
    "msec": "1772600767.000",
    "client": "192.0.2.7",
    "method": "GET",
    "path": '/a?b="c"',
    "protocol": "HTTP/1.1",
    "status": "200",
    "bytes": 12,
    "referrer": "",
    "agent": "curl\x1b[2J",
}
COMBINED = '192.0.2.7 - - [04/Mar/2026:05:06:07 +0000] "GET /a?b=\\"c\\" HTTP/1.1" 200 12 "-" "curl?[2J"\n'


@pytest.fixture
def logs(hello, tmp_path):
    hello.proxy.log_files = found = Logs(tmp_path / "access.log", tmp_path / "error.log")
    rows = [LINE, {**LINE, "app": "other", "app_id": "2"}, {**LINE, "path": "/2"}]
    found.access.write_text("".join(request_line(**row) for row in rows))
    errors = ["one, client: 192.0.2.7, server: hello.localhost, request: x", 'two, host: "other.localhost:8080"']
    found.errors.write_text("\n".join([*errors, 'three, host: "hello.localhost:8080"']) + "\n")
    return found


def test_the_requests_of_one_app_are_shown_as_people_know_them(hello, logs):
    assert hello.run("nginx:access-logs hello", caller=VIEWER).out == COMBINED + COMBINED.replace('/a?b=\\"c\\"', "/2")
    assert hello.run("nginx:access-logs -n 1 hello").out == COMBINED.replace('/a?b=\\"c\\"', "/2")

    hello.run("nginx:set hello access-log-format json")
    assert json.loads(hello.run("nginx:access-logs -n 1 hello").out)["path"] == "/2"


def test_the_complaints_of_nginx_about_one_app_are_shown(hello, logs):
    words = [line.partition(",")[0] for line in hello.run("nginx:error-logs hello").out.splitlines()]
    assert words == ["one", "three"]


def test_a_log_is_followed_also_into_the_next_file(hello, logs, monkeypatch):
    monkeypatch.setattr("paas.edge.logs.LOOK_SECONDS", 0.01)
    session = hello.begin("nginx:access-logs -t -n 0 hello")
    line = request_line(**LINE)

    def written():
        # Only what comes after the session has begun is shown, and nothing says when that is.
        with logs.access.open("a") as file:
            file.write(line)
        return session.out

    eventually(written, "a line")
    logs.access.rename(logs.access.with_suffix(".1"))
    logs.access.write_text(request_line(**{**LINE, "path": "/next"}))
    eventually(lambda: "/next" in session.out, "the line of the next file")
    session.hang_up()
    session.wait()
