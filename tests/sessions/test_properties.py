"""``<namespace>:set`` and ``<namespace>:report``, the same for each namespace that has properties."""

import itertools
import json

import pytest

from fakes import DEPLOYER, VIEWER
from paas.core import properties
from paas.core.properties import Scope
from paas.dispatch import features
from paas.dispatch.property_commands import SETTERS

features.load()

SAMPLES = {
    "letsencrypt email": "ops@example.org",
    "letsencrypt server": "staging",
    "letsencrypt server-ca-file": "/etc/ssl/own.pem",
    "scheduler selected": "docker-local",
    "letsencrypt staging-server": "https://ca.example.org/directory",
    "nginx hsts-max-age": "300",
}
"""A value for each property of a kind that no other has."""

NAMESPACES = [
    *("app-json", "apps", "builder", "builder-dockerfile", "buildpacks", "checks", "cron", "deploy", "git"),
    *("letsencrypt", "limit", "logs", "nginx", "ps", "registry", "run", "scheduler"),
]


def test_the_namespaces_are_known_here():
    assert properties.namespaces() == NAMESPACES


OTHER = {
    "deploy grpc-port": "50051",
    "deploy phase-timeout": "3h",
    "limit burst": "7",
    "limit connections": "9",
    "limit rate": "10r/s",
    "nginx access-log-format": "json",
    "nginx access-log-path": "off",
    "nginx bind-address-ipv6": "::1",
    "nginx cache-for": "2h",
    "nginx cache-paths": "/assets,/favicon.ico",
    "nginx client-header-timeout": "10s",
    "nginx keepalive-timeout": "0",
    "nginx proxy-buffer-size": "32k",
    "nginx proxy-buffers": "'16 16k'",
    "nginx proxy-busy-buffers-size": "64k",
    "nginx large-client-header-buffers": "'4 32k'",
    "nginx old-generations": "3",
    "nginx proxy-keepalive": "0",
    "nginx trusted-proxies": "10.0.0.5,192.0.2.0/24",
    "nginx trusted-proxies-headers": "proto,host",
    "nginx trusted-proxies-protocol": "proxy-protocol",
    "nginx worker-shutdown-timeout": "30m",
    "nginx x-forwarded-for-value": "'$proxy_add_x_forwarded_for'",
    "nginx x-forwarded-port-value": "443",
    "nginx x-forwarded-proto-value": "https",
    "nginx x-forwarded-ssl": "on",
}


@pytest.mark.parametrize("row", properties.PROPERTIES, ids=lambda row: row.name)
def test_each_property_is_set_reported_and_unset(hello, row):
    scope = "--global" if row.scope is Scope.GLOBAL else "hello"
    report = f"{row.namespace}:report {scope} --{row.namespace}"
    other = {"true": "false", "false": "true", "60s": "50s", "5s": "4s", "100m": "50m", "30": "20"}
    other |= {"10000": "100", "200": "100", "1g": "2g", "10m": "20m", "50m": "40m"}
    other |= {"kill": "keep", "1d": "2d", "UTC": "Asia/Tokyo"}
    value = row.kind.words[0] if not row.default and row.kind.words else other.get(row.default, "else")
    value = SAMPLES.get(row.name) or OTHER.get(row.name, value)

    setter = f"{row.namespace}:{SETTERS.get(row.namespace, 'set')}"
    done = hello.run(f"{setter} {scope} {row.key} {value}")
    value = value.strip("'")
    assert done == (0, "", f"-----> Set {row.name} to {value}\n")
    assert hello.run(f"{report}-computed-{row.key}") == (0, f"{value}\n", "")

    undone = hello.run(f"{setter} {scope} {row.key}")
    assert undone == (0, "", f"-----> Unset {row.name}\n")
    assert hello.run(f"{report}-computed-{row.key}") == (0, f"{row.default}\n", "")


