"""Chains, hosts and choices: decisions about certificates."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paas.core.certs import acme, certificate
from paas.core.certs.acme import DAY, HOUR, PRODUCTION, STAGING, Attempt, PlacedOrder
from paas.core.certs.certificate import Certificate, CertificateSource, Facts
from paas.core.edge.hosts import host_name, is_public, shown
from paas.core.errors import InvalidValue
from paas.core.secret import Secret


def _facts(subject: str, issuer: str = "I", names: tuple[str, ...] = (), until: float = 100.0) -> Facts:
    return Facts(names, subject, issuer, 0.0, until, subject, f"key of {subject}", self_signed=subject == issuer)


LEAF, LOW, HIGH, ROOT = _facts("leaf", "low"), _facts("low", "high"), _facts("high", "root"), _facts("root", "root")
SIGNED = {("low", "leaf"), ("high", "low"), ("root", "high"), ("root", "root")}


def _issued(entries: list[Facts]) -> set[tuple[int, int]]:
    indices = range(len(entries))
    return {
        (above, below)
        for above, below in itertools.permutations(indices, 2)
        if (entries[above].subject, entries[below].subject) in SIGNED
    }


@given(st.permutations([LEAF, LOW, HIGH, ROOT, LOW]))
def test_a_chain_in_any_order_is_put_right_without_the_root(entries: list[Facts]) -> None:
    found = certificate.order(entries.index(LEAF), entries, _issued(entries))
    assert [entries[index] for index in found] == [LEAF, LOW, HIGH]


def test_a_chain_that_breaks_off_is_taken_and_a_stranger_is_not() -> None:
    assert certificate.order(0, [LEAF, LOW], {(1, 0)}) == [0, 1]
    with pytest.raises(InvalidValue, match="root does not belong to the chain of leaf"):
        certificate.order(0, [LEAF, LOW, ROOT], {(1, 0)})


def test_two_authorities_that_vouch_for_each_other_make_no_endless_chain() -> None:
    one, two = _facts("one", "two"), _facts("two", "one")
    assert certificate.order(0, [one, two], {(0, 1), (1, 0)}) == [0, 1]


@pytest.mark.parametrize(
    ("host", "covered"),
    [("a.example", True), ("x.b.example", True), ("b.example", False), ("y.x.b.example", False), ("*.b.example", True),
     ("*.x.b.example", False), ("localhost", False)],
)  # fmt: skip
def test_a_wildcard_stands_for_one_label(host: str, covered: bool) -> None:
    assert _facts("s", names=("a.example", "*.b.example")).covers(host) == covered


def test_the_best_certificate_of_a_host_serves_it() -> None:
    def made(
        number: int, source: CertificateSource, *names: str, until: float = 100.0, app: int | None = 1
    ) -> Certificate:
        return Certificate(number, app, f"{number}", source, "", Secret(""), _facts("s", names=names, until=until))

    everything = [
        made(1, CertificateSource.ADDED, "a.b.example", until=50.0),
        made(2, CertificateSource.PLACEHOLDER, "a.b.example"),
        made(3, CertificateSource.ADDED, "*.b.example", app=None),
        made(4, CertificateSource.GENERATED, "a.b.example"),
        made(5, CertificateSource.ACME, "*.b.example"),
        made(6, CertificateSource.ACME, "a.b.example"),
        made(7, CertificateSource.ACME, "a.b.example", until=200.0),
    ]
    order = []
    while found := certificate.choose("a.b.example", everything, 60.0):
        order.append(found.id)
        everything.remove(found)
    assert order == [7, 6, 5, 4, 3, 2, 1]


def test_pauses_grow_and_the_staging_server_comes_in() -> None:
    attempt, now = Attempt("a.example"), 0.0
    pauses = []
    for _ in range(9):
        attempt = acme.failed(attempt, "no", now)
        pauses.append(attempt.retry_at - now)
        now = attempt.retry_at
    assert pauses == [*acme.RETRIES, DAY, DAY]
    assert [acme.rehearses(Attempt("a", failures)) for failures in (0, 2, 3, 9)] == [False, False, True, True]
    assert acme.staging_of(PRODUCTION) == STAGING
    assert acme.staging_of("https://ca.example/") == ""
    assert acme.failed(Attempt("a"), "no", 0.0, retry_after=2 * DAY).retry_at == 2 * DAY


def test_what_a_wrong_clock_noted_puts_nothing_off() -> None:
    attempt = acme.failed(Attempt("a"), "no", 0.0, retry_after=30 * DAY)
    assert [acme.waits(attempt, now) for now in (-1.0, 0.0, 7 * DAY - 1, 7 * DAY)] == [False, True, True, False]
    ahead = [PlacedOrder(PRODUCTION, "a.example", 365 * DAY, issued=False)] * 4
    assert acme.allowed_at(ahead, PRODUCTION, "a.example", 0.0, renewal=True) == 0.0


def test_the_limits_of_the_authority_hold() -> None:
    def orders(count: int, host: str = "a.example", *, issued: bool = True, every: float = 1.0) -> list[PlacedOrder]:
        return [PlacedOrder(PRODUCTION, host.format(n), n * every, issued) for n in range(count)]

    def at(found: list[PlacedOrder], host: str = "new.example", *, renewal: bool = False, now: float = 300.0) -> float:
        return acme.allowed_at(found, PRODUCTION, host, now, renewal=renewal)

    assert at([]) == 300.0
    assert at(orders(280, "{}.b{}.example".replace("{}.b{}", "h{}"), issued=False)) == 3 * HOUR
    assert at(orders(4, issued=False), "a.example") == HOUR
    assert at(orders(4, issued=False), "b.example") == 300.0
    assert at(orders(4), "a.example") == 7 * DAY
    assert at(orders(5), "a.example") == 7 * DAY + 1
    assert at(orders(45, "{}.same.example"), "new.same.example") > 300.0
    assert at(orders(45, "{}.same.org"), "new.same.org") == 7 * DAY
    assert at(orders(45, "{}.same.org"), "new.same.org", renewal=True) == 300.0
    assert acme.allowed_at(orders(45, "{}.same.org"), STAGING, "new.same.org", 300.0, renewal=False) == 300.0


@given(st.text(max_size=40))
def test_a_host_has_one_form_or_none(text: str) -> None:
    try:
        found = host_name(text)
    except InvalidValue:
        return
    assert host_name(found) == found
    assert found == "_" or set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.*")


@pytest.mark.parametrize(
    ("written", "form"),
    [("faß.example", "xn--fa-hia.example"), ("日本語.jp", "xn--wgv71a119e.jp"), ("ＷＷＷ.example", "www.example"),
     ("*.ñandú.example", "*.xn--and-6ma2c.example"), ("_", "_")],
)  # fmt: skip
def test_names_follow_the_rules_of_browsers(written: str, form: str) -> None:
    assert host_name(written) == form
    assert host_name(shown(form)) == form


@pytest.mark.parametrize("written", ["a\u200bb..example", "xn--a.example", "\u0661.a-.example", "a_b.example", ""])
def test_tricks_are_refused(written: str) -> None:
    with pytest.raises(InvalidValue):
        host_name(written)


def test_authorities_are_not_asked_for_names_of_this_network() -> None:
    names = ("a.localhost", "localhost", "10.0.0.1", "printer.local", "x.internal", "_", "1.0.0.10.in-addr.arpa")
    assert [name for name in names if is_public(name)] == []
    assert is_public("*.example.org")
