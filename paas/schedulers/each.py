"""Start candidates one by one, some at a time, for schedulers that start single containers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from paas.core.releases.rollout import Candidate, Started
from paas.system.spans import carried

AT_ONCE = 4


def start_each(
    candidates: Sequence[Candidate], start_one: Callable[[Candidate], str], check: Callable[[], None]
) -> list[Started]:
    """Start the candidates. Raise the first error once no start is under way any more."""

    def start(candidate: Candidate) -> Started:
        check()
        return Started(candidate, start_one(candidate))

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="start") as pool:
        starts = [pool.submit(carried(partial(start, candidate))) for candidate in candidates]
    failure = next((future.exception() for future in starts if future.exception()), None)
    if failure:
        raise failure
    return [future.result() for future in starts]
