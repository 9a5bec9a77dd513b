"""Hook programs that prove domains: how they are called, and what becomes of their faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from paas.certs.dns_hook import DnsHooks
from paas.core.errors import NotFound, PaasError

RECORD = "_acme-challenge.example.org"


def _program(folder: Path, text: str) -> None:
    path = folder / "dns-zone"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def _calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines()


def test_a_record_is_there_inside_and_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "never")
    _program(tmp_path, 'echo "$* $PAAS_DOMAIN $PAAS_RECORD $PAAS_VALUE $SECRET" >> calls')
    hooks = DnsHooks([tmp_path / "none", tmp_path])
    assert hooks.names() == ["zone"]
    with hooks.record("zone", "*.example.org", RECORD, "a b"):
        assert _calls(tmp_path) == [f"present {RECORD} a b *.example.org {RECORD} a b "]
    assert _calls(tmp_path)[1:] == [f"cleanup {RECORD} a b *.example.org {RECORD} a b "]


def test_a_program_that_fails_is_quoted_and_cleans_up(tmp_path: Path) -> None:
    _program(tmp_path, 'echo "$1" >> calls; echo line one; echo the zone is locked >&2; exit 4')
    with pytest.raises(PaasError) as caught, DnsHooks([tmp_path]).record("zone", "*.example.org", RECORD, "v"):
        pytest.fail("the record is not there")
    assert caught.value.why == "line one\nthe zone is locked\nIts exit status was 4."
    assert _calls(tmp_path) == ["present", "cleanup"]


def test_a_clean_up_that_fails_loses_nothing(tmp_path: Path) -> None:
    _program(tmp_path, '[ "$1" = present ]')
    with DnsHooks([tmp_path]).record("zone", "*.example.org", RECORD, "v"):
        pass


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "dns-readme").write_text("no program")
    with pytest.raises(NotFound, match="there is no hook program dns-readme"), DnsHooks([tmp_path]).record(
        "readme", "*.example.org", RECORD, "v"
    ):
        pytest.fail("the record is not there")
