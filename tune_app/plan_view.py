"""A plan as a person reads it, and as a program does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from search_spaces.grid import grid_points
from search_spaces.registry import SPACES
from search_spaces.space import SearchSpace
from tune_app.forecast import forecast
from tune_app.plan import Duplicate, Plan, PlannedTrial, Rejected
from tune_app.text_table import text_table

WIDTH = 80  # columns
IN_THE_ID = {"layer", "dims", "seed"}


def plan_json(plan: Plan) -> str:
    """One object; every trial with its whole resolved configuration, the others as written."""
    return json.dumps(
        {
            "space": plan.space.name,
            "trials": [_trial_json(trial) for trial in plan.trials],
            "duplicates": [
                {"config": one.config, "same_as": one.same_as} for one in plan.duplicates
            ],
            "infeasible": [{"config": one.config, "reason": one.reason} for one in plan.infeasible],
        },
        indent=1,
    )


def plan_text(plan: Plan) -> str:
    """Everything that would run and why the rest would not, in lines of at most 80 columns."""
    parts = [_heading(plan), _trials(plan), _duplicates(plan.duplicates), _infeasible(plan)]
    parts += [
        forecast(plan).lines(),
        ["nothing was started; the same command without --plan starts it"],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _trial_json(trial: PlannedTrial) -> dict[str, Any]:
    batch = trial.config.batch_size
    return {
        "id": trial.trial_id,
        "config": trial.config.to_dict(),
        "parameters": trial.size.parameters,
        "macs": trial.size.macs(batch),
        "compression": trial.size.compression,
        "factor_parameters": trial.size.factor_parameters,
        "routes": trial.size.routes(batch),
    }


def _heading(plan: Plan) -> list[str]:
    seeds = (
        f"seeds {', '.join(map(str, plan.seeds))}"
        if len(plan.seeds) > 1
        else f"seed {plan.seeds[0]}"
    )
    lines = [f"{plan.space.name}: {plan.space.question}"]
    lines += [f"search {plan.search}, scheduler {plan.scheduler}, {seeds}; {_counts(plan)}"]
    lines += [f"fixed: {_words(plan.space.fixed)}", *plan.notes]
    return [line for text in lines for line in wrap(text, WIDTH, subsequent_indent="  ")]


def _counts(plan: Plan) -> str:
    if plan.open_ended:
        return f"{plan.open_ended} points to be proposed as it goes"
    counts = [f"{len(plan.trials):,} trials"]
    if plan.duplicates:
        counts.append(f"{len(plan.duplicates):,} duplicates of them")
    if plan.infeasible:
        counts.append(f"{len(plan.infeasible):,} not possible")
    return ", ".join(counts)


def _trials(plan: Plan) -> list[str]:
    if not plan.trials:
        return []
    keys = [name for name in plan.space.keys if name not in IN_THE_ID]
    fixed = {trial.size.fixed_parameters for trial in plan.trials}
    factors = ["of factors"] * (len(fixed) > 1)
    headers = ["trial", *keys, "param- eters", *factors, "MACs", "of dense", "routes"]
    ordered = sorted(plan.trials, key=_by_size)
    rows = [_row(trial, _shown(trial, keys, plan.space), bool(factors)) for trial in ordered]
    align = "<" + ">" * (len(headers) - 2) + "<"
    lines = text_table(headers, rows, align)
    if len(fixed) == 1:
        lines += ["", f"parameters include {fixed.pop():,} that are never decomposed;"]
    return [*lines, *ROUTES]


ROUTES = [
    "MACs are per image, by the routes taken; routes of the seven layers in order:",
    "f runs the factors, r rebuilds the kernel",
]


def _by_size(trial: PlannedTrial) -> tuple[str, int, int, str]:
    return (
        trial.config.layer,
        len(trial.size.layers[-1].modes),
        trial.size.parameters,
        trial.trial_id,
    )


def _shown(trial: PlannedTrial, keys: list[str], space: SearchSpace) -> list[str]:
    """The values of those keys, "-" where one does not apply."""
    values = trial.config.to_dict()
    return [_number(values[key]) if space.keys[key].applies(values) else "-" for key in keys]


def _row(trial: PlannedTrial, shown: list[str], with_factors: bool) -> list[str]:
    batch, size = trial.config.batch_size, trial.size
    return [
        trial.trial_id,
        *shown,
        f"{size.parameters:,}",
        *[f"{size.factor_parameters:,}"] * with_factors,
        short(size.macs(batch)),
        _percent(size.compression),
        "".join(route[0] for route in size.routes(batch)),
    ]


def _duplicates(duplicates: tuple[Duplicate, ...]) -> list[str]:
    return ["duplicates: the same network, schedule and seed written otherwise"][
        : len(duplicates)
    ] + [f"  {one.same_as} = {_words(one.config)}" for one in duplicates]


def _infeasible(plan: Plan) -> list[str]:
    return ["not possible:"][: len(plan.infeasible)] + [
        line for one in plan.infeasible for line in _reason(one, plan.space)
    ]


def _reason(one: Rejected, space: SearchSpace) -> Iterator[str]:
    searched = {key: one.config[key] for key in [*space.keys, "seed"] if key in one.config}
    yield from wrap(
        f"{_words(searched)}: {one.reason}", WIDTH, initial_indent="  ", subsequent_indent="    "
    )


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_number(value)}" for name, value in values.items())


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _percent(fraction: float) -> str:
    """Three digits: 1.23%, 12.3%, 100%."""
    return f"{fraction:.{2 if fraction < 0.0995 else 1 if fraction < 0.995 else 0}%}"


def short(count: float) -> str:
    """A count in three digits: 45,487,104 → 45.5M."""
    for unit, divisor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= divisor:
            return f"{count / divisor:.3g}{unit}"
    return f"{count:.0f}"


def spaces_text() -> str:
    """Every space with its question, and how it is searched unless told otherwise."""
    lines = []
    for name, space in SPACES.items():
        points = sum(1 for _ in grid_points(space))
        lines += [
            f"{name}: {points} grid points, search {space.search}, scheduler {space.scheduler}"
        ]
        lines += wrap(space.question, WIDTH, initial_indent="  ", subsequent_indent="  ")
        lines += wrap(f"from {space.source}", WIDTH, initial_indent="  ", subsequent_indent="  ")
    return "\n".join(lines)