def test_an_app_s_own_value_goes_before_the_global_one_before_the_default(hello):
    def computed():
        facts = json.loads(hello.run("checks:report hello --format json", caller=VIEWER).out)
        return facts["timeout"], facts["global-timeout"], facts["computed-timeout"]

    assert computed() == ("", "", "60s")
    hello.run("checks:set --global timeout 2m")
    assert computed() == ("", "2m", "2m")
    hello.run("checks:set hello timeout 90")
    assert computed() == ("90", "2m", "90")
    hello.run("checks:set --global timeout")
    hello.run("checks:set hello timeout ''")
    assert computed() == ("", "", "60s")


def test_a_report_as_text(hello):
    assert hello.run("checks:report hello") == (
        0,
        "       Checks process web:              enabled: startup check GET /\n"
        "       Checks process worker:           enabled: startup check up for 1 s\n"
        "       Checks disabled list:\n"
        "       Checks global disabled list:\n"
        "       Checks computed disabled list:   none\n"
        "       Checks skipped list:\n"
        "       Checks global skipped list:\n"
        "       Checks computed skipped list:    none\n"
        "       Checks timeout:\n"
        "       Checks global timeout:\n"
        "       Checks computed timeout:         60s\n"
        "       Checks wait to retire:\n"
        "       Checks global wait to retire:\n"
        "       Checks computed wait to retire:  60s\n",
        "",
    )
    assert hello.run("builder-dockerfile:report --global") == (
        0,
        "       Builder dockerfile global dockerfile path:\n"
        "       Builder dockerfile computed dockerfile path:  Dockerfile\n",
        "",
    )
    assert hello.run("builder:report hello --builder-build-dir") == (0, "\n", "")


@pytest.mark.parametrize("namespace", [*NAMESPACES, "domains"])
def test_a_report_without_an_app_is_of_every_app(hello, namespace):
    hello.run("apps:create other")
    text = hello.run(f"{namespace}:report").out
    assert [line for line in text.splitlines() if line.startswith("=")] == [
        f"=====> hello {namespace} information",
        f"=====> other {namespace} information",
    ]
    data = json.loads(hello.run(f"{namespace}:report --format json").out)
    assert list(data) == ["hello", "other"]
    assert data["other"] == json.loads(hello.run(f"{namespace}:report other --format json").out)
    assert hello.run(f"{namespace}:report --{namespace}-x") == (
        2,
        "",
        f" !     --{namespace}-x selects a value of one app\n !     Name the app, or use --global. [usage]\n",
    )


def test_a_value_that_the_report_does_not_have(hello):
    assert hello.run("builder-dockerfile:report hello --builder-dockerfile-nope") == (
        2,
        "",
        " !     the report has no field --builder-dockerfile-nope\n"
        " !     It has: --builder-dockerfile-dockerfile-path, --builder-dockerfile-global-dockerfile-path, "
        "--builder-dockerfile-computed-dockerfile-path [no-such-value]\n",
    )
    assert hello.run("checks:report hello --timeout").status == 2


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("checks:set hello timeout soon", "A value is a duration from 1s to 1h, such as 30s or 5m."),
        ("checks:set hello timeout 0", "A value is a duration from 1s to 1h, such as 30s or 5m."),
        ("checks:set hello wait-to-retire -1s", "A value is a duration from 0s to 1d, such as 30s or 5m."),
        ("nginx:set hello client-max-body-size 10q", "A value is a size from 0 to 1t, such as 512k or 100m."),
        ("nginx:set --global client-max-body-size 2t", "A value is a size from 0 to 1t, such as 512k or 100m."),
        ("nginx:set hello proxy-connect-timeout 76s", "A value is a duration from 1s to 75s, such as 30s or 5m."),
        ("nginx:set hello proxy-read-timeout 0", "A value is a duration from 1s to 1d, such as 30s or 5m."),
        ("nginx:set hello proxy-buffering maybe", "A value is true or false."),
        ("ps:set hello stop-timeout-seconds 0", "A value is a whole number from 1 to 3600."),
        ("ps:set hello stop-timeout-seconds 1_0", "A value is a whole number from 1 to 3600."),
        ("ps:set hello procfile-path /etc/passwd", "A value is a path inside the repository, without '..'."),
        ("builder:set hello build-dir ../x", "A value is a path inside the repository, without '..'."),
        ("builder-dockerfile:set hello dockerfile-path a//b", "A value is a path inside the repository, without '..'."),
        ("git:set hello rev-env-var 1A", "A name has letters, digits and '_', and does not start with a digit."),
    ],
)
def test_a_value_that_breaks_its_rule_is_refused_with_the_rule(hello, line, rule):
    name, scope, key, value = line.split()
    result = hello.run([name, scope, key, "--", value])
    property_name = f"{name.partition(':')[0]} {key}"
    assert result.status == 2
    assert result.err == (
        f" !     {property_name}: {value!r} is not a value for it\n !     {rule} [invalid-value]\n"
    )


