"""The names that were probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice most like ``name``; None where none is."""
    return next(iter(nearest_few(name, choices, count=1)), None)


def nearest_few(
    name: str, choices: Iterable[str], *, count: int = 3, likeness: float = 0.6
) -> list[str]:
    """The choices most like ``name``, the nearest first; ``likeness`` in [0, 1] is the least."""
    return difflib.get_close_matches(name, list(choices), n=count, cutoff=likeness)


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """The end of an error's sentence, "; did you mean 'x'?"; empty where no choice is near."""
    near = nearest(name, choices)
    return f"; did you mean {near!r}?" if near is not None else ""
