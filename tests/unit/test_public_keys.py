import base64
import subprocess

import asyncssh
import pytest

from paas.access import public_keys
from paas.core.errors import InvalidValue

# The generator of the curve P-256 (FIPS 186-4, D.1.2.3), uncompressed.
POINT = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)


def make(kind="ssh-ed25519", comment="ada@home", **options):
    key = asyncssh.generate_private_key(kind, comment=comment, **options)
    return key, key.export_public_key().decode()


def fields(*parts):
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def line(kind, *parts):
    return f"{kind} {base64.b64encode(fields(*parts)).decode()}"


def refused(text):
    with pytest.raises(InvalidValue) as caught:
        public_keys.parse(text)

    error = caught.value
    assert error.what
    assert error.why
    assert error.fix
    return error


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"])
def test_each_kind_is_read_with_its_fingerprint_and_comment(kind):
    key, text = make(kind)
    parsed = public_keys.parse(text)
    assert (parsed.kind, parsed.comment, parsed.fingerprint) == (kind, "ada@home", key.get_fingerprint())
    assert parsed.line() == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        line("sk-ssh-ed25519@openssh.com", b"sk-ssh-ed25519@openssh.com", b"\1" * 32, b"ssh:"),
        line(
            "sk-ecdsa-sha2-nistp256@openssh.com",
            b"sk-ecdsa-sha2-nistp256@openssh.com",
            b"nistp256",
            POINT,
            b"ssh:",
        ),
    ],
)
def test_keys_on_security_tokens_are_accepted(text):
    assert public_keys.parse(text).kind == text.split()[0]


def test_rsa_keys_are_accepted_from_2048_bits_on():
    key, text = make("ssh-rsa", key_size=2048)
    assert public_keys.parse(text).fingerprint == key.get_fingerprint()
    _, short = make("ssh-rsa", key_size=1024)
    assert "1024 bits" in refused(short).what


def test_the_fingerprint_is_the_one_that_ssh_keygen_prints(tmp_path):
    _, text = make()
    (tmp_path / "key.pub").write_text(text)
    printed = subprocess.run(["ssh-keygen", "-lf", tmp_path / "key.pub"], capture_output=True, text=True, check=True)
    assert printed.stdout.split()[1] == public_keys.parse(text).fingerprint


def test_windows_line_ends_blank_lines_and_comment_lines_do_no_harm():
    _, text = make(comment="two words")
    parsed = public_keys.parse(f"# my key\r\n\r\n{text.strip()}\r\n\r\n")
    assert parsed.comment == "two words"


def test_a_key_without_a_comment_has_an_empty_one():
    _, text = make(comment=None)
    assert public_keys.parse(text).comment == ""


def test_a_private_key_is_refused_with_a_warning():
    key, _ = make()
    assert "private key" in refused(key.export_private_key().decode()).what


def test_options_before_the_key_are_refused():
    _, text = make()
    assert "options" in refused(f'command="rm -rf /",no-pty {text}').what


def test_several_keys_at_once_are_refused():
    assert "2 lines" in refused(make()[1] + make()[1]).what


def test_a_certificate_is_refused():
    key, _ = make()
    certificate = key.generate_user_certificate(key, "ada").export_certificate().decode()
    assert "certificate" in refused(certificate).what


def test_dsa_is_refused():
    assert "DSA" in refused("ssh-dss AAAAB3NzaC1kc3MAAACBAP old@key").what


def test_the_rfc_4716_format_is_refused_with_the_way_to_convert_it():
    key, _ = make()
    assert "ssh-keygen -i" in refused(key.export_public_key("rfc4716").decode()).fix


@pytest.mark.parametrize("text", ["", "  \r\n", "# nothing"])
def test_no_input_is_refused(text):
    assert "No public key" in refused(text).what


@pytest.mark.parametrize(
    "text",
    [
        "hello there",
        "ssh-ed25519",
        "ssh-ed25519 not*base64",
        "ssh-ed25519 AAAA",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
        "ssh-ed25519 \x00\x01",
        "x" * 20_000,
        line("ssh-ed25519", b"ssh-rsa", b"\1" * 32),
        line("ssh-ed25519", b"ssh-ed25519", b"\1" * 31),
        line("ssh-ed25519", b"ssh-ed25519", b"\1" * 32, b"more"),
        line("ssh-rsa", b"ssh-rsa", b"\1\0\1"),
        line("ssh-rsa", b"ssh-rsa", b"\2", b"\1" * 256),
        line("ecdsa-sha2-nistp256", b"ecdsa-sha2-nistp256", b"nistp384", b"\4" + b"\1" * 96),
        line("ecdsa-sha2-nistp256", b"ecdsa-sha2-nistp256", b"nistp256", b"\3" + b"\1" * 32),
    ],
)
def test_damaged_keys_are_refused(text):
    refused(text)


def test_every_single_lost_character_of_a_key_is_noticed():
    _, text = make(comment=None)
    text = text.strip()

    for missing in range(len(text)):
        refused(text[:missing] + text[missing + 1 :])