def test_a_property_that_there_is_not(hello):
    assert hello.run("ps:set hello restart-policy always") == (
        1,
        "",
        " !     ps:set has no property 'restart-policy'\n"
        " !     It has: procfile-path, stop-timeout-seconds [no-such-property]\n",
    )
    assert "Did you mean procfile-path? [no-such-property]" in hello.run("ps:set hello procfile Procfile.web").err
    assert hello.run("ps:set hello") == (
        2,
        "",
        " !     ps:set: KEY is missing\n !     Usage: ps:set APP|--global KEY [VALUE] [usage]\n",
    )


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_properties_of_apps_need_deploy_and_global_ones_admin(hello, namespace):
    key = properties.of(namespace)[0].key
    assert hello.run(f"{namespace}:{SETTERS.get(namespace, 'set')} hello {key} x", caller=VIEWER).status == 1
    command = f"{namespace}:{SETTERS.get(namespace, 'set')}"
    assert hello.run(f"{command} --global {key} true", caller=DEPLOYER) == (
        1,
        "",
        f" !     {command} for all apps needs the role admin [forbidden]\n",
    )
    assert "With --global it needs the role admin." in hello.run(f"help {command}").out


def test_a_property_of_the_proxy_counts_at_once(hello):
    before = hello.scheduler.ids()
    hello.run("nginx:set hello client-max-body-size 10m")
    hello.run("nginx:set hello proxy-buffering on")
    options = hello.proxy.vhost("hello").options
    assert (options.client_max_body_size, options.proxy_buffering) == (10 << 20, True)
    hello.run("nginx:set --global proxy-read-timeout 5m")
    assert hello.proxy.vhost("hello").options.proxy_read_timeout == 300
    assert hello.scheduler.ids() == before


def test_a_property_that_the_proxy_refuses_is_not_kept(hello):
    hello.run("nginx:set hello client-max-body-size 10m")
    hello.proxy.refusals.add("hello")
    refused = (1, "", " !     nginx refuses the configuration of hello\n !     the test said so [proxy]\n")
    assert hello.run("nginx:set hello client-max-body-size 20m") == refused
    assert hello.run("nginx:set --global proxy-read-timeout 5m") == refused
    assert hello.run("nginx:report hello --nginx-computed-client-max-body-size").out == "10m\n"
    assert hello.run("nginx:report hello --nginx-computed-proxy-read-timeout").out == "60s\n"


def test_where_the_app_and_its_dockerfile_are(hello):
    hello.run("builder:set hello build-dir app")
    hello.run("builder-dockerfile:set hello dockerfile-path Dockerfile.prod")
    hello.deployed("hello", {"app/Dockerfile.prod": "FROM scratch\nEXPOSE 8000\nCMD x\n", "app/Procfile": "web: ./w"})
    source = hello.builder.sources[-1]
    assert (source.build_dir, source.dockerfile) == ("app", "Dockerfile.prod")
    assert hello.scheduler.running("web.1").command == "./w"
    assert hello.scheduler.running("web.1").port == 8000


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_sizes_that_depend_on_each_other_are_set_in_any_order(hello, order):
    sizes = ["proxy-buffer-size 128k", "proxy-buffers '4 256k'", "proxy-busy-buffers-size 256k"]
    for number in order:
        assert hello.run(f"nginx:set hello {sizes[number]}").status == 0
    [served] = [vhost for vhost in hello.proxy.served.values() if vhost.app == "hello"]
    options = served.options.fitting
    assert (options.proxy_buffer_size, options.proxy_buffers) == (128 << 10, (4, 256 << 10))
    assert options.proxy_busy_buffers_size == 256 << 10
