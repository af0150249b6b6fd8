"""What is no option and no value of one, and options that lack theirs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import pairwise, takewhile
from typing import Any, ClassVar

from trainables.text.suggestion import nearest


def options_as_values(command: Any, arguments: Iterable[str]) -> Iterable[str]:
    """What to say of each option of click's ``command`` that took the next one as its value.

    ``--name --plan`` would name a study "--plan", and start it.
    """
    options = {
        name: option
        for option in command.params
        for name in (*option.opts, *option.secondary_opts)
        if option.param_type_name == "option"
    }
    lacks_value = False
    for name, value in pairwise(takewhile(lambda argument: argument != "--", arguments)):
        expects_value = name in options and not options[name].is_flag and not lacks_value
        lacks_value = expects_value and value.partition("=")[0] in {*options, "--help"}
        if lacks_value:
            yield f"{name} lacks its value: what follows, {value}, is an option itself"


def meant_by(word: str, keys: Iterable[str]) -> str | None:
    """What an argument that stands alone means if it is KEY=VALUE: the option that sets the key."""
    name, equals, value = word.partition("=")
    key = nearest(name, keys) if equals else None
    return f"a key is set by --set {key}={value}" if key else None


class OwnValues:
    """For a command of click's: refuses an option as another's value, and words without an option.

    ``keys`` are those that ``--set`` takes.
    """

    allow_extra_args = True  # click names them alone, without a word on what they may be
    keys: ClassVar[Collection[str]] = ()

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As click does, once every option has a value of its own.

        Raises:
            click.UsageError: with all that lack one.
        """
        problems = [*options_as_values(self, args)]
        if problems:
            ctx.fail("; ".join(problems))
        super().parse_args(ctx, args)  # type: ignore[misc]
        help_first = f"{ctx.command_path} --help lists what there is"
        strays = [
            f"unknown argument {word!r}; {meant_by(word, self.keys) or help_first}"
            for word in ctx.args
        ]
        if strays:
            ctx.fail("; ".join(strays))
        return []
