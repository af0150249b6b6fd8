"""Options and arguments are alike in every command: derived from the parsers themselves."""

import ast
import typing
from collections import defaultdict
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from analysis.commands import registry as reading
from trainables.commands import registry as training
from tune_app.command import command_line

ROOT = Path(__file__).resolve().parents[1]

TWO_MEANINGS = {
    "--format": "of a table, or of a chart",
    "--keep": "a search keeps checkpoints; layers keeps what a network's key `keep` keeps",
    "--out": "a folder, but for a table, which is a file",
    "--set": "a search takes several values, one network takes one",
}
"""Options whose value differs from command to command, and why."""


FUNCTIONS = {
    "search": command_line._command,
    **{name: command.load() for name, command in reading.COMMANDS.items()},
    **{f"trainables {name}": command for name, command in training.COMMANDS.items()},
}


def parameters(command: str) -> list:
    app = typer.Typer(add_completion=False)
    app.command()(FUNCTIONS[command])
    return get_command(app).params


PARAMETERS = {command: parameters(command) for command in FUNCTIONS}


def options(command: str) -> dict[str, object]:
    """The command's options by their first name."""
    return {
        one.opts[0]: one
        for one in PARAMETERS[command]
        if one.param_type_name == "option" and one.opts[0] != "--help"
    }


def is_flag(option) -> bool:
    return bool(getattr(option, "is_flag", False))


def test_an_option_takes_the_same_value_in_every_command():
    values = defaultdict(set)
    for command in PARAMETERS:
        for name, option in options(command).items():
            values[name].add("" if is_flag(option) else option.metavar)
    differing = {name for name, kinds in values.items() if len(kinds) > 1}
    assert differing == set(TWO_MEANINGS)


@pytest.mark.parametrize("command", PARAMETERS)
def test_a_value_is_named_in_capitals_or_by_its_choices_and_a_path_says_what_it_is(command):
    types = typing.get_type_hints(FUNCTIONS[command])
    for name, option in options(command).items():
        if is_flag(option):
            continue
        assert option.metavar, name
        assert option.metavar.isupper() or "|" in option.metavar, name
        if "Path" in str(types[option.name]):
            assert option.metavar in ("DIR", "FILE", "STUDY"), name


@pytest.mark.parametrize("command", PARAMETERS)
def test_a_study_comes_first_and_its_trial_behind_it(command):
    words = " ".join(
        one.metavar for one in PARAMETERS[command] if one.param_type_name == "argument"
    )
    assert words == words.upper()
    if "TRIAL" in words:
        assert words.replace("[", "").replace("]", "") == "STUDY TRIAL"


def test_whatever_trains_says_in_the_same_options_on_which_images():
    data = {"--dataset", "--data-dir", "--download", "--skip-unreadable"}
    assert data <= set(options("search")) & set(options("trainables train"))


def benchmark_options() -> list[tuple[str, str, bool, bool]]:
    """File, name, whether it takes no value, whether the value is a path."""
    found = []
    for path in sorted((ROOT / "benchmarks").rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if getattr(getattr(call, "func", None), "attr", "") != "add_argument":
                continue
            name = call.args[0].value
            words = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            if name.startswith("--"):
                flag, path_like = words.get("action") == "'store_true'", words.get("type") == "Path"
                found.append((str(path.relative_to(ROOT)), name, flag, path_like))
    return found


def test_benchmarks_name_their_options_as_the_commands_do():
    known = {name: option for command in PARAMETERS for name, option in options(command).items()}
    assert len(benchmark_options()) > 20
    for path, name, flag, path_like in benchmark_options():
        if name in known:
            assert flag == is_flag(known[name]), f"{path}: {name}"
        assert name in known or not path_like, (
            f"{path}: {name}; the commands know --out, --data-dir"
        )
