"""A plan as text."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from textwrap import wrap
from typing import Any

from search_spaces.grammar.grid import grid_points
from search_spaces.grammar.space import SearchSpace
from trainables.sizes.layer_size import short_routes
from trainables.text.count import plural, short_count
from trainables.text.table import WIDTH, text_table
from tune_app.planning.enumeration import MOST_TRIALS
from tune_app.planning.plan import Plan, PlannedTrial
from tune_app.preview.evidence import evidence_lines
from tune_app.preview.forecast import forecast
from tune_app.preview.networks import network_lines
from tune_app.preview.progress import StudyProgress
from tune_app.preview.ways_in import ways_in

IN_THE_ID = {"layer", "dims", "seed"}

LEGEND = [
    "MACs are multiply-adds per image; the routes are those of the layers in order:",
    "f runs the factors, r reconstructs the kernel",
]


def plan_text(plan: Plan, progress: StudyProgress, problems: Sequence[str] = ()) -> str:
    """Everything that would run, and the reasons for the rest, in lines of at most 80 columns.

    ``problems`` are reasons why a search would not start here; the caller reports them.
    """
    parts = [_heading(plan), _evidence(plan, progress), _recorded(plan, progress)]
    parts += [network_lines(plan), _trials(plan), _estimating(plan, progress)]
    parts += [_duplicates(plan), _infeasible(plan), _ways_in(plan)]
    parts += [forecast(plan, progress).lines()]
    starts = not problems
    verdict = "the same command without --plan starts it" if starts else (
        "without --plan the same command would be refused here"
    )  # fmt: skip
    parts += [[f"nothing was started; {verdict}"]]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def spaces_text(spaces: Iterable[SearchSpace]) -> str:
    """Each space with its question, its default search and scheduler."""
    lines = []
    for space in spaces:
        count = sum(1 for _ in islice(grid_points(space), MOST_TRIALS + 1))
        points = plural(count, "grid point") if count <= MOST_TRIALS else "many grid points"
        lines.append(f"{space.name}: {points}, search {space.search}, scheduler {space.scheduler}")
        lines += _wrapped(space.question, "  ", "  ")
        lines += _wrapped(f"from {space.source}", "  ", "  ")
    return "\n".join(lines)


def _heading(plan: Plan) -> list[str]:
    several = len(plan.seeds) > 1
    seeds = f"seed{'s' if several else ''} {', '.join(map(str, plan.seeds))}"
    lines = [f"{plan.space.name}: {plan.space.question}"]
    lines += [f"search {plan.search}, scheduler {plan.scheduler}, {seeds}; {_counts(plan)}"]
    ending = "s" if len(plan.objectives) > 1 else ""
    lines += [f"objective{ending}: {', '.join(plan.objectives)}"]
    lines += [f"fixed: {_key_values(plan.space.fixed)}", *plan.notes]
    return [line for text in lines for line in _wrapped(text, "", "  ")]


def _counts(plan: Plan) -> str:
    if plan.open_ended:
        return f"{plural(plan.open_ended, 'point')}, proposed one by one"
    counts = [plural(len(plan.trials), "trial")]
    if plan.duplicates:
        counts.append(f"{plural(len(plan.duplicates), 'duplicate')} of them")
    if plan.infeasible:
        counts.append(f"{len(plan.infeasible):,} not possible")
    return ", ".join(counts)


def _evidence(plan: Plan, progress: StudyProgress) -> list[str]:
    """The two stages, and the leads that they can show."""
    sentences = evidence_lines(plan, len(progress.estimating), progress.spread)
    return [line for text in sentences for line in _wrapped(text, "", "  ")]


def _estimating(plan: Plan, progress: StudyProgress) -> list[str]:
    """The trials of the second stage, once they are chosen."""
    if not progress.estimating:
        return []
    chosen = dataclasses.replace(plan, trials=progress.estimating)
    return ["stage 2, the chosen configurations:", *_fitted(chosen)]


def _recorded(plan: Plan, progress: StudyProgress) -> list[str]:
    """The number of recorded trials, by status."""
    counts = progress.counts(plan)
    if not counts:
        return []
    parts = ", ".join(f"{count:,} {status}" for status, count in counts.most_common())
    borrowed = f", {progress.borrowed:,} of them by --reuse-from" if progress.borrowed else ""
    left = f"{plural(len(progress.remaining(plan)), 'trial')} left to run"
    return _wrapped(f"on record: {parts}{borrowed}; {left}", "", "  ")


def _trials(plan: Plan) -> list[str]:
    """A table with one line per trial, as exact as the width allows."""
    if not plan.trials:
        return _range(plan.examples)
    networks = len({trial.config.architecture for trial in plan.trials})
    lines = [*_range(plan.trials, plural(networks, "network")), ""]
    lines += _fitted(plan)
    fixed = {trial.size.fixed_parameters for trial in plan.trials}
    if len(fixed) == 1:
        lines += ["", f"parameters include {fixed.pop():,} that are never decomposed;"]
    return [*lines, *LEGEND]


def _fitted(plan: Plan) -> list[str]:
    """The most exact table that fits; keys that a trial's id names lose their columns first."""
    all_keys = list(plan.space.keys)
    unnamed = [name for name in all_keys if name not in IN_THE_ID]
    for keys in (all_keys, unnamed):
        for count in ("{:,}".format, short_count):
            lines = _table(plan, keys, count)
            if _widest(lines) <= WIDTH:
                return lines
    return _table(plan, [], short_count, keys_below=True)


