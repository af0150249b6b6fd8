"""The runs that a question's claims rest on.

A setting that was selected on some runs is judged by other runs. Where any arm chose among several
settings, only runs on estimating seeds count, for every arm of the question.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.claims.arm import Arm, make_arm
from analysis.claims.choosing import Chosen, candidates, scheduler_chose
from analysis.claims.claim import value_words
from analysis.claims.matching import (
    NETWORK_COLUMNS,
    SHAPE_COLUMNS,
    counted_once,
    equal_size,
    equals,
    pair_architectures,
    tuned_columns,
)
from analysis.study.best import allowed
from analysis.study.configurations import KEYS, grid, varying, with_configurations
from analysis.study.confirmation import CHANGED, confirmed_study
from analysis.study.outcomes import is_estimating, outcomes
from analysis.study.study import Study, per_study
from trainables.sizes.size_keys import EQUAL_SIZE


@per_study
def choosing_grid(study: Study) -> tuple[pd.DataFrame, str]:
    """The runs that choose for a study, as ``grid`` has them, and the column that decides.

    What a confirmation retrains was chosen by the study that it confirms, whose runs are given here
    as the confirmation would write them, so that both have the same configurations.
    """
    search = confirmed_study(study)
    if search is None or not len(study.trials):
        return grid(study), study.metric
    runs = allowed(study, grid(search))
    retrained = study.trials.iloc[:1]
    as_here = {
        name: retrained[name].repeat(len(runs)).set_axis(runs.index).astype(runs[name].dtype)
        for name in CHANGED
        if name != "seed"
    }
    return runs.assign(**as_here), search.metric


def _judging_trials(study: Study, compared: Iterable[str], *, tuned: bool) -> pd.DataFrame:
    """The trials of the ``compared`` configurations that judge: on estimating or choosing seeds.

    Only fresh runs judge what was ``tuned``, or where every compared configuration has some, so
    that its mean is the one of ``replicates``. Elsewhere they do not count: they are of what came
    out highest alone, which would set back the side whose runs spread further.
    """
    trials = with_configurations(grid(study))
    trials = trials[trials["configuration"].isin(set(compared))]
    if confirmed_study(study) is not None:
        return trials
    fresh = is_estimating(trials)
    everywhere = fresh.groupby(trials["configuration"]).any().all()
    return trials[fresh == (tuned or everywhere)]


@dataclass(frozen=True)
class Evidence:
    """The runs of a question.

    Attributes:
        runs: rows of ``outcomes``.
        planned: runs in the plan, by configuration.
        tuned: whether an arm chose among several settings.
        fresh: whether the runs took part in no choice.
    """

    runs: pd.DataFrame
    planned: pd.Series
    tuned: bool
    fresh: bool

    def arm(self, name: str, chosen: Chosen) -> Arm:
        """The arm that selected ``chosen``, with its runs."""
        runs = self.runs[self.runs["configuration"] == chosen.id]
        planned = int(self.planned.get(chosen.id, 0))
        return make_arm(name, runs, planned, chosen.candidates)


def gather(study: Study, chosen: Iterable[Chosen], *, fresh: bool = False) -> Evidence:
    """The runs that may judge the selected configurations.

    Args:
        study: the study.
        chosen: what the arms selected.
        fresh: take runs on estimating seeds alone, though no arm chose among several settings.
    """
    chosen = list(chosen)
    tuned = fresh or any(best.candidates > 1 for best in chosen) or scheduler_chose(study.trials)
    trials = _judging_trials(study, {best.id for best in chosen}, tuned=tuned)
    planned = trials["configuration"].value_counts()
    fresh = tuned or bool(is_estimating(trials).all())
    return Evidence(outcomes(trials, study.metric), planned, tuned, fresh)


def contrast_runs(study: Study, key: str, baseline: Any, treatment: Any) -> pd.DataFrame:
    """The runs of both treatments on the architectures that have both, one row a run.

    Where an arm tuned nuisance keys, these are the runs of the selected setting on estimating
    seeds.

    Returns:
        Columns of ``outcomes`` and of ``pair_architectures``, of which ``block`` is an architecture
        or a pair of equal size; ``tuned``, and ``planned`` (runs of the configuration in the plan).
    """
    frame = candidates(study.space, *choosing_grid(study))
    if key not in frame:
        return pd.DataFrame(columns=["block", "treated", "family", "tuned", "value", "seed"])
    pairs = pair_architectures(frame, key, baseline, treatment, tuned_columns(study.space))
    tuned = bool(pairs["candidates"].gt(1).any()) or scheduler_chose(study.trials)
    trials = _judging_trials(study, pairs["id"], tuned=tuned)
    runs = outcomes(trials, study.metric)
    facts = pairs.rename(columns={"id": "configuration"}).drop(columns="parameters")
    facts = facts.assign(planned=facts["configuration"].map(trials["configuration"].value_counts()))
    merged = counted_once(runs.merge(facts, on="configuration"))
    return merged.assign(tuned=tuned).astype({"treated": bool})


def unpaired(study: Study, key: str, treatment: Any, baseline: Any) -> str:
    """Why no two finished networks can be compared, in words; "" where the design has such."""
    frame = candidates(study.space, *choosing_grid(study))
    values = (treatment, baseline)
    sides = [frame[equals(frame[key], value)] if key in frame else frame[:0] for value in values]
    unfinished = [value for value, rows in zip(values, sides, strict=True) if rows.empty]
    if unfinished:
        return f"no run of {key} {' or '.join(map(value_words, unfinished))} has finished"
    tuned = tuned_columns(study.space)
    if len(pair_architectures(frame, key, baseline, treatment, tuned)):
        return ""
    sized = key in NETWORK_COLUMNS
    ignored = {"seed", key, *tuned, *(SHAPE_COLUMNS if sized else ())}
    names = varying(pd.concat(sides), without=ignored)
    pairs = sides[0].merge(sides[1], how="cross", suffixes=("", "_baseline"))
    if sized:
        pairs = pairs[equal_size(pairs["parameters"], pairs["parameters_baseline"])]
    size = f" of equal size (within {EQUAL_SIZE:.0%})" if sized else ""
    if pairs.empty:
        return f"no two finished networks{size} differ in it alone"
    columns = {name: ~_alike(pairs[name], pairs[f"{name}_baseline"]) for name in names}
    differ = pd.DataFrame(columns, index=pairs.index)
    closest = differ.loc[differ.sum(axis=1).idxmin()]
    if not closest.any():
        return "networks that differ in it alone are one and the same, written in two ways"
    others = " and ".join(KEYS.get(str(name), str(name)) for name in closest.index[closest])
    return f"finished networks{size} that differ in it differ in {others}, too"


def _alike(left: pd.Series, right: pd.Series) -> pd.Series:
    return (left == right).fillna(False).astype(bool) | (left.isna() & right.isna())


UNTESTED = (
    "the chosen settings have no runs on fresh seeds yet, and the runs that chose them overstate"
    " their accuracy"
)
