"""Which configuration each arm of a question selects, from runs on choosing seeds alone.

The mean of a selected configuration is biased upwards. Selected configurations are therefore run
again on estimating seeds, and claims rest on those runs.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.claims.matching import numbered, pair_architectures, tuned_columns
from analysis.record.dtypes import RENAMED, plain, row_config
from analysis.record.status import TrialStatus
from analysis.study.configurations import configuration_ids
from analysis.study.outcomes import outcomes
from analysis.study.replicates import best_first, enough_runs
from analysis.study.searched_keys import SIDE, existing
from analysis.study.size_steps import size_step
from search_spaces.grammar.question import Carry, Contrast, Question, Select, Smallest, Trend
from search_spaces.grammar.space_json import questions


@dataclass(frozen=True)
class Chosen:
    """The configuration that an arm selected.

    Attributes:
        arm: the arm: the values of the compared keys, and its block or budget.
        configuration: keys of ``TrainConfig`` without the seed.
        id: shared by all runs of the configuration.
        mean: of the metric over its runs on choosing seeds.
        runs: how many of them there are.
        candidates: how many configurations it was selected from; two spellings of one are one.
        trial: one of its trials, the same for two spellings of a configuration.
    """

    arm: Mapping[str, Any]
    configuration: Mapping[str, Any]
    id: str
    mean: float
    runs: int
    candidates: int
    trial: str


def choose(
    question: Question | None,
    space: Mapping[str, Any],
    trials: pd.DataFrame,
    metric: str = "val_accuracy_last",
    *,
    untuned: bool = False,
) -> tuple[Chosen, ...]:
    """The configuration that each arm of a question selects, from runs on choosing seeds.

    Of equal means the smaller network is selected. One configuration may serve several arms.
    Nothing is selected where nothing is tuned (a contrast without nuisance keys of which no run was
    stopped) or no run ended.

    Args:
        question: None makes the whole study one arm.
        space: as ``study.json`` holds it.
        trials: of a study, or its ``grid``, where a network that two families share counts for
            both.
        metric: the column that decides.
        untuned: give what a contrast compares where nothing is tuned, too.
    """
    frame = candidates(space, trials, metric)
    if frame.empty:
        return ()
    match question:
        case None:
            return _of_arms(frame, [])
        case Select():
            return _selected(question, frame)
        case Contrast():
            picked = untuned or scheduler_chose(trials)
            return _contrasted(question, frame, tuned_columns(space), picked=picked)
        case Carry():
            tuned = tuned_columns(space)
            return (*own_best(question, frame, tuned), *carried(question, frame, tuned))
        case Smallest():
            return _sized(question, frame)
        case Trend():
            return ()


def candidates(space: Mapping[str, Any], trials: pd.DataFrame, metric: str) -> pd.DataFrame:
    """A row for each configuration with a run that ended on a choosing seed, the best first.

    Its index is the configuration's id; ``mean``, ``runs`` and ``trial`` (one of its trials) stand
    beside the keys. A row of ``grid`` that is another spelling of a trial is a configuration of its
    own.
    """
    runs = outcomes(existing(trials, space), metric)
    runs = runs[~runs["estimating"]]
    runs = runs.assign(id=configuration_ids(runs))
    groups = runs.groupby("id", sort=False)
    first = groups.head(1).set_index("id")
    first = first.assign(
        mean=groups["value"].mean(), runs=groups.size(), trial=groups["trial_id"].min()
    )
    return best_first(first)


def kinds(space: Mapping[str, Any], frame: pd.DataFrame) -> list[Hashable]:
    """Of which kind each configuration is, a row each: runs of one kind spread about alike.

    Of a ``select``, the arms with equal values at all budgets are of one kind; of a ``smallest``,
    all networks but the reference. Elsewhere each configuration is a kind of its own.
    """
    for question in questions(space):
        if isinstance(question, Select) and set(names := columns(question.keys)) <= set(frame):
            return [tuple(map(plain, row)) for row in frame[names].itertuples(index=False)]
        if isinstance(question, Smallest):
            reference = split_reference(question, frame)[0].index
            return [index in reference for index in frame.index]
    return list(range(len(frame)))


def scheduler_chose(trials: pd.DataFrame) -> bool:
    """Whether a scheduler stopped runs: those that it let finish are too good, as chosen ones."""
    return bool((trials["status"] == TrialStatus.STOPPED).any())


def _of_arms(frame: pd.DataFrame, names: Sequence[str]) -> tuple[Chosen, ...]:
    """The best row of each arm; ``frame`` is sorted, the best first.

    A configuration that lost so many runs that it has less than half of another's in its arm is no
    candidate: the mean of few runs is more likely to be high by chance.
    """
    if not names:
        able = frame[enough_runs(frame["runs"])]
        return (_chosen(able, {}),)
    best_rows = []
    for values, arm in frame.groupby(list(names), sort=False, dropna=False):
        arm_values = {name: plain(value) for name, value in zip(names, values, strict=True)}
        able = arm[enough_runs(arm["runs"])]
        best_rows.append(_chosen(able, arm_values))
    return tuple(best_rows)


def _chosen(rows: pd.DataFrame, arm: Mapping[str, Any], candidates: int | None = None) -> Chosen:
    """The first row, selected from ``candidates``: all rows by default."""
    row = rows.iloc[0]
    return Chosen(
        arm=arm,
        configuration=configuration(row),
        id=str(rows.index[0]),
        mean=float(row["mean"]),
        runs=int(row["runs"]),
        candidates=candidates or rows["trial"].nunique(),
        trial=str(row["trial"]),
    )


def configuration(row: pd.Series) -> dict[str, Any]:
    """The row's keys of ``TrainConfig`` that have a value, without the seed, as Python values."""
    config = row_config(row)
    return {name: value for name, value in config.items() if value is not None and name != "seed"}


