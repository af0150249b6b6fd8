"""The one definition of best: the highest mean over seeds, of equal means the smaller network.

Where chosen configurations ran again on estimating seeds, only these configurations compete, by the
means over those seeds. The seeds that made the choice would overestimate them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.record.record import RecordError
from analysis.record.status import TrialStatus
from analysis.record.tables import TableError
from analysis.study.configurations import config_names, configuration_ids
from analysis.study.outcomes import is_estimating
from analysis.study.replicates import best_first, enough_runs, replicates

if TYPE_CHECKING:
    from analysis.study.study import Study


LIMITS = {"max_parameters": "parameters", "max_macs": "macs"}
"""The options that limit a network's size, each with the column that it limits."""


def allowed(study: Study, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of networks within the study's latest limits on size.

    Larger ones may be on record from before a limit was set; they do not compete.
    """
    options = study.info.get("options") or {}
    for option, column in LIMITS.items():
        if (limit := options.get(option)) is not None:
            rows = rows[rows[column] <= limit]
    return rows


def contenders(replicates: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``replicates`` that compete, the best first.

    A mean over few runs may be high by chance, so that a configuration with less than half the runs
    of another does not compete.
    """
    competing = replicates[replicates["estimated"]] if replicates["estimated"].any() else replicates
    return best_first(competing[enough_runs(competing["n"])])


def best_of_each(rows: pd.DataFrame, by: Any) -> pd.DataFrame:
    """The best row of ``replicates`` in each group of ``by``.

    ``candidates`` is the number of configurations of which the row is the best: the more there are,
    the more it is selected by chance.
    """
    groups = [
        contenders(group).head(1).assign(candidates=len(group))
        for _, group in rows.groupby(by, observed=True)
    ]
    return pd.concat(groups) if groups else rows.assign(candidates=0)


def best_by_value(study: Study, key: str) -> pd.DataFrame:
    """The best row of ``replicates`` for each value of a scientific key, with ``candidates``."""
    frame = replicates(study)
    if key not in frame:
        raise TableError(f"unknown key {key!r}; the keys are {', '.join(config_names(frame))}")
    best = best_of_each(frame[frame[key].notna()], key)
    first = [key, "mean", "sd", "n", "low", "high", "candidates"]
    return best[first + [name for name in best if name not in first]].reset_index(drop=True)


def best_configuration(study: Study, max_parameters: int | None = None) -> pd.Series:
    """The best row of ``replicates`` among networks with at most ``max_parameters``.

    Raises:
        RecordError: where no trial, or none so small, has finished.
    """
    every = allowed(study, replicates(study))
    rows = every if max_parameters is None else every[every["parameters"] <= max_parameters]
    if every.empty:
        raise RecordError(f"{study.folder} has no best trial: none has finished")
    if rows.empty:
        raise RecordError(
            f"{study.folder} has no best trial of at most {max_parameters:,} parameters: the "
            f"smallest that has finished has {every['parameters'].min():,}"
        )
    return contenders(rows).iloc[0]


def best_of_configuration(study: Study, configuration: str) -> pd.Series:
    """The finished trial with the highest accuracy, of equal ones that with the lowest seed.

    Only runs that the configuration is judged by count: those on estimating seeds if it has any.
    """
    trials = study.trials[study.trials["status"] == TrialStatus.FINISHED]
    runs = trials[(configuration_ids(trials) == configuration) & trials[study.metric].notna()]
    estimating = is_estimating(runs)
    runs = runs[estimating | (not estimating.any())]
    return runs.sort_values([study.metric, "seed"], ascending=[False, True], kind="stable").iloc[0]
