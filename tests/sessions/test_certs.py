"""``certs:*``: certificates that people bring, in whatever order and archive, and what is refused in which words."""

import io
import json
import tarfile

import pytest

from fakes import DEPLOYER, EPOCH, VIEWER
from fakes.pki import DAY, Made
from paas.core.certs.certificate import CertificateSource
from paas.core.secret import Secret

ROOT = Made.root(EPOCH)
MIDDLE = ROOT.intermediate(EPOCH)
OWN = MIDDLE.leaf(EPOCH, "hello.localhost", "www.example.org")
OTHER = MIDDLE.leaf(EPOCH, "shop.example.org")


def _served(server, host):
    return next((one for one in server.proxy.vhost("hello").tls.credentials if host in one.hosts), None)


def _archive(**files):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"./{name.replace('_', '.')}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return data.getvalue()


@pytest.mark.parametrize(
    "given",
    [
        OWN.crt + MIDDLE.crt + OWN.key,
        OWN.key + ROOT.crt + MIDDLE.crt + OWN.crt,
        OTHER.key + MIDDLE.crt + OWN.crt + "\n  some words\n" + OWN.key + OWN.crt,
        _archive(server_crt=OWN.crt + MIDDLE.crt, server_key=OWN.key),
    ],
    ids=["in order", "upside down with the root", "with another key and twice", "archive"],
)
def test_a_certificate_is_served_with_its_chain_in_order(hello, given):
    added = hello.run("certs:add hello", stdin=given, caller=DEPLOYER)
    assert added == (0, "", "-----> hello is served with the certificate hello.localhost\n")
    served = _served(hello, "hello.localhost")
    assert served.chain == OWN.crt + MIDDLE.crt
    assert served.key.reveal() == OWN.key
    assert hello.proxy.vhost("hello").tls.hsts == "max-age=15724800"
    assert hello.run("urls hello").out == "https://hello.localhost:8443\n"


def test_the_key_is_nowhere_on_the_disk_in_clear(hello):
    hello.run("certs:add hello", stdin=OWN.crt + OWN.key)
    secret = OWN.key.splitlines()[2].encode()
    files = [path for path in hello.root.rglob("*") if path.is_file()]
    assert [path for path in files if secret in path.read_bytes()] == []
    assert hello.run("certs:show hello key").out == OWN.key
    assert hello.run("certs:show hello key", caller=VIEWER).status == 1


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ("", "certificate-missing", "there is no certificate in it"),
        (OWN.crt, "certificate-missing", "there is no private key in it"),
        (OWN.crt + OTHER.key, "certificate-key-mismatch", "the key does not belong to the certificate of CN=hello"),
        (OWN.crt + OWN.locked_key(), "certificate-key-protected", "the private key is protected by a passphrase"),
        (OWN.crt + OTHER.crt + OWN.key, "certificate-chain", "CN=shop.example.org does not belong to the chain of"),
        (OTHER.crt + OTHER.key, "certificate-wrong-host", "is for shop.example.org, which hello does not answer to"),
        (OWN.crt[:90] + "\n-----END CERTIFICATE-----\n" + OWN.key, "certificate-unreadable", "can't be read"),
        (_archive(a_crt="x" * (1 << 20)) + b"", "certificate-missing", "there is no certificate in it"),
    ],
)
def test_what_no_client_would_take_is_refused_before_anything_changes(hello, given, code, words):
    hello.run("certs:add hello", stdin=OWN.crt + OWN.key)
    before = hello.proxy.vhost("hello")
    refused = hello.run("certs:add hello", stdin=given)
    assert (refused.status, refused.out) == (2, "")
    assert words in refused.err
    assert f"[{code}]" in refused.err
    assert hello.proxy.vhost("hello") == before


@pytest.mark.parametrize(
    ("leaf", "code"),
    [
        (lambda: MIDDLE.leaf(EPOCH - 100 * DAY, "hello.localhost", days=90), "certificate-expired"),
        (lambda: MIDDLE.leaf(EPOCH, "hello.localhost", since=1), "certificate-not-yet-valid"),
        (lambda: MIDDLE.leaf(EPOCH, "hello.localhost", bits=1024), "certificate-weak"),
        (lambda: MIDDLE.leaf(EPOCH), "certificate-wrong-host"),
    ],
)
def test_unfit_certificates_are_refused(hello, leaf, code):
    made = leaf()
    refused = hello.run("certs:add hello", stdin=made.crt + made.key)
    assert refused.status == 2
    assert f"[{code}]" in refused.err


