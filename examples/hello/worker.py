"""A process without a port: it prints a line every ten seconds until SIGTERM."""

import itertools
import signal
import threading

stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())

for turn in itertools.count(1):
    print(f"Worked {turn} times", flush=True)
    if stop.wait(10):
        break
