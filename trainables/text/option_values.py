"""What is no option and no value of one, and options that lack theirs."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from trainables.text.suggestion import nearest, nearest_few

MAY_BE_EMPTY = {"PATTERNS"}
"""The kinds of values, as ``--help`` names them, that an option takes empty as well."""


class OptionsError(ValueError):
    """A command line is wrong; ``problems`` lists everything."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def readable_words(
    command: Any, words: Sequence[str], unknown: Callable[[str, str], str]
) -> tuple[list[str], list[str]]:
    """The words that click's ``command`` can read, and what to say of those left out.

    Click would tell of the first alone, or take an option for another's value: ``--name --plan``
    would name a study "--plan", and start it.

    Args:
        command: whose options count.
        words: of the command line, after the command's name.
        unknown: what to say of an option that there is not, and of what follows it, or "".
    """
    options = {
        name: option
        for option in command.params
        for name in (*option.opts, *option.secondary_opts)
        if option.param_type_name == "option"
    }
    read: list[str] = []
    problems: list[str] = []
    left = list(words)
    while left and left[0] != "--":
        word = left.pop(0)
        name, equals, value = word.partition("=")
        after = value if equals else left[0] if left else None
        if name in ("-", "--help") or not name.startswith("-"):
            read.append(word)
        elif name not in options:
            follows = not equals and after and not after.startswith("-")
            problems.append(unknown(word, left.pop(0) if follows else ""))
        elif options[name].is_flag:
            read += [] if equals else [word]
            problems += [f"{name} takes no value, got {word!r}"] if equals else []
        elif after is None:
            problems.append(f"{name} lacks its value: nothing follows it")
        elif not equals and after.partition("=")[0] in {*options, "--help"}:
            problems.append(f"{name} lacks its value: what follows, {after}, is an option itself")
            left = left[after == "--help" :]
        else:  # an empty value is that of a shell's variable that is not set
            own = [word] if equals else [word, left.pop(0)]
            is_missing = after == "" and options[name].metavar not in MAY_BE_EMPTY
            read += [] if is_missing else own
            problems += [f"{name} is empty: give it a value, or leave the option out"] * is_missing
    return [*read, *left], problems


def meant_by(word: str, value: str, options: Iterable[str], keys: Collection[str]) -> str | None:
    """What an unknown option, or an argument that stands alone, is likely to mean; None: no idea.

    Args:
        word: ``--lr=.1``, ``--lr`` or ``lr=.1``.
        value: what follows the word; "" where nothing does.
        options: those that there are.
        keys: those that ``--set`` takes.
    """
    name, equals, given = word.partition("=")
    is_option = name.startswith("-")
    key = name.lstrip("-").replace("-", "_")
    if key not in keys and (option := nearest(name, options)):
        return f"did you mean {option}?"
    alike = nearest_few(key, keys, count=1, likeness=0.75) if is_option or equals else []
    near = key if key in keys else next(iter(alike), None)
    setting = shlex.quote(f"{near}={given or value or 'VALUE'}")
    return f"a key is set by --set {setting}" if near else None


class OwnValues:
    """For a command of click's: tells all that is wrong with its options at once.

    ``keys`` are those of a trial, which ``--set`` takes where there is one.
    """

    allow_extra_args = True  # click names them alone, without a word on what they may be
    keys: ClassVar[Collection[str]] = ()
    params: Any  # these three are click's
    make_parser: Any
    get_params: Any

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As click does, once all that was given is right.

        Raises:
            OptionsError: with everything that is wrong.
        """
        options = [name for param in self.params for name in param.opts if name.startswith("-")]
        keys = self.keys if "--set" in options else ()
        help_first = f"{ctx.command_path} --help lists what there is"

        def unknown(word: str, value: str, kind: str = "option") -> str:
            meaning = meant_by(word, value, options, keys)
            return f"unknown {kind} {word!r}; {meaning or help_first}"

        words, problems = readable_words(self, args, unknown)
        has_unknown = bool(problems)
        try:
            super().parse_args(ctx, list(words))  # type: ignore[misc]
        except Exception as problem:
            # click's usage errors have it, also those of the copy that typer contains
            if not hasattr(problem, "format_message"):
                raise
            problems += self._wrong_values(ctx, words, arguments=not has_unknown)
        problems += [unknown(word, "", "argument") for word in ctx.args]
        problems += self.more_problems(ctx.params)
        if problems:
            raise OptionsError(problems)
        return []

    def more_problems(self, values: Mapping[str, Any]) -> Iterable[str]:
        """What the command itself would say of its options' ``values``, were all others right."""
        return ()

    def _wrong_values(self, ctx: Any, words: Sequence[str], *, arguments: bool) -> Iterable[str]:
        """What click says of each value; without ``arguments``, of those of options alone."""
        opts, rest, _ = self.make_parser(ctx).parse_args(list(words))
        for parameter in self.get_params(ctx):
            if arguments or parameter.param_type_name == "option":
                try:
                    parameter.handle_parse_result(ctx, opts, rest)
                except Exception as problem:
                    if not hasattr(problem, "format_message"):
                        raise
                    got = opts.get(parameter.name)
                    text = problem.format_message().replace("Value error, ", "").rstrip(".")
                    yield text if got is None or repr(got) in text else f"{text}, got {got!r}"
        ctx.args = rest
