import pytest

from paas.ssh.line import Line


@pytest.mark.parametrize(
    ("keys", "read"),
    [
        (b"yes\r", b"yes\n"),
        (b"yes\n", b"yes\n"),
        (b"one\rtwo\rthr", b"one\ntwo\n"),
        (b"app\x7f\x7fle\r", b"ale\n"),
        (b"app\x08t\r", b"apt\n"),
        (b"\x7f\x7fa\r", b"a\n"),
        ("né\x7fx\r".encode(), b"nx\n"),
        (b"wrong\x15right\r", b"right\n"),
        (b"two words\x17\r", b"two \n"),
        (b"word  \x17\r", b"\n"),
        (b"a\x1b\x00b\r", b"ab\n"),
        (b"half\x04", b"half"),
        (b"x" * 5000 + b"\r", b"x" * 4096 + b"\n"),
    ],
)
def test_a_line_reaches_the_command_when_it_is_finished(keys, read):
    whole = Line()
    assert whole.type(keys)[0] == read
    single = Line()
    assert b"".join(single.type(bytes([key]))[0] for key in keys) == read


def test_what_is_typed_is_shown_and_what_is_erased_disappears():
    assert Line().type(b"ab\x7f\r") == (b"a\n", b"ab\b \b\r\n")


def test_ctrl_c_interrupts_and_the_rest_is_dropped():
    line = Line()
    assert line.type(b"abc\x03def\r") == (b"", b"abc^C\r\n")
    assert line.interrupted
    assert line.type(b"more\r") == (b"", b"")


def test_ctrl_d_ends_the_input_only_on_an_empty_line():
    line = Line()
    line.type(b"text\x04")
    assert not line.ended
    line.type(b"\x04")
    assert line.ended
