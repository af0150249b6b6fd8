"""A time limit for calls that have none of their own: a request to S3 may hang for ever."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

from trainables.config.interruption import HUNG

Result = TypeVar("Result")


class NoAnswerError(OSError):
    """The call has neither returned nor raised in time."""


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """Returns what ``call`` returns, and raises what it raises.

    A call that hangs keeps its thread, since Python cannot end one; the program's end does not wait
    for it.

    Raises:
        NoAnswerError: when the call takes longer than ``seconds``.
    """
    answer: queue.SimpleQueue[tuple[Result | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answer.put((call(), None))
        except BaseException as problem:  # raised again in the calling thread
            answer.put((None, problem))

    thread = threading.Thread(target=run, daemon=True, name="storage call")
    thread.start()
    try:
        result, problem = answer.get(timeout=seconds)
    except queue.Empty:
        HUNG[:] = [*(one for one in HUNG if one.is_alive()), thread]
        raise NoAnswerError(f"no answer within {seconds:.0f} s") from None
    if problem is not None:
        raise problem
    return result  # type: ignore[return-value]
