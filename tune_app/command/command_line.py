"""The command line of ``run_tune.py``: what was typed becomes RunOptions."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from search_spaces.grammar.suggestion import nearest
from search_spaces.grammar.toml_file import SpaceError
from search_spaces.registry import get_space
from trainables.config.installation import command_line
from trainables.data.datasets.registry import DATASETS
from tune_app.command.choices import (
    CONFIRM_CHOICES,
    OBJECTIVES,
    PRESETS,
    SCHEDULER_CHOICES,
    SEARCH_CHOICES,
)
from tune_app.command.errors import UsageError
from tune_app.command.option_parsers import (
    OptionParser,
    ParseError,
    above,
    above_zero,
    at_least,
    duration,
    kept,
    objectives,
    one_of,
    setting,
    share,
)
from tune_app.command.options import RunOptions
from tune_app.command.programs import PROGRAMS

PROGRAM = "run_tune.py"
"""How a command begins on record, however it was started."""

HELP = (
    "Which low-rank network is best for a parameter budget, and how sure are we?\n\n"
    "Searches a space of networks and writes one folder with the answer. "
    "The same command again continues where it stopped. "
    "Omitted options use the space's defaults.\n\n"
    f"Start with: {command_line()} --space quickstart\n\n"
    f"Other programs: {', '.join(PROGRAMS)}; {command_line()} NAME --help explains one."
)

ASK, HOW, SIZE = "What to ask", "How to search", "How large a network may be"
RUN, WHERE, SHOW = "What a trial may use", "Where", "Look before you start"


def parse_options(argv: Sequence[str]) -> RunOptions:
    """The options of a command line without its program name.

    Raises:
        UsageError: with everything that is wrong with it.
        SystemExit: with code 0 after ``--help``.
    """
    command = get_command(_app)
    try:
        result = command.main(
            list(argv), prog_name=command_line(), standalone_mode=False, obj=list(argv)
        )
    except Exception as problem:
        if not hasattr(problem, "format_message"):  # a usage error, whichever click typer brings
            raise
        raise UsageError([problem.format_message()]) from problem
    if not isinstance(result, RunOptions):
        raise SystemExit(result or 0)
    return result


def _option(
    panel: str, metavar: str, text: str, read: OptionParser | None = None, name: str = ""
) -> Any:
    names = [name] if name else []
    return typer.Option(
        *names, metavar=metavar, help=text, parser=read, rich_help_panel=panel, show_default=False
    )


def _flag(panel: str, name: str, text: str) -> Any:
    return _option(panel, "", text, name=name)


def _names(choices: Iterable[str]) -> str:
    return "|".join(choices)


class _Command(TyperCommand):
    """Shows ``--help`` as the flag that it is: typer would put ``<bool>`` behind it."""

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)
        if option is not None:
            option.metavar = ""
        return option


_app = typer.Typer(add_completion=False)

# Any: a value, a ParseError, or the default, which typer passes through the reader as well
Space = Annotated[str | None, _option(ASK, "SPACE", "A space's name, or a .toml file.")]
Set = Annotated[
    list[Any] | None,
    _option(
        ASK,
        "KEY=V[,V…]",
        "Fix a key, or narrow it to several values; repeatable. KEY=none drops it.",
        setting,
        "--set",
    ),
]
Preset = Annotated[
    Any,
    _option(
        ASK,
        _names(PRESETS),
        "quick: narrow networks, few epochs, fewer images.",
        one_of("preset", PRESETS),
    ),
]
Dataset = Annotated[
    str | None,
    _option(
        ASK, "NAME", "; ".join(f"{name}: {source.help}" for name, source in DATASETS.items()) + "."
    ),
]
Seeds = Annotated[
    Any,
    _option(ASK, "N", "Train every point with seeds 0 to N-1; these choose the best.", at_least(1)),
]
EstimatingSeeds = Annotated[
    Any,
    _option(
        ASK,
        "N",
        "Train what was chosen with N new seeds, for an unbiased estimate; default 5. "
        "0 skips that stage, and nothing is claimed of what was tuned.",
        at_least(0),
    ),
]
Confirm = Annotated[
    Any,
    _option(
        ASK,
        "N",
        "Retrain the best of a finished study with N new seeds on all training images, "
        "and evaluate on the test set once.",
        at_least(1),
    ),
]
ConfirmWhat = Annotated[
    Any,
    _option(
        ASK,
        _names(CONFIRM_CHOICES),
        "What --confirm retrains: the best, the best at each size or of each family, or what each "
        "arm of the questions chose.",
        one_of("choice", CONFIRM_CHOICES),
    ),
]
Top = Annotated[
    Any, _option(ASK, "K", "How many of each --confirm retrains; default 1.", at_least(1))
]
Search = Annotated[
    Any,
    _option(
        HOW, _names(SEARCH_CHOICES), "How trials are proposed.", one_of("search", SEARCH_CHOICES)
    ),
]
Scheduler = Annotated[
    Any,
    _option(
        HOW,
        _names(SCHEDULER_CHOICES),
        "How trials are stopped early.",
        one_of("scheduler", SCHEDULER_CHOICES),
    ),
]
GracePeriod = Annotated[
    Any,
    _option(HOW, "N", "Epochs before a scheduler stops a trial; default: a quarter.", at_least(1)),
]
ReductionFactor = Annotated[
    Any,
    _option(HOW, "X", "At a rung of asha one trial in X goes on; default 3.", above(1)),
]
NumSamples = Annotated[
    Any, _option(HOW, "N", "Number of points that random or optuna draws.", at_least(1))
]
Objective = Annotated[
    Any,
    _option(
        HOW,
        "NAME[,NAME…]",
        f"What to optimise: {', '.join(OBJECTIVES)}. Several give a Pareto front.",
        objectives,
    ),
]
SearchSeed = Annotated[
    Any,
    _option(HOW, "N", "Seed of sampling and trial order; training uses the key seed.", at_least(0)),
]
TimeBudget = Annotated[Any, _option(HOW, "TIME", "Stop after 30m, 2h, 1d12h.", duration())]
MaxFailures = Annotated[
    Any, _option(HOW, "N", "How often a failing trial is tried again; default 2.", at_least(0))
]
MaxParameters = Annotated[
    Any, _option(SIZE, "N", "Leave out networks with more parameters.", at_least(1))
]
MaxMacs = Annotated[
    Any, _option(SIZE, "N", "Leave out networks with more multiply-adds per image.", above_zero())
]
GpusPerTrial = Annotated[
    Any, _option(RUN, "X|auto", "Fraction of a GPU; auto measures which is fastest.", share())
]
CpusPerTrial = Annotated[Any, _option(RUN, "X", "CPU cores per trial; default 1.", above_zero())]
MaxConcurrent = Annotated[Any, _option(RUN, "N", "Maximum number of trials at once.", at_least(1))]
ResultsDir = Annotated[
    Path, _option(WHERE, "DIR", "Folder that holds the studies; default: results.")
]
Name = Annotated[str | None, _option(WHERE, "NAME", "Name of the study; default: the space's.")]
DataDir = Annotated[
    Path | None, _option(WHERE, "DIR", "An existing copy of the data set; it is never created.")
]
Download = Annotated[
    Path | None, _option(WHERE, "DIR", "Where an absent data set is downloaded to.")
]
SkipUnreadable = Annotated[
    bool, _flag(WHERE, "--skip-unreadable", "Go on without images that cannot be read.")
]
Storage = Annotated[
    str | None, _option(WHERE, "PATH|URI", "Where checkpoints go; every node must see it.")
]
Address = Annotated[str | None, _option(WHERE, "ADDRESS", "A running Ray cluster; auto finds it.")]
Keep = Annotated[
    Any,
    _option(
        WHERE,
        "all|front|K",
        "Checkpoints that stay: the front and the best of each size, and the K most accurate "
        "(default 10).",
        kept(),
    ),
]
ReuseFrom = Annotated[
    list[Path] | None,
    _option(WHERE, "STUDY", "Take results of equal trials from this study; repeatable."),
]
Fresh = Annotated[bool, _flag(WHERE, "--fresh", "Move a study of that name aside and begin anew.")]
PlanOnly = Annotated[
    bool, _flag(SHOW, "--plan", "Print every trial that would run; start nothing.")
]
AsJson = Annotated[bool, _flag(SHOW, "--json", "With --plan: one JSON object.")]
ListSpaces = Annotated[bool, _flag(SHOW, "--list-spaces", "Print the spaces and their questions.")]


@_app.command(
    cls=_Command,
    help=HELP,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
def _command(
    context: typer.Context,
    space: Space = None,
    settings: Set = None,
    preset: Preset = "full",
    dataset: Dataset = None,
    seeds: Seeds = None,
    estimating_seeds: EstimatingSeeds = None,
    confirm: Confirm = None,
    confirm_what: ConfirmWhat = None,
    top: Top = None,
    search: Search = None,
    scheduler: Scheduler = None,
    grace_period: GracePeriod = None,
    reduction_factor: ReductionFactor = None,
    num_samples: NumSamples = None,
    objective: Objective = "val_accuracy",
    search_seed: SearchSeed = "0",
    time_budget: TimeBudget = None,
    max_failures: MaxFailures = "2",
    max_parameters: MaxParameters = None,
    max_macs: MaxMacs = None,
    gpus_per_trial: GpusPerTrial = None,
    cpus_per_trial: CpusPerTrial = None,
    max_concurrent: MaxConcurrent = None,
    results_dir: ResultsDir = Path("results"),
    name: Name = None,
    data_dir: DataDir = None,
    download: Download = None,
    skip_unreadable: SkipUnreadable = False,
    storage: Storage = None,
    address: Address = None,
    keep: Keep = "10",
    reuse_from: ReuseFrom = None,
    fresh: Fresh = False,
    plan: PlanOnly = False,
    json: AsJson = False,
    list_spaces: ListSpaces = False,
) -> RunOptions:
    """What typer read, checked as a whole."""
    given = {key: value for key, value in locals().items() if key != "context"}
    problems = [*_stray(context), *_unread(given), *_repeated(given), *_misplaced(given)]
    if not list_spaces:
        problems += _space_problems(space)
    if problems:
        raise UsageError(problems)
    return _options(given, command=shlex.join([PROGRAM, *context.obj]))


def _options(given: dict[str, Any], command: str) -> RunOptions:
    """RunOptions' own names and empty values; a default of its own where nothing was given."""
    renamed = {"plan": "plan_only", "json": "as_json", "time_budget": "time_budget_seconds"}
    fields = {renamed.get(key, key): value for key, value in given.items()}
    fields["settings"] = dict(fields["settings"] or ())
    fields["reuse_from"] = tuple(fields["reuse_from"] or ())
    empty = {"space": "", "confirm": 0, "confirm_what": "best", "top": 1}
    fields |= {key: value for key, value in empty.items() if fields[key] is None}
    return RunOptions(**fields, command=command)


