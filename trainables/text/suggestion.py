"""Suggestions of similar names, for errors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice most similar to ``name``; None where none is similar enough."""
    return next(iter(nearest_few(name, choices, count=1)), None)


def nearest_few(
    name: str, choices: Iterable[str], *, count: int = 3, likeness: float = 0.6
) -> list[str]:
    """The choices most similar to ``name``, best first; ``likeness`` in [0, 1] is the minimum.

    Capital letters make no difference, so that "mnist" is MNIST and not Omniglot.
    """
    choice_by_folded: dict[str, str] = {}
    for choice in choices:
        choice_by_folded.setdefault(choice.casefold(), choice)
    near = difflib.get_close_matches(name.casefold(), choice_by_folded, n=count, cutoff=likeness)
    return [choice_by_folded[folded] for folded in near]


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """The end of an error message, "; did you mean 'x'?"; "" where no choice is similar."""
    near = nearest(name, choices)
    return f"; did you mean {near!r}?" if near is not None else ""


def suggestion(name: str, choices: Iterable[str]) -> str:
    """What an unknown name may mean: "did you mean 'x'?", or all choices where none is similar."""
    choices = list(choices)
    near = nearest(name, choices)
    return f"did you mean {near!r}?" if near is not None else f"known are {', '.join(choices)}"
