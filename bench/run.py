"""Measures one work item: warm-up, then ours and the floor in turn, so that both meet the same state of the machine."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable

from bench.work import Measured, Size, Work


def measure(work: Work, size: Size, say: Callable[[str], None]) -> Measured:
    """All samples of the work item. An error ends it, and is part of the result: the other items go on."""
    measured = Measured()
    began = time.monotonic()
    try:
        work.set_up()
        _repeat(work, size, measured, say)
    except Exception as error:  # noqa: BLE001  # one item that fails must not cost the others
        measured.error = f"{type(error).__name__}: {error}".partition("\n")[0]
        say(traceback.format_exc())
    finally:
        try:
            work.tear_down()
        except Exception:  # noqa: BLE001  # the ground is removed as a whole in the end
            say(traceback.format_exc())
    measured.seconds = time.monotonic() - began
    measured.notes, measured.extra = work.notes, work.extra
    return measured


def _repeat(work: Work, size: Size, measured: Measured, say: Callable[[str], None]) -> None:
    for _ in range(work.warm_up):
        work.ours()
        work.floor()

    began = time.monotonic()
    repeat = min(size.repeat, work.repeat or size.repeat)
    for number in range(repeat):
        if time.monotonic() - began > size.seconds:
            work.notes.append(f"Ended after {number} of {repeat} repetitions: its time was up.")
            break
        measured.ours.append(work.ours())
        if floor := work.floor():
            measured.floor.append(floor)
        say(f"  {number + 1}/{repeat} {_words(measured)}")


def _words(measured: Measured) -> str:
    sides = {"ours": measured.ours[-1], "floor": measured.floor[-1] if measured.floor else {}}
    return "  ".join(f"{side} {key} {value:.4g}" for side, sample in sides.items() for key, value in sample.items())
