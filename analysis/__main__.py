"""``python -m analysis``: reads studies; needs neither Ray nor torch."""

from __future__ import annotations

import shlex
import sys

from trainables.config.interruption import INTERRUPTED, interruptible
from trainables.config.starting import Starting

with Starting(program=__name__ == "__main__"):
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    import typer
    from typer.core import TyperCommand
    from typer.main import get_command

    from analysis.commands.registry import COMMANDS
    from trainables.config.installation import command_line
    from trainables.files.file_problem import file_problem, unwritable
    from trainables.text.option_values import OptionsError, OwnValues
    from trainables.text.printable import escape_unknown_characters
    from trainables.text.suggestion import nearest

HELP = (
    "Reads studies that a search wrote, running or finished.\n\n"
    f"{command_line('analysis')} STUDY rebuilds a study's tables and its report."
)


class Command(OwnValues, TyperCommand):
    """A command that takes nothing but its options and their own values."""

    def more_problems(self, values: Mapping[str, Any]) -> Iterable[str]:
        """What keeps a folder of ``--out`` from being written."""
        folder = values.get("out") if self.name in ("best", "figures") else None
        problem = unwritable(folder) if folder else None
        return [problem] if problem else []


def _app(called: str) -> typer.Typer:
    """Every command by name and help line, of which only the called one is imported."""
    app = typer.Typer(help=HELP, no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    for name, command in COMMANDS.items():
        run = command.load() if name == called else lambda: None
        app.command(name, cls=Command, help=command.help)(run)
    return app


@interruptible
def main(arguments: Sequence[str]) -> int:
    """Returns the exit code: 0, or 2 with one message about a usage error."""
    arguments = list(arguments)
    if arguments[:1] != ["export"]:  # a program reads what that prints: nothing is escaped in it
        escape_unknown_characters()
    try:
        words = _with_command(arguments)
        run: Callable[..., Any] = get_command(_app(next(iter(words), ""))).main
        result = run(words, prog_name=command_line("analysis"), standalone_mode=False)
    except SystemExit as end:  # click's answer to a reader, such as head, that closed the pipe
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        return 0
    except OptionsError as wrong:
        print(*(f"error: {problem}" for problem in wrong.problems), sep="\n", file=sys.stderr)
        return 2
    except Exception as problem:
        text = _message(problem)
        if text is None:
            raise
        print(f"error: {text}", file=sys.stderr)
        return 2
    if result == INTERRUPTED:  # typer's code for Ctrl-C, without a word; no command has it
        raise KeyboardInterrupt
    return result if isinstance(result, int) else 0


def _with_command(arguments: list[str]) -> list[str]:
    """The arguments; ``build`` comes before a STUDY alone.

    Raises:
        OptionsError: where the first word is neither a command nor a study, and where the command
            comes after it.
    """
    first = arguments[0] if arguments else "--help"
    if first.startswith("-") or first in COMMANDS:
        return arguments
    near = None if Path(first).exists() else nearest(first, COMMANDS)
    if near:
        raise OptionsError([f"no command or study folder {first!r}; did you mean {near}?"])
    if command := next((word for word in arguments[1:] if word in COMMANDS), None):
        in_order = shlex.join([command, *(word for word in arguments if word != command)])
        raise OptionsError([f"the command comes first: {command_line('analysis')} {in_order}"])
    return ["build", *arguments]


def _message(problem: Exception) -> str | None:
    """The message of a usage error; None for faults of the program."""
    from analysis.charts.chart import FigureError  # these import pandas
    from analysis.record.record import RecordError
    from analysis.record.tables import TableError

    if hasattr(problem, "format_message"):  # a usage error, whichever click typer brings
        return str(problem.format_message())
    if isinstance(problem, OSError):
        return file_problem(problem)
    expected = (RecordError, TableError, FigureError)
    return str(problem) if isinstance(problem, expected) else None


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
