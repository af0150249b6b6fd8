"""Importances of keys: fANOVA (Hutter et al. 2014) by Optuna, over the finished trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from analysis.record.status import TrialStatus
from analysis.study.searched_keys import searched_keys
from analysis.study.study import Study

ENOUGH = 8  # trials; with fewer a forest is meaningless
MOST = 500  # trials
LEVELS = 8  # of a key
TREES, DEPTH = 24, 8
COLUMNS = {"key": "str", "importance": "float64", "values": "int64", "n": "int64"}


def key_importances(study: Study) -> pd.DataFrame:
    """The share of the results' variance that each searched key, and the random seed, explains."""
    return importances(study.trials, study.metric, [*searched_keys(study.space), "seed"])


def importances(trials: pd.DataFrame, metric: str, keys: Sequence[str]) -> pd.DataFrame:
    """A row for each key that varies, with its share of the results' variance, highest first.

    The shares are in [0, 1] and sum to 1. Only finished trials are used (``n`` of them, at most
    ``MOST``, a fixed sample). With fewer than ``ENOUGH``, or no key that varies, there are no rows.
    A key that exists for some trials only is that of those alone: see ``_filled``.
    """
    finished = trials[(trials["status"] == TrialStatus.FINISHED) & trials[metric].notna()]
    if len(finished) > MOST:
        finished = finished.sample(MOST, random_state=0)
    varied = [name for name in keys if name in finished and finished[name].nunique() > 1]
    if len(finished) < ENOUGH or not varied or finished[metric].nunique() < 2:
        return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()})
    codes = pd.DataFrame({name: _ordered(_filled(finished[name])) for name in varied})
    results = finished[metric].to_numpy(dtype=float)
    shares = _fanova(codes, results) if len(varied) > 1 else {varied[0]: 1.0}  # the only one
    rows = [(name, shares[name], int(finished[name].nunique()), len(finished)) for name in varied]
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    return frame.sort_values("importance", ascending=False, kind="stable").reset_index(drop=True)


def _filled(values: pd.Series) -> pd.Series:
    """The values, those that are absent drawn from the others by a fixed seed.

    A forest needs a value in each row. One of its own for absence, or the same for all, would tell
    the forest which trials have the key: ``dims`` would explain what ``layer`` does.
    """
    absent = values.isna()
    if not absent.any():
        return values
    drawn = values[~absent].sample(int(absent.sum()), replace=True, random_state=0)
    return values.where(~absent, drawn.set_axis(values.index[absent]))


def _ordered(values: pd.Series) -> pd.Series:
    """Each value's rank among the sorted ones; trees depend on the order only.

    More than ``LEVELS`` values are grouped into as many groups of equal size: a forest over 1,000
    values takes minutes, this one a second or two, and their shares differ by less than .02.
    """
    ordered = values.rank(method="dense")
    if ordered.max() > LEVELS:
        ordered = (values.rank(pct=True, method="max") * LEVELS).map(math.ceil)
    return ordered.astype("int64")


def _fanova(codes: pd.DataFrame, results: Any) -> dict[str, float]:
    import optuna  # with scikit-learn two seconds, and only this needs it

    integers = optuna.distributions.IntDistribution
    ranges = {name: integers(0, int(codes[name].max())) for name in codes}
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(direction="maximize")
        rows = codes.to_dict("records")
        study.add_trials(
            [
                optuna.trial.create_trial(params=row, distributions=ranges, value=float(value))
                for row, value in zip(rows, results, strict=True)
            ]
        )
        evaluator = optuna.importance.FanovaImportanceEvaluator(
            n_trees=TREES, max_depth=DEPTH, seed=0
        )
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    finally:
        optuna.logging.set_verbosity(level)
    return {name: _share(shares.get(name, math.nan)) for name in codes}


def _share(value: float) -> float:
    return float(min(max(value, 0.0), 1.0))
