"""Certificates in archives: what a few bytes can't be made to unpack to."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import tracemalloc

import pytest

from paas.certs import bundle
from paas.core.errors import InvalidValue

PEM = b"-----BEGIN CERTIFICATE-----\n"


def archive(*files: tuple[str, bytes], pax: dict[str, str] | None = None) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as made:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = len(content), pax or {}
            made.addfile(info, io.BytesIO(content))
    return data.getvalue()


BOMB = archive(("a.pem", PEM), pax={"comment": "x" * (64 << 20)})


def code(data: bytes) -> str:
    with pytest.raises(InvalidValue) as caught:
        bundle.unpack(data)
    return caught.value.code


def test_files_of_an_archive_and_what_is_none_are_given_as_they_are():
    both = archive(("./a.crt", PEM), ("._a.crt", b"shadow"), ("b.key", b"KEY"))
    assert bundle.unpack(both) == bundle.unpack(gzip.compress(both)) == PEM + b"\nKEY"
    assert bundle.unpack(PEM) == bundle.unpack(gzip.compress(PEM)) == PEM
    assert bundle.unpack(b"") == b""


@pytest.mark.parametrize("packed", [lzma.compress(BOMB), bz2.compress(BOMB)], ids=["xz", "bzip2"])
def test_other_packers_are_refused_before_anything_is_unpacked(packed):
    assert len(packed) < 100_000
    tracemalloc.start()
    try:
        assert code(packed) == "certificate-unreadable"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_a_header_that_unpacks_to_megabytes_is_stopped_at_the_limit():
    packed = gzip.compress(BOMB)
    tracemalloc.start()
    try:
        assert code(packed) == "input-too-long"
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_headers_of_headers_and_sizes_that_are_none_are_damage_and_no_error_of_the_platform():
    long_name = tarfile.TarInfo("././@LongLink")
    long_name.type, long_name.size = tarfile.GNUTYPE_LONGNAME, 1
    nested = (long_name.tobuf(tarfile.GNU_FORMAT) + b"x".ljust(512, b"\0")) * 1000
    assert code(nested) == "certificate-unreadable"
    assert code(gzip.compress(PEM)[:-6]) == "certificate-unreadable"
    assert code(archive(*((f"{number}", b"x") for number in range(21)))) == "input-too-long"
    sparse = tarfile.TarInfo("a.pem")
    sparse.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"%011o\0" % (1 << 32)
    header[148:156] = b" " * 8
    header[148:156] = struct.pack("8s", b"%06o\0 " % sum(header))
    assert code(bytes(header)) == "input-too-long"
