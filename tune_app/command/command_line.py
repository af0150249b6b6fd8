"""The command line of ``run_tune.py``: parses arguments into RunOptions."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from search_spaces.grammar.folder_name import is_folder_name
from trainables.commands.settings import options_as_keys
from trainables.config.installation import command_line
from trainables.config.train_config import default_keys, unknown_key
from trainables.files.storage import is_shortened_uri, is_uri, unknown_scheme
from tune_app.command import flags
from tune_app.command.errors import UsageError
from tune_app.command.idle_options import flag, idle_options
from tune_app.command.option_parsers import ParseError
from tune_app.command.options import RunOptions
from tune_app.command.programs import PROGRAMS
from tune_app.command.space_problems import space_problems
from tune_app.command.typed_words import TypedWords

PROGRAM = "run_tune.py"
"""The first word of a recorded command, however the program was started."""

HELP = (
    "Which low-rank network is best for a parameter budget, and how sure are we?\n\n"
    "Searches a space of networks and writes one folder with the answer. "
    "The same command again continues where it stopped. "
    "Omitted options use the space's defaults.\n\n"
    f"Start with: {command_line()} --space quickstart\n\n"
    f"Other programs: {', '.join(PROGRAMS)}; {command_line()} NAME --help explains one."
)


def parse_options(argv: Sequence[str]) -> RunOptions:
    """The options of a command line without its program name.

    Raises:
        UsageError: with everything that is wrong with it.
        SystemExit: with code 0 after ``--help``.
    """
    command = get_command(_app)
    typed = TypedWords(command, argv)
    try:
        result = command.main(
            list(typed.readable), prog_name=command_line(), standalone_mode=False, obj=typed
        )
    except SystemExit as end:  # click's answer to a reader, such as head, that closed the pipe
        if isinstance(end.__context__, BrokenPipeError):
            raise SystemExit(0) from None
        raise
    except Exception as problem:
        # click's usage errors have it, also those of the copy that typer contains
        if not hasattr(problem, "format_message"):
            raise
        raise UsageError([problem.format_message()]) from problem
    if not isinstance(result, RunOptions):
        raise SystemExit(result or 0)
    return result


class _Command(TyperCommand):
    """Shows ``--help`` as a flag, where typer would append ``<bool>``."""

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)
        if option is not None:
            option.metavar = ""
        return option


_app = typer.Typer(add_completion=False)


@_app.command(
    cls=_Command,
    help=HELP,
    context_settings={"allow_extra_args": True},
)
def _command(
    context: typer.Context,
    space: flags.Space = None,
    settings: flags.Set = None,
    preset: flags.Preset = "full",
    dataset: flags.Dataset = None,
    seeds: flags.Seeds = None,
    estimating_seeds: flags.EstimatingSeeds = None,
    confirm: flags.Confirm = None,
    confirm_what: flags.ConfirmWhat = None,
    top: flags.Top = None,
    search: flags.Search = None,
    scheduler: flags.Scheduler = None,
    grace_period: flags.GracePeriod = None,
    reduction_factor: flags.ReductionFactor = None,
    num_samples: flags.NumSamples = None,
    objective: flags.Objective = "val_accuracy",
    search_seed: flags.SearchSeed = "0",
    time_budget: flags.TimeBudget = None,
    max_failures: flags.MaxFailures = "2",
    max_parameters: flags.MaxParameters = None,
    max_macs: flags.MaxMacs = None,
    gpus_per_trial: flags.GpusPerTrial = None,
    cpus_per_trial: flags.CpusPerTrial = None,
    epochs_per_report: flags.EpochsPerReport = "1",
    accelerator_type: flags.AcceleratorType = None,
    resources: flags.Resources = None,
    max_concurrent: flags.MaxConcurrent = None,
    results_dir: flags.ResultsDir = Path("results"),
    name: flags.Name = None,
    data_dir: flags.DataDir = None,
    download: flags.Download = None,
    skip_unreadable: flags.SkipUnreadable = False,
    storage: flags.Storage = None,
    study_id: flags.StudyId = None,
    checkpoint_interval: flags.CheckpointInterval = "60s",
    address: flags.Address = None,
    keep: flags.Keep = "10",
    reuse_from: flags.ReuseFrom = None,
    fresh: flags.Fresh = False,
    plan: flags.PlanOnly = False,
    json: flags.AsJson = False,
    list_spaces: flags.ListSpaces = False,
) -> RunOptions:
    """Checks the parsed options together."""
    given = {key: value for key, value in locals().items() if key != "context"}
    problems = [
        *context.obj.problems(context.args),
        *_unparsed_values(given),
        *_repeated_keys(given),
        *(mistaken := options_as_keys(context.command, _set_keys(given))).values(),
        *context.obj.repeated(),
    ]
    problems += [
        *_misplaced(context, given),
        *_uris_for_folders(given),
    ]
    if not list_spaces and (problems or not space):  # else the plan reports these with its own
        unknown = {*_set_keys(given)} - default_keys().keys() - mistaken.keys()
        problems += map(unknown_key, sorted(unknown))
        if space or not any(problem.startswith("--space ") for problem in problems):
            problems += space_problems(space, search, scheduler)
    if problems:
        raise UsageError(problems)
    return _options(given, command=shlex.join([PROGRAM, *context.obj.words]))


def _options(given: dict[str, Any], command: str) -> RunOptions:
    """The options under RunOptions' names, with its defaults for those that were not given."""
    renamed = {
        "plan": "plan_only",
        "json": "as_json",
        "time_budget": "time_budget_seconds",
        "checkpoint_interval": "checkpoint_seconds",
    }
    fields = {renamed.get(key, key): value for key, value in given.items()}
    fields["settings"] = dict(fields["settings"] or ())
    fields["resources"] = tuple(fields["resources"] or ())
    fields["reuse_from"] = tuple(fields["reuse_from"] or ())
    empty = {"space": "", "confirm": 0, "confirm_what": "best", "top": 1}
    fields |= {key: value for key, value in empty.items() if fields[key] is None}
    return RunOptions(**fields, command=command)


