"""Each option of ``run_tune.py``: its flag, its help line and how its value is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from search_spaces.grammar.seeds import MOST_CHOOSING_SEEDS
from trainables.data.datasets.registry import DATASETS
from tune_app.command.choices import (
    CONFIRM_CHOICES,
    OBJECTIVES,
    PRESETS,
)
from tune_app.command.option_parsers import (
    MIN_GPU_SHARE,
    OptionParser,
    above_zero,
    at_least,
    custom_resource,
    duration,
    from_number,
    kept,
    objectives,
    one_of,
    setting,
    share,
)
from tune_app.command.schedulers import SCHEDULERS
from tune_app.command.searchers import SEARCHERS

MAX_SAMPLES = 1_000_000
"""Most points of one search: more would take too long to run, and memory to plan."""

ASK, HOW, SIZE = "What to ask", "How to search", "How large a network may be"
RUN, WHERE, SHOW = "What a trial may use", "Where", "Look before you start"


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


class _Entry(Protocol):
    @property
    def help(self) -> str: ...


def _helps(registry: Mapping[str, _Entry]) -> str:
    """The help line of every entry."""
    return "; ".join(f"{name}: {entry.help}" for name, entry in registry.items())


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
    _option(ASK, "NAME", f"{_helps(DATASETS)}."),
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
        "Train the chosen configurations again with N new seeds, for an unbiased estimate; "
        "default 5. With 0 nothing is claimed about what was tuned.",
        at_least(0, MOST_CHOOSING_SEEDS),
    ),
]
Confirm = Annotated[
    Any,
    _option(
        ASK,
        "N",
        "Retrain the best of a finished study with N new seeds on all training images, "
        "and evaluate on the test set once.",
        at_least(1, MOST_CHOOSING_SEEDS),
    ),
]
ConfirmWhat = Annotated[
    Any,
    _option(
        ASK,
        _names(CONFIRM_CHOICES),
        "Which configurations --confirm retrains: the best, the best at each size or of each "
        "family, or those that the questions chose.",
        one_of("choice", CONFIRM_CHOICES),
    ),
]
Top = Annotated[
    Any, _option(ASK, "K", "How many of each --confirm retrains; default 1.", at_least(1))
]
Search = Annotated[
    Any,
    _option(
        HOW,
        _names(SEARCHERS),
        f"How trials are proposed. {_helps(SEARCHERS)}.",
        one_of("search", SEARCHERS),
    ),
]
Scheduler = Annotated[
    Any,
    _option(
        HOW,
        _names(SCHEDULERS),
        f"How trials are stopped early. {_helps(SCHEDULERS)}.",
        one_of("scheduler", SCHEDULERS),
    ),
]
GracePeriod = Annotated[
    Any,
    _option(
        HOW,
        "N",
        "Epochs before a scheduler may stop a trial; default: a quarter of all.",
        at_least(1),
    ),
]
ReductionFactor = Annotated[
    Any,
    _option(HOW, "X", "asha continues one trial in X at each rung; default 3.", from_number(1.1)),
]
NumSamples = Annotated[
    Any,
    _option(HOW, "N", "Number of points that random or optuna draws.", at_least(1, MAX_SAMPLES)),
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
TimeBudget = Annotated[
    Any, _option(HOW, "TIME", "Stop the search after a time such as 30m, 2h or 1d12h.", duration())
]
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
    Any,
    _option(RUN, "X|auto", "GPUs per trial, such as 0.25; auto measures the fastest.", share()),
]
CpusPerTrial = Annotated[
    Any, _option(RUN, "X", "CPU cores per trial; default 1.", from_number(MIN_GPU_SHARE))
]
MaxConcurrent = Annotated[Any, _option(RUN, "N", "Maximum number of trials at once.", at_least(1))]
EpochsPerReport = Annotated[
    Any,
    _option(
        RUN,
        "N",
        "Epochs of a trial between two reports; default 1. More relieve a driver of hundreds of "
        "trials with short epochs. Not possible with a scheduler.",
        at_least(1),
    ),
]
AcceleratorType = Annotated[
    str | None,
    _option(RUN, "TYPE", "Use only GPUs of this type, as Ray names it: A100, H100, …"),
]
Resources = Annotated[
    list[Any] | None,
    _option(
        RUN,
        "NAME=X",
        "Amount of a custom Ray resource that a trial takes, to limit the trials per node; "
        "repeatable.",
        custom_resource,
        "--resources",
    ),
]
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
    bool, _flag(WHERE, "--skip-unreadable", "Leave out images that cannot be read.")
]
Storage = Annotated[
    str | None,
    _option(
        WHERE,
        "PATH|URI",
        "Where checkpoints and a copy of the record go; every node must see it. The same command "
        "on another machine continues from there.",
    ),
]
StudyId = Annotated[
    str | None,
    _option(WHERE, "ID", "Which study to continue, if --storage has several of that name."),
]
CheckpointInterval = Annotated[
    Any,
    _option(WHERE, "TIME", "Training time between a trial's checkpoints; default 60s.", duration()),
]
Address = Annotated[str | None, _option(WHERE, "ADDRESS", "A running Ray cluster; auto finds it.")]
Keep = Annotated[
    Any,
    _option(
        WHERE,
        "all|front|K",
        "Checkpoints to keep: all; those of the front and the best of each size; or these and the "
        "K most accurate (default 10).",
        kept(),
    ),
]
ReuseFrom = Annotated[
    list[Path] | None,
    _option(WHERE, "STUDY", "Reuse the results of equal trials of this study; repeatable."),
]
Fresh = Annotated[
    bool, _flag(WHERE, "--fresh", "Move a study of that name aside and start a new one.")
]
PlanOnly = Annotated[
    bool, _flag(SHOW, "--plan", "Print every trial that would run; start nothing.")
]
AsJson = Annotated[bool, _flag(SHOW, "--json", "With --plan: print one JSON object.")]
ListSpaces = Annotated[bool, _flag(SHOW, "--list-spaces", "Print the spaces and their questions.")]
