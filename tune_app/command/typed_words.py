"""The words of a command line as they were typed, and what is wrong with them as words."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any

from search_spaces.registry import SPACES
from trainables.config.installation import command_line
from trainables.config.train_config import default_keys
from trainables.text.option_values import meant_by, readable_words


class TypedWords:
    """The arguments of click's ``command``; ``readable`` are those that it can read."""

    def __init__(self, command: Any, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self._parameters = command.params
        self._options = [name for parameter in command.params for name in parameter.opts]
        self.readable, self._unreadable = readable_words(command, words, self._unknown)

    def problems(self, arguments: Iterable[str]) -> Iterable[str]:
        """Options that there are not or that lack a value, and ``arguments`` that are no value."""
        yield from self._unreadable
        for argument in arguments:
            name = argument.partition("=")[0]
            if name in self._options:
                yield f"{name} comes after --, where nothing is read as an option; drop the --"
            else:
                yield self._unknown(argument)

    def _unknown(self, word: str, value: str = "") -> str:
        """What to say of a word that is no option, and no value of one; ``value`` follows it."""
        if word in SPACES or word.lower().endswith(".toml"):
            meaning = f"a space is named by --space {shlex.quote(word)}"
        else:
            near = meant_by(word, value, self._options, default_keys())
            meaning = near or f"{command_line()} --help lists what there is"
        return f"unknown {'option' if word.startswith('-') else 'argument'} {word!r}; {meaning}"

    def repeated(self) -> Iterable[str]:
        """Options that take one value and were given several, of which only the last counts."""
        single = {
            name: parameter.opts[0]
            for parameter in self._parameters
            if not getattr(parameter, "multiple", False)
            and not getattr(parameter, "is_flag", False)
            for name in parameter.opts
        }
        before_dashes = takewhile(lambda word: word != "--", self.words)
        names = [argument.partition("=")[0] for argument in before_dashes]
        for name, count in Counter(single[name] for name in names if name in single).items():
            if count > 1:
                yield f"{name} is given {count} times; keep one of them"