def test_several_certificates_are_told_apart_by_the_host(hello):
    hello.run("domains:add hello www.example.org shop.example.org plain.example.org")
    hello.run("certs:add hello", stdin=OWN.crt + OWN.key)
    added = hello.run("certs:add hello", stdin=OTHER.crt + OTHER.key)
    assert "It does not cover: www.example.org, plain.example.org, hello.localhost" in added.err

    assert _served(hello, "www.example.org").hosts == ("www.example.org", "hello.localhost")
    assert _served(hello, "shop.example.org").key.reveal() == OTHER.key
    assert _served(hello, "plain.example.org") is None
    doors = hello.proxy.vhost("hello").doors
    assert [(door.hosts, bool(door.credential), door.upgrades) for door in doors] == [
        (("plain.example.org",), False, False),
        (("www.example.org", "shop.example.org", "hello.localhost"), False, True),
        (("www.example.org", "hello.localhost"), True, False),
        (("shop.example.org",), True, False),
    ]
    ambiguous = hello.run("certs:remove hello")
    assert "Choose one: --name NAME [certificate-ambiguous]" in ambiguous.err
    assert hello.run("certs:remove hello --name shop.example.org").status == 0
    assert _served(hello, "shop.example.org") is None


def test_an_update_replaces_the_one_for_the_same_hosts(hello):
    assert hello.run("certs:update hello", stdin=OWN.crt + OWN.key).err.endswith("[no-such-certificate]\n")
    hello.run("certs:add hello --name mine", stdin=OWN.crt + OWN.key)
    newer = MIDDLE.leaf(EPOCH, "hello.localhost")
    updated = hello.run("certs:update hello", stdin=newer.crt + MIDDLE.crt + newer.key)
    assert updated == (0, "", "-----> hello is served with the certificate mine\n")
    alone = hello.run("certs:update hello", stdin=newer.crt + newer.key)
    assert alone.status == 0
    assert "It was issued by CN=Test Intermediate, which is not among the trusted roots of this host." in alone.err
    assert hello.run("certs:show hello crt").out == newer.crt
    assert hello.run("certs:show hello crt --name other").err.endswith("[no-such-certificate]\n")


def test_a_certificate_for_a_host_that_comes_later_is_forced(hello):
    assert hello.run("certs:add hello --force", stdin=OTHER.crt + OTHER.key).status == 0
    assert hello.proxy.vhost("hello").tls.credentials == ()
    hello.run("domains:add hello shop.example.org")
    assert _served(hello, "shop.example.org").key.reveal() == OTHER.key


def test_a_global_certificate_serves_every_app_that_has_no_better_one(hello):
    hello.deployed("other")
    hello.run("domains:add-global paas.example")
    wild = MIDDLE.leaf(EPOCH, "*.paas.example")
    assert hello.run("certs:add --global", stdin=wild.crt + wild.key, caller=DEPLOYER).err.endswith("[forbidden]\n")
    assert hello.run("certs:add --global", stdin=wild.crt + wild.key).status == 0
    own = MIDDLE.leaf(EPOCH, "other.paas.example")
    hello.run("certs:add other", stdin=own.crt + own.key)
    assert _served(hello, "hello.paas.example").key.reveal() == wild.key
    assert hello.proxy.vhost("other").tls.credentials[0].key.reveal() == own.key
    assert hello.run("certs:remove --global").status == 0
    assert hello.proxy.vhost("hello").tls.credentials == ()


def test_files_on_the_server_are_for_administrators(hello, tmp_path):
    (tmp_path / "crt").write_text(OWN.crt)
    (tmp_path / "key").write_text(OWN.key)
    line = f"certs:add hello {tmp_path}/crt {tmp_path}/key"
    assert hello.run(line, caller=DEPLOYER).err.endswith("[forbidden]\n")
    assert hello.run(line).status == 0
    assert hello.run(f"certs:add hello {tmp_path}/none").err.endswith("[no-such-file]\n")


def test_a_self_signed_one_comes_with_a_signing_request(hello):
    made = hello.run("certs:generate hello hello.localhost")
    assert made.status == 0
    assert hello.run("certs:show hello csr").out.startswith("-----BEGIN CERTIFICATE REQUEST-----")
    assert hello.run("certs:report hello --ssl-verified").out == "self signed certificate\n"
    assert hello.run("certs:report hello --ssl-enabled").out == "true\n"
    assert hello.run("certs:show hello paper").status == 2


