"""One network: ``python -m trainables train``, and whatever else the registry of commands names."""

from __future__ import annotations

import sys

from trainables.config.interruption import interruptible
from trainables.config.starting import Starting

with Starting(program=__name__ == "__main__"):
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    import typer
    from typer.core import TyperCommand

    from trainables.commands.arguments import wrong_places
    from trainables.commands.compress import wrong_target
    from trainables.commands.export import wrong_export
    from trainables.commands.registry import COMMANDS, EXAMPLES
    from trainables.commands.settings import read_settings
    from trainables.config.installation import INSTALLED, command_line, is_installed
    from trainables.config.train_config import ConfigError, default_keys
    from trainables.files.file_problem import file_problem
    from trainables.text.option_values import OwnValues
    from trainables.text.printable import escape_unknown_characters

WRONG_USE = 2


class Command(OwnValues, TyperCommand):
    """A command that takes nothing but its options and their own values."""

    keys = default_keys()

    def more_problems(self, values: Mapping[str, Any]) -> Iterable[str]:
        """What is wrong with folders, the keys of ``--set`` and the size to compress to."""
        yield from wrong_places(values)
        if self.name == "compress":
            yield from wrong_target(values)
        if self.name == "export":
            yield from wrong_export(values)
        if values.get("study") is not None:
            return  # which has its keys
        settings = list(values.get("settings") or ())
        if "settings" in values and (network := values.get("network")):
            settings.insert(0, f"network={network}")
        if dataset := values.get("dataset"):
            settings.append(f"dataset={dataset}")
        try:
            read_settings(settings, self)
        except ConfigError as wrong:
            yield from wrong.problems


@interruptible
def main(argv: Sequence[str]) -> int:
    """Runs one command; returns its exit code, 2 for wrong use with every problem on stderr."""
    escape_unknown_characters()
    app = typer.Typer(
        help="Train, compress or export one network.",
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(lambda: None)  # keeps a single command a subcommand
    for name, command in COMMANDS.items():
        example = f"Example: {command_line(name)} {EXAMPLES[name]}"
        app.command(name, cls=Command, epilog=example)(command)
    program = INSTALLED if is_installed() else "python -m trainables"
    try:
        app(args=list(argv), prog_name=program)
    except SystemExit as end:  # typer's way of ending, 2 for options it does not know
        if end.__context__ and isinstance(end.__context__.__cause__, KeyboardInterrupt):
            raise KeyboardInterrupt from None  # which typer takes, and ends without a word
        return end.code if isinstance(end.code, int) else 0
    except ValueError as wrong:  # of configurations, data sets, checkpoints: each says what to do
        problems = getattr(wrong, "problems", [wrong])
        print(*(f"error: {problem}" for problem in problems), sep="\n", file=sys.stderr)
        return WRONG_USE
    except OSError as wrong:
        print(f"error: {file_problem(wrong)}", file=sys.stderr)
        return WRONG_USE
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