def _range(examples: Sequence[PlannedTrial], noun: str = "networks") -> list[str]:
    """The range of sizes of all trials, or of those that a searcher will propose."""
    if not examples:
        return []
    parameters = [trial.size.parameters for trial in examples]
    macs = [trial.size.macs(trial.config.images_at_once) for trial in examples]
    return [
        f"{noun} of {_span(parameters, '{:,}'.format)} parameters,",
        f"{_span(macs, short_count)} multiply-adds per image",
    ]


def _span(numbers: Sequence[float], words: Callable[[Any], str]) -> str:
    """From the smallest to the largest, or the one number that all have."""
    return " to ".join(dict.fromkeys((words(min(numbers)), words(max(numbers)))))


def _table(
    plan: Plan, keys: Sequence[str], count: Callable[[int], str], *, keys_below: bool = False
) -> list[str]:
    """The trials by family and size, with a column for each of the keys.

    Where the part that is never decomposed differs between trials, the factors have a column of
    their own. ``keys_below`` prints the searched keys on separate lines.
    """
    trials = sorted(plan.trials, key=_by_size)
    factors = len({trial.size.fixed_parameters for trial in trials}) > 1
    headers = [
        "trial",
        *keys,
        "param- eters",
        *["fac- tors"] * factors,
        "MACs",
        "of dense",
        "routes",
    ]
    rows = [
        [trial.trial_id, *_values(trial, keys, plan.space), *_sizes(trial, count, factors)]
        for trial in trials
    ]
    lines = text_table(headers, rows, align="<" + ">" * (len(headers) - 2) + "<")
    if not keys_below:
        return lines
    top = len(lines) - len(trials)
    below = [_searched_values(trial.config.to_dict(), plan.space) for trial in trials]
    pairs = zip(lines[top:], below, strict=True)
    return [*lines[:top], *(line for row, keys in pairs for line in (row, *_indented(keys)))]


def _by_size(trial: PlannedTrial) -> tuple[str, int, int, str]:
    dims = len(trial.size.layers[-1].modes)
    return trial.config.layer, dims, trial.size.parameters, trial.trial_id


def _values(trial: PlannedTrial, keys: Sequence[str], space: SearchSpace) -> list[str]:
    """The values of these keys, "-" where one does not apply."""
    config = trial.config.to_dict()
    return [_value(config[key]) if space.keys[key].applies(config) else "-" for key in keys]


def _sizes(trial: PlannedTrial, count: Callable[[int], str], factors: bool) -> list[str]:
    batch, size = trial.config.images_at_once, trial.size
    return [
        count(size.parameters),
        *[count(size.factor_parameters)] * factors,
        short_count(size.macs(batch)),
        _percent(size.compression),
        short_routes(size.routes(batch)),
    ]


def _duplicates(plan: Plan) -> list[str]:
    """Which point is a duplicate of which trial."""
    if not plan.duplicates:
        return []
    lines = ["duplicates: the same network, schedule and seed, written in another way"]
    for duplicate in plan.duplicates:
        lines += _indented(
            f"{duplicate.same_as} is also {_searched_values(duplicate.config, plan.space)}"
        )
    return lines


def _infeasible(plan: Plan) -> list[str]:
    if not plan.infeasible:
        return []
    lines = ["not possible:"]
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for point in plan.infeasible:
        groups.setdefault(point.reason, []).append(point.config)
    for reason, configs in groups.items():
        first, *others = configs
        shared = {
            name: value
            for name, value in first.items()
            if all(other.get(name) == value for other in others)
        }
        count = f" ({len(configs):,} points)" if others else ""
        lines += _indented(f"{_searched_values(shared, plan.space)}: {reason}{count}")
    return lines


def _ways_in(plan: Plan) -> list[str]:
    return [line for text in ways_in(plan) for line in _wrapped(text, "", "    ")]


def _searched_values(config: Mapping[str, Any], space: SearchSpace) -> str:
    """The searched keys that apply and the seed, where the configuration has them."""
    names = [name for name, key in space.keys.items() if key.applies(config)]
    return _key_values({name: config[name] for name in [*names, "seed"] if name in config})


def _key_values(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_value(value)}" for name, value in values.items())


def _value(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _percent(fraction: float) -> str:
    """Three digits: 1.23%, 12.3%, 100%."""
    return f"{fraction:.{2 if fraction < 0.0995 else 1 if fraction < 0.995 else 0}%}"


def _indented(text: str) -> list[str]:
    return _wrapped(text, "  ", "    ")


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    """Lines within the width; options keep their hyphens together."""
    return wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def _widest(lines: Sequence[str]) -> int:
    return max(map(len, lines))
