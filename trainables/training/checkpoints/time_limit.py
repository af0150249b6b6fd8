"""A limit for calls that have none of their own: S3 may hang for ever."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class NoAnswerError(OSError):
    """Neither a result nor an error came."""


def within(seconds: float, act: Callable[[], Result]) -> Result:
    """What ``act`` returns or raises.

    The thread of a call that hangs is left behind: it cannot be ended.

    Raises:
        NoAnswerError: when nothing came in that time.
    """
    answer: queue.SimpleQueue[tuple[Result | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answer.put((act(), None))
        except BaseException as problem:  # handed on to whoever waits
            answer.put((None, problem))

    threading.Thread(target=run, daemon=True, name="storage call").start()
    try:
        result, problem = answer.get(timeout=seconds)
    except queue.Empty:
        raise NoAnswerError(f"no answer within {seconds:.0f} s") from None
    if problem is not None:
        raise problem
    return result  # type: ignore[return-value]
