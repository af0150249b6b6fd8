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

    Capital letters make no difference, so that "mnist" is MNIST and not Omniglot. Nor do the dashes
    before an option, which alone make --lr like --plan. Initials that only one choice has ("lr")
    and first words ("batch") come first.
    """
    given = _plain(name)
    choice_by_plain: dict[str, str] = {}
    for choice in choices:
        choice_by_plain.setdefault(_plain(choice), choice)
    initials = [plain for plain in choice_by_plain if given and _initials(plain) == given]
    first = [plain for plain in choice_by_plain if given and plain.startswith(f"{given}_")]
    short = (initials if len(initials) == 1 else []) + first
    like = difflib.get_close_matches(given, choice_by_plain, n=count, cutoff=likeness)
    return [choice_by_plain[plain] for plain in dict.fromkeys([*short, *like])][:count]


def _plain(name: str) -> str:
    return name.lstrip("-").casefold().replace("-", "_")


def _initials(choice: str) -> str:
    """Of a name of several words: "lr" of learning_rate, "" of rank."""
    words = choice.split("_")
    return "".join(word[:1] for word in words) if len(words) > 1 else ""


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """The end of an error message, "; did you mean 'x'?"; "" where no choice is similar."""
    near = nearest(name, choices)
    return f"; did you mean {near!r}?" if near is not None else ""


def suggestion(name: str, choices: Iterable[str]) -> str:
    """What an unknown name may mean: "did you mean 'x'?", or all choices where none is similar."""
    choices = list(choices)
    near = nearest(name, choices)
    return f"did you mean {near!r}?" if near is not None else f"known are {', '.join(choices)}"