def _unparsed_values(given: dict[str, Any]) -> Iterable[str]:
    """The values that could not be parsed."""
    for key, value in given.items():
        for parsed in value if isinstance(value, list) else [value]:
            if isinstance(parsed, ParseError):
                yield f"{flag(key)}: {parsed.problem}"


def _set_keys(given: dict[str, Any]) -> list[str]:
    """The keys of every ``--set`` that could be parsed."""
    settings = given["settings"] or ()
    return [setting[0] for setting in settings if not isinstance(setting, ParseError)]


def _repeated_keys(given: dict[str, Any]) -> Iterable[str]:
    keys = _set_keys(given)
    for key in dict.fromkeys(keys):
        if keys.count(key) > 1:
            yield f"--set {key} is given {keys.count(key)} times; write --set {key}=A,B"


def _misplaced(context: typer.Context, given: dict[str, Any]) -> Iterable[str]:
    """A name that is a path, and options that have no effect together with the others."""
    name = given["name"]
    if name is not None and not is_folder_name(name):
        yield f"--name is the name of one folder, got {name!r}; --results-dir says where it lies"
    typed = {key for key in given if _is_typed(context, key)}
    yield from idle_options(typed)
    if given["confirm_what"] == "question" and "top" in typed:
        yield "--top counts the best, but --confirm-what question confirms all: leave --top out"


def _is_typed(context: typer.Context, key: str) -> bool:
    """Whether an option was given on the command line, even with its default value."""
    source = context.get_parameter_source(key)
    return source is not None and source.name == "COMMANDLINE"


LOCAL_FOLDERS = {
    "results_dir": "results lie on this machine's disk; --storage URI keeps checkpoints and a copy "
    "of the record elsewhere",
    "data_dir": "images are read from a folder of this machine, which hands them to the others",
    "download": "images are downloaded to a folder of this machine, which hands them to the others",
    "reuse_from": "name a study's folder; its own command with --storage brings a study home",
}
"""Options that name a local folder, with advice for a URI in its place."""


def _uris_for_folders(given: dict[str, Any]) -> Iterable[str]:
    """URIs where a local folder is expected; ``Path`` has removed one of their two slashes."""
    storage = str(given["storage"] or "")
    if is_shortened_uri(storage) and not is_uri(storage):
        yield f"--storage {storage}: a URI has two slashes, {storage.replace(':/', '://', 1)}"
    if wrong := unknown_scheme(storage):
        yield f"--storage: {wrong}"
    for key, advice in LOCAL_FOLDERS.items():
        for path in given[key] if isinstance(given[key], list) else [given[key]]:
            if path is not None and is_shortened_uri(str(path)):
                uri = str(path).replace(":/", "://", 1)
                yield f"{flag(key)} {uri}: {advice}"
