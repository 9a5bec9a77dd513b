"""Files without a name, and reading with a bound."""

import gzip
import io
import tempfile
import zlib

import pytest

from paas.system.spool import CHUNK, Bounded, gunzipped, spooled


class TooMuch(Exception):
    pass


def unpacked(data):
    return b"".join(gunzipped(io.BytesIO(data)))


def test_what_is_spooled_has_no_name_and_is_counted(tmp_path):
    counts = []
    with spooled(tmp_path, iter((b"ab", b"cde")), counts.append) as file:
        assert list(tmp_path.iterdir()) == []
        assert file.read() == b"abcde"
    assert counts == [2, 3]


def test_a_refusal_stops_before_the_bytes_are_written(tmp_path):
    def took(count):
        if count > 3:
            raise TooMuch

    with pytest.raises(TooMuch), spooled(tmp_path, iter((b"abc", b"x" * 10)), took):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK])
def test_what_was_packed_comes_out_again_in_pieces_that_fit_in_memory(size):
    data = bytes(size)
    pieces = list(gunzipped(io.BytesIO(gzip.compress(data))))
    assert b"".join(pieces) == data
    assert all(len(piece) <= CHUNK for piece in pieces)


def test_several_members_and_padding_are_one_stream():
    assert unpacked(gzip.compress(b"one ") + gzip.compress(b"two") + bytes(512)) == b"one two"


@pytest.mark.parametrize(
    "data",
    [gzip.compress(b"x" * 999, mtime=0)[:-9], gzip.compress(b"x", mtime=0) + b"rubbish", b"\x1f\x8b", b""],
    ids=["cut off", "rubbish after it", "head", "nothing"],
)
def test_what_ends_early_or_is_no_gzip_is_an_error(data):
    with pytest.raises((EOFError, zlib.error)):
        unpacked(data)


def test_a_bounded_file_reads_no_more_than_it_is_allowed():
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * 100)
        file.seek(0)
        bounded = Bounded(file, TooMuch)
        bounded.allow(10)
        assert bounded.read(10) == b"x" * 10
        with pytest.raises(TooMuch):
            bounded.read(1)
        bounded.allow(50)
        with pytest.raises(TooMuch):
            bounded.read()
        bounded.allow(None)
        bounded.seek(0)
        assert len(bounded.read()) == 100
