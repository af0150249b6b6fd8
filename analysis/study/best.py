"""The one definition of best: the highest mean over seeds, of equal means the smaller network.

Where chosen configurations ran again on estimating seeds, only these configurations compete, by the
means over those seeds. The seeds that made the choice would overestimate them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from analysis.record.record import RecordError
from analysis.record.status import TrialStatus
from analysis.record.tables import TableError
from analysis.study.configurations import config_names, configuration_ids
from analysis.study.outcomes import is_estimating
from analysis.study.replicates import best_first, enough_runs, replicates
from trainables.text.count import exact_count, rounded_up

if TYPE_CHECKING:
    from analysis.study.study import Study


LIMITS = {"max_parameters": "parameters", "max_macs": "macs"}
"""The options that limit a network's size, each with the column that it limits."""

UNITS = {"parameters": "parameters", "macs": "multiply-adds"}
"""The columns of a network's size in words."""


def allowed(study: Study, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of networks within the study's latest limits on size.

    Larger ones may be on record from before a limit was set; they do not compete.
    """
    return _within(_limits(study), rows)


def _limits(study: Study, **given: float | None) -> dict[str, float]:
    """By the column that each limits: the study's, or those that are given and lower."""
    both: tuple[Mapping[str, Any], ...] = (study.info.get("options") or {}, given)
    limits = {
        column: [one[option] for one in both if one.get(option) is not None]
        for option, column in LIMITS.items()
    }
    return {column: min(values) for column, values in limits.items() if values}


def _within(limits: Mapping[str, float], rows: pd.DataFrame) -> pd.DataFrame:
    for column, limit in limits.items():
        rows = rows[rows[column] <= limit]
    return rows


def least_sizes(rows: pd.DataFrame, columns: Iterable[str]) -> list[str]:
    """The least of each column of ``UNITS``, in words: ``4,506 parameters``."""
    known = {column: rows[column].dropna() for column in columns}
    return [f"{rounded_up(one.min())} {UNITS[name]}" for name, one in known.items() if len(one)]


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


def best_configuration(
    study: Study, max_parameters: int | None = None, max_macs: float | None = None
) -> pd.Series:
    """The best row of ``replicates`` among networks within these limits, and the study's.

    Raises:
        RecordError: where no trial, or none so small, has finished.
    """
    every = replicates(study)
    if every.empty:
        raise RecordError(f"{study.folder} has no best trial: none has finished")
    limits = _limits(study, max_parameters=max_parameters, max_macs=max_macs)
    rows = _within(limits, every)
    if rows.empty:
        most = " and ".join(
            f"{exact_count(limit)} {UNITS[column]}" for column, limit in limits.items()
        )
        least = " and ".join(least_sizes(every, limits)) or "no known size"
        raise RecordError(
            f"{study.folder} has no best trial of at most {most}; of what has finished the least "
            f"is {least}"
        )
    return contenders(rows).iloc[0]


def best_of_configuration(study: Study, configuration: str) -> pd.Series:
    """The first of ``runs_best_first``."""
    return runs_best_first(study, configuration).iloc[0]


def runs_best_first(study: Study, configuration: str) -> pd.DataFrame:
    """The finished trials of a configuration, of equal accuracies that with the lowest seed first.

    Only runs that the configuration is judged by count: those on estimating seeds if it has any.
    """
    trials = study.trials[study.trials["status"] == TrialStatus.FINISHED]
    runs = trials[(configuration_ids(trials) == configuration) & trials[study.metric].notna()]
    estimating = is_estimating(runs)
    runs = runs[estimating | (not estimating.any())]
    return runs.sort_values([study.metric, "seed"], ascending=[False, True], kind="stable")
