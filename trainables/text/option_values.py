"""Options that lack their value, of which click takes the next option."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise, takewhile
from typing import Any


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


class OwnValues:
    """For a command of click's: refuses an option as another's value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As click does, once every option has a value of its own.

        Raises:
            click.UsageError: with all that lack one.
        """
        problems = [*options_as_values(self, args)]
        if problems:
            ctx.fail("; ".join(problems))
        return super().parse_args(ctx, args)  # type: ignore[misc]
