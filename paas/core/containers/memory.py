"""Memory limits of containers: the default, and the most that an app may ask for."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paas.core.containers.options import ContainerOptions
from paas.core.values import Kind, size_in_bytes

AUTO = "auto"
_MIB = 1 << 20
LEAST, LARGEST = 512 * _MIB, 1024 * _MIB


@dataclass(frozen=True)
class MemoryLimit:
    """The setting: a number of ``bytes``, 0 for no limit; None for the default, which depends on the machine."""

    bytes: int | None = None

    def granted(self, asked: int, total: int) -> int:
        """Return the limit in bytes of a container whose app ``asked`` for one (0: it did not), 0 for no limit.

        An app may ask for less than the server's limit, but not for more. With the default limit it may ask for up to
        half of the machine's memory.
        """
        if self.bytes is None:
            return min(asked or usual(total), max(usual(total), total // 2))
        return min(self.bytes or asked, asked or self.bytes)


def usual(total: int) -> int:
    """Return a quarter of the machine's memory, from 512 MiB to 1 GiB, but always leave some for the platform."""
    return min(max(total // 4, LEAST), LARGEST, total * 3 // 4)


def capped(options: ContainerOptions, granted: int, total: int) -> ContainerOptions:
    """Return the options with the sizes of tmpfs and shm limited to the container's limit ``granted``, or without one
    to half of the machine's memory.
    """
    most = granted or total // 2
    tmpfs = {path: _sized(words, most) for path, words in options.tmpfs.items()}
    return replace(options, shm_size=min(options.shm_size, most), tmpfs=tmpfs)


def _sized(words: str, most: int) -> str:
    """Return the words of a tmpfs option, with a size of at most ``most`` bytes."""
    given = [word for word in words.split(",") if word]
    sizes = [size_in_bytes(word.removeprefix("size=")) for word in given if word.startswith("size=")]
    if sizes and all(0 < size <= most for size in sizes):
        return words
    # Without a size the kernel takes half of the machine's memory; 0 is the maximum.
    return ",".join([*(word for word in given if not word.startswith("size=")), f"size={most}"])


def _read(text: str) -> MemoryLimit:
    return MemoryLimit(None if text == AUTO else size_in_bytes(text))


KIND = Kind("a size such as 512m or 2g, auto for one that suits the machine, or 0 for none", _read, (AUTO,))