def _stray(context: typer.Context) -> Iterable[str]:
    """What is no option and belongs to none."""
    flags = [flag for parameter in context.command.params for flag in parameter.opts]
    for argument in context.args:
        name = argument.partition("=")[0]
        near = nearest(name, flags)
        hint = f"did you mean {near}?" if near else f"{command_line()} --help lists what there is"
        yield f"unknown {'option' if name.startswith('-') else 'argument'} {name!r}; {hint}"


def _unread(given: dict[str, Any]) -> Iterable[str]:
    """The values that no reader could make sense of."""
    for key, value in given.items():
        flag = "--set" if key == "settings" else f"--{key.replace('_', '-')}"
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, ParseError):
                yield f"{flag}: {one.problem}"


def _repeated(given: dict[str, Any]) -> Iterable[str]:
    keys = [one[0] for one in given["settings"] or () if not isinstance(one, ParseError)]
    for key in dict.fromkeys(keys):
        if keys.count(key) > 1:
            yield f"--set {key} is given {keys.count(key)} times; write --set {key}=A,B"


def _misplaced(given: dict[str, Any]) -> Iterable[str]:
    """Options that say nothing without another, or a name that is a path."""
    name = given["name"]
    if name is not None and (name in ("", ".", "..") or {"/", "\\"} & set(name)):
        yield f"--name is one folder's name, got {name!r}; --results-dir says where it lies"
    if given["json"] and not given["plan"]:
        yield "--json says how --plan prints; add --plan"
    for flag, key in (("--top", "top"), ("--confirm-what", "confirm_what")):
        if given[key] is not None and given["confirm"] is None:
            yield f"{flag} says what --confirm retrains; add --confirm N"


def _space_problems(space: str | None) -> Iterable[str]:
    if not space:
        return ["--space is missing: a space's name or a .toml file; --list-spaces prints them"]
    try:
        get_space(space)
    except SpaceError as error:
        return error.problems
    return []
