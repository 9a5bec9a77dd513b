"""Clients that mean no good: PORT, COUNT, and what they do. Each connects again whenever it is thrown out.

``mix``: a third says nothing, a third its version and no more, a third begins a key exchange and leaves it there.
``storm``: all begin one, and hang up with the first thing that they hear. Prints a line once all have been connected;
ends with its standard input.
"""

from __future__ import annotations

import asyncio
import os
import struct
import sys

SILENT, HALF, EXCHANGE, STORM = range(4)
PLANS = {"mix": (SILENT, HALF, EXCHANGE), "storm": (STORM,)}
VERSION = b"SSH-2.0-hostile\r\n"
ALGORITHMS = (
    b"curve25519-sha256", b"ssh-ed25519", b"aes128-ctr", b"aes128-ctr", b"hmac-sha2-256", b"hmac-sha2-256", b"none",
    b"none", b"", b"",
)  # fmt: skip


def packet(payload: bytes) -> bytes:
    """The payload as it goes over the wire before there is a cipher (RFC 4253 section 6)."""
    padding = 4 + -(len(payload) + 9) % 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def exchange() -> bytes:
    """What begins a key exchange: the lists of algorithms, and an ephemeral key."""
    lists = b"".join(struct.pack(">I", len(names)) + names for names in ALGORITHMS)
    begin = b"\x14" + os.urandom(16) + lists + bytes(5)
    return packet(begin) + packet(b"\x1e" + struct.pack(">I", 32) + os.urandom(32))


async def client(port: int, plan: int, arrived: asyncio.Semaphore) -> None:
    first = True
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            if first:
                first = False
                arrived.release()
            if plan != SILENT:
                writer.write(VERSION)
            if plan in (EXCHANGE, STORM):
                writer.write(exchange())
            while await reader.read(4096) and plan != STORM:
                pass
            writer.close()
        except OSError:
            # Thrown out, or not let in; nothing is waited for but its turn.
            await asyncio.sleep(0.05)


async def main(port: int, count: int, plans: tuple[int, ...]) -> None:
    arrived = asyncio.Semaphore(0)
    clients = [asyncio.create_task(client(port, plans[number % len(plans)], arrived)) for number in range(count)]
    for _ in clients:
        await arrived.acquire()
    print("all were there", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for one in clients:
        one.cancel()
    await asyncio.gather(*clients, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), PLANS[sys.argv[3]]))
