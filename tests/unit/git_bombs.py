"""Packs of a few bytes that stand for gigabytes."""

import hashlib
import zlib

BASE = (1 << 24) - 1
"""The most that one instruction of a delta copies."""
_COMMIT, _TREE, _BLOB, _OFS_DELTA = 1, 2, 3, 6


def delta_bomb(times, extra=b""):
    """A commit of two files, of which one is a delta that copies the other so many times; and the pack of it all.

    The pack has about 17 kB. ``extra`` is the content of a third file.
    """
    base = bytes(BASE)
    copy = b"\xf0\xff\xff\xff"  # from 0 on, all of it
    delta = _size(BASE) + _size(BASE * times) + copy * times
    large = hashlib.sha1(b"blob %d\0" % (BASE * times))
    for _ in range(times):
        large.update(base)
    files = {b"base": _id(b"blob", base), b"extra": _id(b"blob", extra), b"large": large.digest()}
    tree = b"".join(b"100644 %s\0%s" % item for item in sorted(files.items()))
    person = b"Ada <ada@example.org> 1700000000 +0000"
    tree_id = _id(b"tree", tree).hex().encode()
    commit = b"tree %s\nauthor %s\ncommitter %s\n\nbomb\n" % (tree_id, person, person)

    first = _entry(_BLOB, base)
    pack = b"PACK" + (2).to_bytes(4, "big") + (5).to_bytes(4, "big") + first
    pack += _header(_OFS_DELTA, len(delta)) + _offset(len(first)) + zlib.compress(delta)
    pack += _entry(_BLOB, extra) + _entry(_TREE, tree) + _entry(_COMMIT, commit)
    return _id(b"commit", commit).hex(), pack + hashlib.sha1(pack).digest()


def _id(kind, content):
    return hashlib.sha1(b"%s %d\0" % (kind, len(content)) + content).digest()


def _entry(kind, content):
    return _header(kind, len(content)) + zlib.compress(content, 9)


def _header(kind, size):
    byte, size = kind << 4 | size & 15, size >> 4
    found = bytearray()
    while size:
        found.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    return bytes([*found, byte])


def _size(size):
    found = bytearray()
    while size > 0x7F:
        found.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*found, size])


def _offset(distance):
    found = [distance & 0x7F]
    while distance := distance >> 7:
        distance -= 1
        found.insert(0, 0x80 | distance & 0x7F)
    return bytes(found)
