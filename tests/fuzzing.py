"""Damage to files, and how many examples of it are tried.

``RANKTUNE_FUZZ=20`` tries twenty times as many, each time others.
"""

import os
from collections.abc import Callable
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

TIMES = int(os.environ.get("RANKTUNE_FUZZ", "0"))

damage = st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4)), min_size=1, max_size=5)
"""Where, as a share of the length, and which bytes stand there then."""


def damaged(content: bytes, places: list[tuple[float, bytes]]) -> bytes:
    """The content with other bytes at those places."""
    for place, new in places:
        start = int(place * len(content))
        content = content[:start] + new + content[start + len(new) :]
    return content


def outcome(ask: Callable[[], Any], *refusals: type[BaseException]) -> tuple[Any, Any]:
    """What a call returned and None, or None and its refusal; anything else it raises passes."""
    try:
        return ask(), None
    except refusals as refused:
        return None, refused


def examples(count: int) -> settings:
    """So many examples, the same ones each time; more and others where that is asked for."""
    return settings(max_examples=count * max(1, TIMES), derandomize=not TIMES, deadline=None)