def columns(names: Iterable[str]) -> list[str]:
    """The columns of the frames that hold these keys of a space."""
    return [RENAMED.get(name, name) for name in names]


def _selected(question: Select, frame: pd.DataFrame) -> tuple[Chosen, ...]:
    within, *keys = columns((question.within, *question.keys))
    if within not in frame or any(key not in frame for key in keys):
        return ()
    # a width above the budget is an arm of its own
    sides = [SIDE] if SIDE in frame else []
    exist = frame[within].notna() & frame[keys].notna().any(axis=1)
    return _of_arms(frame[exist], [within, *keys, *sides])


def _contrasted(
    question: Contrast, frame: pd.DataFrame, tuned: Iterable[str], *, picked: bool
) -> tuple[Chosen, ...]:
    (key,) = columns([question.key])
    if key not in frame:
        return ()
    pairs = pair_architectures(frame, key, question.baseline, question.treatment, tuned)
    if not picked and not pairs["candidates"].gt(1).any():
        return ()
    found = []
    for row in pairs.itertuples():
        arm = {key: plain(frame.loc[row.id, key]), "block": int(row.block)}
        found.append(_chosen(frame.loc[[row.id]], arm, int(row.candidates)))
    return tuple(found)


def own_best(question: Carry, frame: pd.DataFrame, tuned: Iterable[str] = ()) -> tuple[Chosen, ...]:
    """The best configuration of each architecture, at each treatment."""
    (treatment,) = columns([question.treatment])
    return _of_arms(_in_blocks(question, frame, tuned), [treatment, "block"])


def carried(question: Carry, frame: pd.DataFrame, tuned: Iterable[str] = ()) -> tuple[Chosen, ...]:
    """The configurations of the one value that has the best mean over all architectures.

    One value for each treatment. Only values that every architecture of the treatment was run with
    compete.
    """
    key, treatment = columns([question.key, question.treatment])
    frame = _in_blocks(question, frame, tuned)
    found: list[Chosen] = []
    for value, arm in frame.groupby(treatment, sort=False, dropna=False):
        arm = arm[enough_runs(arm["runs"])]
        table = arm.pivot_table(
            index="block", columns=key, values="mean", aggfunc="max", sort=False
        )
        means = table.dropna(axis="columns").mean().round(12)  # of equal means, the first
        if means.empty:
            continue
        best = arm[arm[key] == means.idxmax()]
        for number, rows in best.groupby("block", sort=False):
            named = {treatment: plain(value), "block": int(number), "carried": True}
            found.append(_chosen(rows, named, len(means)))
    return tuple(found)


def _in_blocks(question: Carry, frame: pd.DataFrame, tuned: Iterable[str]) -> pd.DataFrame:
    """The rows that have both keys, with the number of their architecture as ``block``."""
    key, treatment = columns([question.key, question.treatment])
    frame = frame[frame[[key, treatment]].notna().all(axis=1)]
    return frame.assign(block=numbered(frame, without={key, treatment, *tuned}))


def _sized(question: Smallest, frame: pd.DataFrame) -> tuple[Chosen, ...]:
    """The best reference, and the best network of each size step that is within the margin."""
    reference, others = split_reference(question, frame)
    if reference.empty or others.empty:
        return ()
    reference = reference[enough_runs(reference["runs"])]
    best = _chosen(reference, {"reference": True})
    small = others[others["parameters"] < reference["parameters"].iloc[0]]
    small = small[small["mean"] >= best.mean - question.margin]
    if small.empty:
        return (best,)
    steps = small.assign(step=_steps(small["parameters"].astype("float64")))
    return (best, *_of_arms(steps, ["step"]))


def split_reference(question: Smallest, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of the reference network, and all others."""
    matches = pd.Series(True, index=frame.index)
    for name, value in question.reference.items():
        (column,) = columns([name])
        matches &= (frame[column] == value).fillna(False) if column in frame else False
    return frame[matches], frame[~matches]


def _steps(sizes: pd.Series) -> pd.Series:
    """The lower end, in parameters, of the size step that each network lies in."""
    return sizes.map(lambda size: size_step(size)[0])