def test_the_report_has_the_keys_that_scripts_know(hello):
    assert hello.run("certs:report hello --ssl-enabled").out == "false\n"
    hello.run("certs:add hello", stdin=OWN.crt + MIDDLE.crt + OWN.key)
    report = json.loads(hello.run("certs:report hello --format json", caller=VIEWER).out)
    assert report.pop("verified")
    assert report == {
        "enabled": "true",
        "hostnames": "hello.localhost www.example.org",
        "starts-at": "2025-12-31T00:00:00Z",
        "expires-at": "2026-03-31T00:00:00Z",
        "issuer": "CN=Test Intermediate",
        "subject": "CN=hello.localhost",
        "plain-hostnames": "",
        "certificate-hello.localhost": "added, until 2026-03-31T00:00:00Z, serves hello.localhost",
    }


def test_a_certificate_that_the_proxy_refuses_is_not_kept(hello):
    hello.run("certs:add hello", stdin=OWN.crt + OWN.key)
    hello.proxy.refusals.add("hello")
    newer = MIDDLE.leaf(EPOCH, "hello.localhost")
    assert hello.run("certs:add hello", stdin=newer.crt + newer.key).status == 1
    assert hello.run("certs:remove hello").status == 1
    hello.proxy.refusals.clear()
    assert hello.run("certs:show hello crt").out == OWN.crt


def test_what_an_authority_issued_meanwhile_stays_when_a_certificate_is_refused(hello):
    hello.run("certs:add hello", stdin=OWN.crt + OWN.key)
    newer, issued = MIDDLE.leaf(EPOCH, "hello.localhost"), MIDDLE.leaf(EPOCH, "www.example.org")
    with hello.gates.hold("publish") as gate:
        refused = hello.begin("certs:add hello", stdin=newer.crt + newer.key)
        gate.wait_until_reached()
        hello.proxy.refusals.add("hello")
        store = hello.ctx.store.certificates
        store.put(hello.app(), "www.example.org", CertificateSource.ACME, issued.crt, Secret(issued.key), now=EPOCH)
    assert refused.wait().status == 1
    kept = {(one.name, one.chain.strip()) for one in store.of(hello.app())}
    assert kept == {("hello.localhost", OWN.crt.strip()), ("www.example.org", issued.crt.strip())}


def test_https_is_a_matter_of_properties(hello):
    hello.run("certs:add hello", stdin=OWN.crt + OWN.key)
    for line in ("hsts-max-age 60", "hsts-include-subdomains true", "hsts-preload true"):
        hello.run(f"nginx:set hello {line}")
    assert hello.proxy.vhost("hello").tls.hsts == "max-age=60; includeSubDomains; preload"
    hello.run("nginx:set hello hsts false")
    hello.run("nginx:set hello https-redirect false")
    assert hello.proxy.vhost("hello").tls.hsts == ""
    assert not any(door.upgrades for door in hello.proxy.vhost("hello").doors)


def test_health_checks_say_https_once_users_come_by_it(hello):
    hello.run("certs:add hello", stdin=OWN.crt + OWN.key)
    hello.probe.headers.clear()
    assert hello.run("ps:restart hello").status == 0
    assert {headers["X-Forwarded-Proto"] for headers in hello.probe.headers} == {"https"}


def test_doctor_tells_of_certificates_that_end(hello):
    hello.run("certs:add hello", stdin=OWN.crt + OWN.key)

    def finding():
        rows = json.loads(hello.run("doctor hello --format json").out)
        return [(row["level"], row["code"]) for row in rows if row["subject"] == "certificates"]

    assert finding() == [("ok", "")]
    hello.clock.advance(80 * DAY)
    assert finding() == [("advice", "certificate-ends")]
    hello.clock.advance(20 * DAY)
    assert finding() == [("problem", "certificate-expired")]


def test_a_global_certificate_that_fails_for_one_app_is_taken_back_from_all(hello):
    wild = MIDDLE.leaf(EPOCH, "*.localhost")
    hello.run("apps:create other")
    hello.quiet()
    hello.proxy.refusals.add("other")
    failed = hello.run("certs:add --global", stdin=wild.crt + wild.key)
    assert "nginx refuses the configuration of other" in failed.err
    assert hello.ctx.store.certificates.of(None) == []
    assert _served(hello, "hello.localhost") is None
